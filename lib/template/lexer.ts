import { Code, endOf, isDigit, isLetter, isSpace, isTerminator, wordEnd } from "./characters.ts";
import { isPrintable, quote } from "./quoting.ts";
import { Token, type TokenKind } from "./tokens.ts";

const keywords: ReadonlyMap<string, TokenKind> = new Map([
  ["block", Token.block],
  ["break", Token.break],
  ["continue", Token.continue],
  ["define", Token.define],
  ["else", Token.else],
  ["end", Token.endKeyword],
  ["if", Token.if],
  ["nil", Token.nil],
  ["range", Token.range],
  ["template", Token.template],
  ["with", Token.with],
  ["true", Token.bool],
  ["false", Token.bool],
]);

const sign = /[+-]?/.source;
/** Any run of characters that a number may begin with; whether it is one is the parser's matter. */
const numberStart = new RegExp(
  `${sign}(?:0[xX][0-9a-fA-F_]*(?:\\.[0-9a-fA-F_]*)?(?:[pP]${sign}[0-9_]*)?` +
    "|0[oO][0-7_]*(?:\\.[0-7_]*)?|0[bB][01_]*(?:\\.[01_]*)?" +
    `|[0-9_]*(?:\\.[0-9_]*)?(?:[eE]${sign}[0-9_]*)?)i?`,
  "y",
);

/**
 * Takes a template's text apart, token by token, exactly as Go's text/template/parse does. There is one token at a time,
 * and it is no object: a chart has tens of thousands of them. Space between tokens is none, but told with the next one.
 */
export class Lexer {
  readonly text: string;
  /** The token that was read last. Behind an error, and behind the end, nothing may be read. */
  kind: TokenKind = Token.text;
  start = 0;
  end = 0;
  /** Whether there is space before it; only within an action. */
  spaced = false;
  /** Its characters; only of an identifier or keyword, which are known by them. */
  word = "";
  /** Whether it has a backslash; only of a string or character constant. */
  escaped = false;
  /** What is wrong; only of an error. */
  problem = "";
  /** Where the next token is to be looked for: behind what a trim marker takes. */
  #position = 0;
  #insideAction = false;
  #openParentheses = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Reads the next token. */
  protected read(): TokenKind {
    return this.#insideAction ? this.#inAction() : this.#outside();
  }

  /** The characters of the token that was read last. */
  characters(): string {
    return this.text.slice(this.start, this.end);
  }

