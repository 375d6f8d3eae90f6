import {
  type BoolNode,
  type CommandNode,
  type DotNode,
  Kind,
  type NilNode,
  type NumberNode,
  type OperandNode,
  type PipelineNode,
  type StringNode,
} from "./nodes.ts";
import { parseNumber } from "./numbers.ts";
import { quote, unquote } from "./quoting.ts";
import type { TokenStream } from "./token-stream.ts";
import { type LexedToken, Token, type TokenKind } from "./tokens.ts";

const operandStarts: ReadonlySet<TokenKind> = new Set([
  Token.bool,
  Token.characterConstant,
  Token.complex,
  Token.dot,
  Token.field,
  Token.identifier,
  Token.number,
  Token.nil,
  Token.rawString,
  Token.string,
  Token.variable,
  Token.leftParenthesis,
]);

/** Parses what stands within an action: pipelines of commands, and the variables they declare. */
export class PipelineParser {
  readonly #tokens: TokenStream;
  readonly #isFunction: (name: string) => boolean;
  /** The variables that can be used at this point. */
  variables: string[] = ["$"];

  constructor(tokens: TokenStream, isFunction: (name: string) => boolean) {
    this.#tokens = tokens;
    this.#isFunction = isFunction;
  }

  /** The string a string token stands for. */
  unquoted(token: LexedToken): string {
    return unquote(token.text) ?? this.#tokens.fail("invalid syntax");
  }

  /** Commands up to the token that ends the pipeline, which is taken. */
  parse(context: string, end: TokenKind): PipelineNode {
    const { start } = this.#tokens.peekNonSpace();
    const { variables, assigns } = this.#declarations(context);
    const commands: CommandNode[] = [];
    for (let token = this.#tokens.nextNonSpace(); token.kind !== end; token = this.#tokens.nextNonSpace()) {
      if (!operandStarts.has(token.kind)) this.#tokens.unexpected(token, context);
      this.#tokens.back(token);
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#tokens.fail(`missing value for ${context}`);
    const wrong = commands.findIndex(({ first }, i) => i > 0 && isPlainValue(first));
    if (wrong > 0) this.#tokens.fail(`non executable command in pipeline stage ${wrong + 1}`);
    // a copy has no room to spare, as an array that is pushed to has
    return { kind: Kind.pipeline, start, variables, assigns, commands: commands.slice() };
  }

  /** `$a :=`, `$a =`, or in a range `$a, $b :=` */
  #declarations(context: string): { variables: string[]; assigns: boolean } {
    const variables: string[] = [];
    while (this.#tokens.peekNonSpace().kind === Token.variable) {
      const variable = this.#tokens.next();
      const after = this.#tokens.next();
      const next = after.kind === Token.space ? this.#tokens.nextNonSpace() : after;
      const isList = next.kind === Token.character && next.text === ",";
      if (next.kind !== Token.assign && next.kind !== Token.declare && !isList) {
        this.#tokens.back(...(after.kind === Token.space ? [variable, after, next] : [variable, next]));
        break;
      }
      variables.push(variable.text);
      this.variables.push(variable.text);
      if (!isList) return { variables, assigns: next.kind === Token.assign };
      if (context !== "range" || variables.length > 1) this.#tokens.fail(`too many declarations in ${context}`);
      const { kind } = this.#tokens.peekNonSpace();
      if (kind !== Token.variable && kind !== Token.rightDelimiter && kind !== Token.rightParenthesis) {
        this.#tokens.fail("range can only initialize variables");
      }
    }
    return { variables, assigns: false };
  }

