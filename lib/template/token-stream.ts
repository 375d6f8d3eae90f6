import { Lexer } from "./lexer.ts";
import type { Source } from "./nodes.ts";
import { quote } from "./quoting.ts";
import { lineOf, placeOf, TemplateError } from "./template-error.ts";
import { Token, type TokenKind } from "./tokens.ts";

/** How deep parentheses, and blocks with an end, may be nested. Go takes more, people do not write it. */
const maxNesting = 500;

/**
 * The tokens of a template, of which the next one may be looked at before it is taken, and the errors that blame them:
 * the token that was read last, looked at or taken.
 */
export class TokenStream extends Lexer {
  readonly source: Source;
  /** Whether the token that was read last is still to be taken. */
  #isAhead = false;
  #nesting = 0;
  /** Where the action began that is being parsed; undefined within the blocks of one. */
  actionStart: number | undefined;

  constructor(source: Source) {
    super(source.text);
    this.source = source;
  }

  /** Takes the next token. */
  next(): TokenKind {
    if (!this.#isAhead) return this.read();
    this.#isAhead = false;
    return this.kind;
  }

  /** Gives the token back that was taken last. */
  back(): void {
    this.#isAhead = true;
  }

  /** Looks at the next token. */
  peek(): TokenKind {
    if (this.#isAhead) return this.kind;
    this.#isAhead = true;
    return this.read();
  }

  /** Takes the next token, and gives its characters but for some of the first and last ones. */
  take(first = 0, last = 0): string {
    this.next();
    return this.text.slice(this.start + first, this.end - last);
  }

  expect(kind: TokenKind, context: string): void {
    if (this.next() !== kind) this.unexpected(context);
  }

  fail(reason: string, at = this.start): never {
    throw parseError(this.source, at, reason);
  }

  /** Fails since the token that was read last does not belong there. */
  unexpected(context: string): never {
    if (this.kind !== Token.error) this.fail(`unexpected ${this.#shown()} in ${context}`);
    const { name, text } = this.source;
    const started = this.actionStart === undefined ? undefined : lineOf(text, this.actionStart);
    if (started === undefined || started === lineOf(text, this.start)) this.fail(this.problem);
    const where = this.problem.endsWith(" action") ? " started" : " in action started";
    this.fail(`${this.problem}${where} at ${name}:${started}`);
  }

  /** A token as a message shows it. */
  #shown(): string {
    if (this.kind === Token.end) return "EOF";
    const text = this.characters();
    if (this.kind > Token.keyword) return `<${text}>`;
    const characters = [...text];
    return characters.length > 10 ? `${quote(characters.slice(0, 10).join(""))}...` : quote(text);
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