  #token(kind: TokenKind, start: number, end: number): TokenKind {
    this.start = start;
    this.end = end;
    this.#position = end;
    this.kind = kind;
    return kind;
  }

  #error(problem: string, start: number): TokenKind {
    this.problem = problem;
    return this.#token(Token.error, start, start);
  }

  /** Text up to the next action, without what its trim marker takes; comments are passed over. */
  #outside(): TokenKind {
    const { text } = this;
    for (;;) {
      const start = this.#position;
      const delimiter = text.indexOf("{{", start);
      if (delimiter < 0) return this.#token(start < text.length ? Token.text : Token.end, start, text.length);
      const trims = text.charCodeAt(delimiter + 2) === Code.minus && isSpace(text.charCodeAt(delimiter + 3));
      let end = delimiter;
      if (trims) while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
      if (end > start) {
        this.#token(Token.text, start, end);
        this.#position = delimiter;
        return Token.text;
      }
      const inside = delimiter + (trims ? 4 : 2);
      if (!text.startsWith("/*", inside)) {
        this.#insideAction = true;
        this.#openParentheses = 0;
        this.#token(Token.leftDelimiter, delimiter, delimiter + 2);
        this.#position = inside;
        return Token.leftDelimiter;
      }
      const close = text.indexOf("*/", inside + 2);
      if (close < 0) return this.#error("unclosed comment", inside);
      const next = this.#delimiterEnd(close + 2);
      if (next === undefined) return this.#error("comment ends before closing delimiter", inside);
      this.#position = next;
    }
  }

  /** Where the text goes on after a right delimiter at `start`; undefined when there is none. */
  #delimiterEnd(start: number): number | undefined {
    const { text } = this;
    const code = text.charCodeAt(start);
    if (code === Code.rightBrace && text.charCodeAt(start + 1) === Code.rightBrace) return start + 2;
    if (!isSpace(code) || !text.startsWith("-}}", start + 1)) return undefined;
    let end = start + 4;
    while (isSpace(text.charCodeAt(end))) end++;
    return end;
  }

  #inAction(): TokenKind {
    const { text } = this;
    let start = this.#position;
    let code = text.charCodeAt(start);
    this.spaced = isSpace(code);
    while (isSpace(code)) code = text.charCodeAt(++start);
    if (isLetter(code)) return this.#identifier(start);
    if (isDigit(code)) return this.#number(start);
    switch (code) {
      case Code.dot: {
        const isNumber = isDigit(text.charCodeAt(start + 1)) || start + 1 === text.length;
        return isNumber ? this.#number(start) : this.#name(Token.field, start);
      }
      case Code.dollar:
        return this.#name(Token.variable, start);
      case Code.doubleQuote:
        return this.#quoted(Token.string, code, start);
      case Code.singleQuote:
        return this.#quoted(Token.characterConstant, code, start);
      case Code.backquote: {
        const close = text.indexOf("`", start + 1);
        if (close < 0) return this.#error("unterminated raw quoted string", start);
        return this.#token(Token.rawString, start, close + 1);
      }
      case Code.pipe:
        return this.#token(Token.pipe, start, start + 1);
      case Code.equals:
        return this.#token(Token.assign, start, start + 1);
      case Code.colon:
        if (text.charCodeAt(start + 1) !== Code.equals) return this.#error("expected :=", start);
        return this.#token(Token.declare, start, start + 2);
      case Code.leftParenthesis:
        this.#openParentheses++;
        return this.#token(Token.leftParenthesis, start, start + 1);
      case Code.rightParenthesis:
        if (--this.#openParentheses < 0) return this.#error("unexpected right paren", start);
        return this.#token(Token.rightParenthesis, start, start + 1);
      case Code.rightBrace:
        if (text.charCodeAt(start + 1) === Code.rightBrace) return this.#rightDelimiter(start, start);
        return this.#token(Token.character, start, start + 1);
      case Code.minus:
        if (!this.spaced || !text.startsWith("}}", start + 1)) return this.#number(start);
        // the space that a trim marker needs before it is part of the delimiter
        this.spaced = start - 1 > this.#position;
        return this.#rightDelimiter(start - 1, start + 1);
      case Code.plus:
        return this.#number(start);
    }
    return start < text.length ? this.#identifier(start) : this.#error("unclosed action", start);
  }

  /** A delimiter, which begins with its trim marker, and its braces. */
  #rightDelimiter(start: number, braces: number): TokenKind {
    if (this.#openParentheses > 0) return this.#error("unclosed left paren", start);
    this.#insideAction = false;
    this.#token(Token.rightDelimiter, braces, braces + 2);
    if (braces > start) this.#position = this.#delimiterEnd(start)!;
    return Token.rightDelimiter;
  }

  /** A string or character constant: a backslash takes the character behind it, a line feed must not be in it. */
  #quoted(kind: TokenKind, delimiter: number, start: number): TokenKind {
    const { text } = this;
    this.escaped = false;
    let at = start + 1;
    let code = text.charCodeAt(at);
    while (code !== delimiter) {
      if (code === Code.backslash) {
        this.escaped = true;
        code = text.charCodeAt(++at);
      }
      if (code === Code.lineFeed || at >= text.length) {
        return this.#error(
          kind === Token.string ? "unterminated quoted string" : "unterminated character constant",
          start,
        );
      }
      code = text.charCodeAt(++at);
    }
    return this.#token(kind, start, at + 1);
  }

  /** A field or a variable; alone, the dot or `$`. */
  #name(kind: typeof Token.field | typeof Token.variable, start: number): TokenKind {
    if (this.#atTerminator(start + 1)) {
      return this.#token(kind === Token.field ? Token.dot : kind, start, start + 1);
    }
    const end = wordEnd(this.text, start + 1);
    if (!this.#atTerminator(end)) return this.#badCharacter(start, end);
    return this.#token(kind, start, end);
  }

  #identifier(start: number): TokenKind {
    const end = wordEnd(this.text, start);
    if (end === start) return this.#otherCharacter(start);
    if (!this.#atTerminator(end)) return this.#badCharacter(start, end);
    this.word = this.text.slice(start, end);
    return this.#token(keywords.get(this.word) ?? Token.identifier, start, end);
  }

  #otherCharacter(start: number): TokenKind {
    const code = this.text.charCodeAt(start);
    if (code >= 32 && code < 127) return this.#token(Token.character, start, start + 1);
    return this.#error(`unrecognized character in action: ${describe(this.text, start)}`, start);
  }

  #badCharacter(start: number, at: number): TokenKind {
    return this.#error(`bad character ${describe(this.text, at)}`, start);
  }

  /** Whether a name may end here. */
  #atTerminator(at: number): boolean {
    const code = this.text.charCodeAt(at);
    if (isSpace(code) || isTerminator(code) || at >= this.text.length) return true;
    return code === Code.rightBrace && this.text.charCodeAt(at + 1) === Code.rightBrace;
  }

  #number(start: number): TokenKind {
    const { text } = this;
    let digits = start;
    while (isDigit(text.charCodeAt(digits))) digits++;
    // nearly all numbers are digits only, and what stands behind them shows it
    if (digits > start && isSpace(text.charCodeAt(digits))) return this.#token(Token.number, start, digits);
    let end = endOf(numberStart, text, start);
    let kind: TokenKind = Token.number;
    let sound = wordEnd(text, end) === end;
    const next = text.charCodeAt(end);
    if (sound && (next === Code.plus || next === Code.minus)) {
      kind = Token.complex;
      end = endOf(numberStart, text, end);
      sound = text[end - 1] === "i" && wordEnd(text, end) === end;
    }
    if (sound) return this.#token(kind, start, end);
    const wrong = wordEnd(text, end) > end ? String.fromCodePoint(text.codePointAt(end)!) : "";
    return this.#error(`bad number syntax: ${quote(text.slice(start, end) + wrong)}`, start);
  }
}

/** A character as Go's %#U shows it: `U+0025 '%'`. */
function describe(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  const character = String.fromCodePoint(code);
  const number = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return isPrintable(character) ? `${number} '${character}'` : number;
}