  /** Operands up to a `|`, which is taken, or an end, which is not. */
  #command(): CommandNode {
    const { start } = this.#tokens.peekNonSpace();
    const operands: OperandNode[] = [];
    for (;;) {
      this.#tokens.peekNonSpace();
      const operand = this.#operand();
      if (operand !== undefined) operands.push(operand);
      const token = this.#tokens.next();
      if (token.kind === Token.space) continue;
      if (token.kind === Token.rightDelimiter || token.kind === Token.rightParenthesis) this.#tokens.back(token);
      else if (token.kind !== Token.pipe) this.#tokens.unexpected(token, "operand");
      break;
    }
    const first = operands[0] ?? this.#tokens.fail("empty command");
    return { kind: Kind.command, start, first, rest: operands.slice(1) };
  }

  /** A term with the fields that follow it. */
  #operand(): OperandNode | undefined {
    const term = this.#term();
    if (term === undefined) return undefined;
    const { kind, start } = this.#tokens.peek();
    if (kind !== Token.field) return term;
    const fields: string[] = [];
    while (this.#tokens.peek().kind === Token.field) fields.push(this.#tokens.next().text.slice(1));
    switch (term.kind) {
      case Kind.field:
      case Kind.variable:
        return { ...term, start, fields: [...term.fields, ...fields] };
      case Kind.bool:
      case Kind.string:
      case Kind.number:
      case Kind.nil:
      case Kind.dot:
        return this.#tokens.fail(`unexpected . after term ${quote(termText(term))}`);
    }
    return { kind: Kind.chain, start, of: term, fields };
  }

  #term(): OperandNode | undefined {
    const token = this.#tokens.nextNonSpace();
    const { start } = token;
    switch (token.kind) {
      case Token.identifier:
        if (!this.#isFunction(token.text)) this.#tokens.fail(`function ${quote(token.text)} not defined`);
        return { kind: Kind.identifier, start, name: token.text };
      case Token.dot:
        return { kind: Kind.dot, start };
      case Token.nil:
        return { kind: Kind.nil, start };
      case Token.variable:
        if (!this.variables.includes(token.text)) this.#tokens.fail(`undefined variable ${quote(token.text)}`);
        return { kind: Kind.variable, start, name: token.text, fields: [] };
      case Token.field:
        return { kind: Kind.field, start, fields: [token.text.slice(1)] };
      case Token.bool:
        return { kind: Kind.bool, start, value: token.text === "true" };
      case Token.number:
      case Token.complex:
      case Token.characterConstant:
        return this.#number(token);
      case Token.leftParenthesis:
        return this.#parenthesized();
      case Token.string:
      case Token.rawString:
        return { kind: Kind.string, start, value: this.unquoted(token), text: token.text };
    }
    this.#tokens.back(token);
    return undefined;
  }

  #parenthesized(): PipelineNode {
    this.#tokens.enter();
    const pipeline = this.parse("parenthesized pipeline", Token.rightParenthesis);
    this.#tokens.leave();
    return pipeline;
  }

  #number({ kind, start, text }: LexedToken): NumberNode {
    if (kind === Token.complex) this.#tokens.fail(`complex numbers are not supported: ${quote(text)}`);
    const value = kind === Token.characterConstant ? this.#characterConstant(text) : parseNumber(text);
    if (typeof value === "string") this.#tokens.fail(value);
    return { kind: Kind.number, start, value, text };
  }

  #characterConstant(text: string): NumberNode["value"] {
    const [character, ...more] = unquote(text) ?? this.#tokens.fail("invalid syntax");
    if (character === undefined) this.#tokens.fail("invalid syntax");
    if (more.length > 0) this.#tokens.fail(`malformed character constant: ${text}`);
    const integer = BigInt(character.codePointAt(0)!);
    return { integer, float: Number(integer), natural: integer };
  }
}

type PlainValue = DotNode | NilNode | BoolNode | NumberNode | StringNode;

/** A constant or the dot: nothing that could take the value before it in a pipeline. */
const isPlainValue = ({ kind }: OperandNode): boolean =>
  kind === Kind.bool || kind === Kind.dot || kind === Kind.nil || kind === Kind.number || kind === Kind.string;

function termText(term: PlainValue): string {
  if (term.kind === Kind.dot) return ".";
  if (term.kind === Kind.nil) return "nil";
  return term.kind === Kind.bool ? String(term.value) : term.text;
}
