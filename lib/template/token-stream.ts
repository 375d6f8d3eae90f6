import { Lexer } from "./lexer.ts";
import type { Source } from "./nodes.ts";
import { quote } from "./quoting.ts";
import { lineOf, placeOf, TemplateError } from "./template-error.ts";
import { type LexedToken, Token, type TokenKind } from "./tokens.ts";

/** How deep parentheses, and blocks with an end, may be nested. Go takes more, people do not write it. */
const maxNesting = 500;

/** The tokens of a template with as much looking ahead as the parser needs, and the errors that blame them. */
export class TokenStream {
  readonly source: Source;
  readonly #lexer: Lexer;
  /** Tokens that were given back, the next one last. */
  readonly #pending: LexedToken[] = [];
  #last: LexedToken = { kind: Token.text, start: 0, text: "" };
  #nesting = 0;
  /** Where the action began that is being parsed; undefined within the blocks of one. */
  actionStart: number | undefined;

  constructor(source: Source) {
    this.source = source;
    this.#lexer = new Lexer(source.text);
  }

  /** The token that was read last, looked ahead or not: the one an error is blamed on. */
  get last(): LexedToken {
    return this.#last;
  }

  /** Gives tokens back: the first of them is the next one again. */
  back(...tokens: readonly LexedToken[]): void {
    for (let i = tokens.length - 1; i >= 0; i--) this.#pending.push(tokens[i]!);
  }

  next(): LexedToken {
    const pending = this.#pending.pop();
    if (pending !== undefined) return pending;
    this.#last = this.#lexer.next();
    return this.#last;
  }

  peek(): LexedToken {
    const pending = this.#pending.at(-1);
    if (pending !== undefined) return pending;
    const token = this.next();
    this.#pending.push(token);
    return token;
  }

  nextNonSpace(): LexedToken {
    let token = this.next();
    while (token.kind === Token.space) token = this.next();
    return token;
  }

  peekNonSpace(): LexedToken {
    let token = this.peek();
    while (token.kind === Token.space) {
      this.#pending.pop();
      token = this.peek();
    }
    return token;
  }

  expect(kind: TokenKind, context: string): LexedToken {
    const token = this.nextNonSpace();
    if (token.kind !== kind) this.unexpected(token, context);
    return token;
  }

  fail(reason: string, { start } = this.#last): never {
    throw parseError(this.source, start, reason);
  }

  unexpected(token: LexedToken, context: string): never {
    if (token.kind !== Token.error) this.fail(`unexpected ${tokenText(token)} in ${context}`);
    const { name, text } = this.source;
    const started = this.actionStart === undefined ? undefined : lineOf(text, this.actionStart);
    if (started === undefined || started === lineOf(text, token.start)) this.fail(token.text);
    const where = token.text.endsWith(" action") ? " started" : " in action started";
    this.fail(`${token.text}${where} at ${name}:${started}`);
  }

  /** Goes one level deeper; `leave` comes back. */
  enter(): void {
    if (++this.#nesting > maxNesting) this.fail("max expression depth exceeded");
  }

  leave(): void {
    this.#nesting--;
  }
}

export const parseError = ({ name, text }: Source, at: number, reason: string): TemplateError =>
  new TemplateError(`template: ${name}:${lineOf(text, at)}: ${reason}`, placeOf(name, text, at), reason);

/** A token as a message shows it. */
function tokenText({ kind, text }: LexedToken): string {
  if (kind === Token.end) return "EOF";
  if (kind > Token.keyword) return `<${text}>`;
  const characters = [...text];
  return characters.length > 10 ? `${quote(characters.slice(0, 10).join(""))}...` : quote(text);
}
