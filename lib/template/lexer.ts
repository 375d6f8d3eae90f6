import { isPrintable, quote } from "./quoting.ts";
import { type LexedToken, Token, type TokenKind } from "./tokens.ts";

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

const isSpace = (code: number): boolean => code === 32 || code === 9 || code === 10 || code === 13;
const isLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
/** One of `(`, `)`, `,`, `.`, `:` and `|`. */
const isTerminator = (code: number): boolean =>
  code === 40 || code === 41 || code === 44 || code === 46 || code === 58 || code === 124;
const word = /[\p{L}\p{Nd}_]*/uy;

/** Where a run of letters, digits and underscores ends. */
function wordEnd(text: string, start: number): number {
  let end = start;
  let code = text.charCodeAt(end);
  while (isLetter(code) || (code >= 48 && code <= 57) || code === 95) {
    end++;
    code = text.charCodeAt(end);
  }
  return code > 127 ? endOf(word, text, end) : end;
}

const sign = /[+-]?/.source;
/** Any run of characters that a number may begin with; whether it is one is the parser's matter. */
const numberStart = new RegExp(
  `${sign}(?:0[xX][0-9a-fA-F_]*(?:\\.[0-9a-fA-F_]*)?(?:[pP]${sign}[0-9_]*)?` +
    "|0[oO][0-7_]*(?:\\.[0-7_]*)?|0[bB][01_]*(?:\\.[01_]*)?" +
    `|[0-9_]*(?:\\.[0-9_]*)?(?:[eE]${sign}[0-9_]*)?)i?`,
  "y",
);
const quoted = {
  '"': { kind: Token.string, pattern: /"(?:[^"\\\n]|\\[^\n])*"/suy, unclosed: "unterminated quoted string" },
  "'": {
    kind: Token.characterConstant,
    pattern: /'(?:[^'\\\n]|\\[^\n])*'/suy,
    unclosed: "unterminated character constant",
  },
  "`": { kind: Token.rawString, pattern: /`[^`]*`/uy, unclosed: "unterminated raw quoted string" },
} as const;

/** Where a sticky pattern that may match nothing ends. */
function endOf(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : start;
}

/** Takes a template's text apart, token by token, exactly as Go's text/template/parse does. */
export class Lexer {
  readonly #text: string;
  #position = 0;
  #insideAction = false;
  #failed = false;
  #openParentheses = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token. After an error or the end there is only the end. */
  next(): LexedToken {
    if (this.#failed) return { kind: Token.end, start: this.#position, text: "EOF" };
    return this.#insideAction ? this.#inAction() : this.#outside();
  }

  #token(kind: TokenKind, start: number, end: number): LexedToken {
    this.#position = end;
    return { kind, start, text: this.#text.slice(start, end) };
  }

  #error(message: string, start: number): LexedToken {
    this.#failed = true;
    return { kind: Token.error, start, text: message };
  }

  /** Text up to the next action, without what its trim marker takes; comments are passed over. */
  #outside(): LexedToken {
    const text = this.#text;
    for (;;) {
      const start = this.#position;
      const delimiter = text.indexOf("{{", start);
      if (delimiter < 0) {
        if (start < text.length) return this.#token(Token.text, start, text.length);
        return { kind: Token.end, start, text: "EOF" };
      }
      const trims = text[delimiter + 2] === "-" && isSpace(text.charCodeAt(delimiter + 3));
      let end = delimiter;
      if (trims) while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
      this.#position = delimiter;
      if (end > start) return { kind: Token.text, start, text: text.slice(start, end) };
      const inside = delimiter + (trims ? 4 : 2);
      if (!text.startsWith("/*", inside)) {
        this.#insideAction = true;
        this.#openParentheses = 0;
        this.#position = inside;
        return { kind: Token.leftDelimiter, start: delimiter, text: "{{" };
      }
      const problem = this.#comment(inside);
      if (problem !== undefined) return problem;
    }
  }

  #comment(start: number): LexedToken | undefined {
    const close = this.#text.indexOf("*/", start + 2);
    if (close < 0) return this.#error("unclosed comment", start);
    const end = this.#delimiterEnd(close + 2);
    if (end === undefined) return this.#error("comment ends before closing delimiter", start);
    this.#position = end;
    return undefined;
  }

  /** Where the text goes on after a right delimiter at `start`; undefined when there is none. */
  #delimiterEnd(start: number): number | undefined {
    const text = this.#text;
    const code = text.charCodeAt(start);
    if (code === 125 && text.charCodeAt(start + 1) === 125) return start + 2;
    if (!isSpace(code) || text.charCodeAt(start + 1) !== 45 || !text.startsWith("}}", start + 2)) return undefined;
    let end = start + 4;
    while (isSpace(text.charCodeAt(end))) end++;
    return end;
  }

  #inAction(): LexedToken {
    const text = this.#text;
    const start = this.#position;
    const code = text.charCodeAt(start);
    if (isLetter(code)) return this.#identifier(start);
    const end = this.#delimiterEnd(start);
    if (end !== undefined) return this.#rightDelimiter(start, end);
    if (start >= text.length) return this.#error("unclosed action", start);
    if (isSpace(code)) return this.#space(start);
    const first = text[start]!;
    switch (first) {
      case "|":
        return this.#token(Token.pipe, start, start + 1);
      case "=":
        return this.#token(Token.assign, start, start + 1);
      case ":":
        if (text[start + 1] !== "=") return this.#error("expected :=", start);
        return this.#token(Token.declare, start, start + 2);
      case '"':
      case "'":
      case "`":
        return this.#quoted(first, start);
      case "$":
        return this.#name(Token.variable, start);
      case "(":
        this.#openParentheses++;
        return this.#token(Token.leftParenthesis, start, start + 1);
      case ")":
        if (--this.#openParentheses < 0) return this.#error("unexpected right paren", start);
        return this.#token(Token.rightParenthesis, start, start + 1);
    }
    if (isNumberStart(text, start)) return this.#number(start);
    return first === "." ? this.#name(Token.field, start) : this.#identifier(start);
  }

  #rightDelimiter(start: number, end: number): LexedToken {
    if (this.#openParentheses > 0) return this.#error("unclosed left paren", start);
    this.#insideAction = false;
    this.#position = end;
    const trims = this.#text[start] !== "}";
    return { kind: Token.rightDelimiter, start: trims ? start + 2 : start, text: "}}" };
  }

  #space(start: number): LexedToken {
    let end = start + 1;
    while (isSpace(this.#text.charCodeAt(end))) end++;
    // The last space belongs to a delimiter that trims.
    if (this.#text.startsWith("-}}", end)) end--;
    return this.#token(Token.space, start, end);
  }

  #quoted(delimiter: keyof typeof quoted, start: number): LexedToken {
    const { kind, pattern, unclosed } = quoted[delimiter];
    const end = endOf(pattern, this.#text, start);
    return end === start ? this.#error(unclosed, start) : this.#token(kind, start, end);
  }

  /** A field or a variable; alone, the dot or `$`. */
  #name(kind: typeof Token.field | typeof Token.variable, start: number): LexedToken {
    if (this.#atTerminator(start + 1)) {
      return this.#token(kind === Token.field ? Token.dot : kind, start, start + 1);
    }
    const end = wordEnd(this.#text, start + 1);
    if (!this.#atTerminator(end)) return this.#badCharacter(start, end);
    return this.#token(kind, start, end);
  }

  #identifier(start: number): LexedToken {
    const end = wordEnd(this.#text, start);
    if (end === start) return this.#otherCharacter(start);
    if (!this.#atTerminator(end)) return this.#badCharacter(start, end);
    return this.#token(keywords.get(this.#text.slice(start, end)) ?? Token.identifier, start, end);
  }

  #otherCharacter(start: number): LexedToken {
    const code = this.#text.charCodeAt(start);
    if (code >= 32 && code < 127) return this.#token(Token.character, start, start + 1);
    return this.#error(`unrecognized character in action: ${describe(this.#text, start)}`, start);
  }

  #badCharacter(start: number, at: number): LexedToken {
    return this.#error(`bad character ${describe(this.#text, at)}`, start);
  }

  /** Whether a name may end here. */
  #atTerminator(at: number): boolean {
    const code = this.#text.charCodeAt(at);
    if (at >= this.#text.length || isSpace(code)) return true;
    return isTerminator(code) || (code === 125 && this.#text.charCodeAt(at + 1) === 125);
  }

  #number(start: number): LexedToken {
    const text = this.#text;
    let end = endOf(numberStart, text, start);
    let kind: TokenKind = Token.number;
    let sound = wordEnd(text, end) === end;
    if (sound && (text[end] === "+" || text[end] === "-")) {
      kind = Token.complex;
      end = endOf(numberStart, text, end);
      sound = text[end - 1] === "i" && wordEnd(text, end) === end;
    }
    if (sound) return this.#token(kind, start, end);
    const next = wordEnd(text, end) > end ? String.fromCodePoint(text.codePointAt(end)!) : "";
    return this.#error(`bad number syntax: ${quote(text.slice(start, end) + next)}`, start);
  }
}

/** Digits, or a sign or dot that a number may begin with: `.` is a field where anything but a digit follows. */
function isNumberStart(text: string, start: number): boolean {
  const isDigit = (at: number): boolean => text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57;
  const first = text[start];
  return (
    first === "+" ||
    first === "-" ||
    isDigit(start) ||
    (first === "." && (isDigit(start + 1) || start + 1 === text.length))
  );
}

/** A character as Go's %#U shows it: `U+0025 '%'`. */
function describe(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  const character = String.fromCodePoint(code);
  const number = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return isPrintable(character) ? `${number} '${character}'` : number;
}
