import type { FunctionTable } from "./function-table.ts";
import {
  type CommandNode,
  Kind,
  type NumberNode,
  nodeText,
  type OperandNode,
  type PipelineNode,
  type StringNode,
} from "./nodes.ts";
import { parseNumber } from "./numbers.ts";
import { none, OpenLists } from "./open-lists.ts";
import { quote, unquote } from "./quoting.ts";
import type { TokenStream } from "./token-stream.ts";
import { Token, type TokenKind } from "./tokens.ts";

/** Parses what stands within an action: pipelines of commands, and the variables they declare. */
export class PipelineParser {
  readonly #tokens: TokenStream;
  readonly #functions: FunctionTable;
  readonly #commands = new OpenLists<CommandNode>();
  readonly #operands = new OpenLists<OperandNode>();
  readonly #names = new OpenLists<string>();
  /** The variables that can be used at this point. */
  variables: string[] = ["$"];

  constructor(tokens: TokenStream, functions: FunctionTable) {
    this.#tokens = tokens;
    this.#functions = functions;
  }

  /** Takes a string, and gives what it stands for. */
  string(): string {
    return this.#unquoted(this.#tokens.take());
  }

  #unquoted(literal: string): string {
    return unquote(literal) ?? this.#tokens.fail("invalid syntax");
  }

  /** Commands up to the token that ends the pipeline, which is taken. */
  parse(context: string, end: TokenKind): PipelineNode {
    const tokens = this.#tokens;
    const opened = this.#commands.open();
    const first = tokens.peek();
    const { start } = tokens;
    const variables = first === Token.variable ? this.#declarations(context) : none;
    const assigns = variables.length > 0 && tokens.kind === Token.assign;
    while (tokens.peek() !== end) {
      const { start } = tokens;
      const operand = this.#operand() ?? tokens.unexpected(context);
      this.#commands.add(this.#command(operand, start));
    }
    tokens.next();
    const commands = this.#commands.take(opened);
    if (commands.length === 0) tokens.fail(`missing value for ${context}`);
    for (let i = 1; i < commands.length; i++) {
      if (isPlainValue(commands[i]!.first)) tokens.fail(`non executable command in pipeline stage ${i + 1}`);
    }
    return { kind: Kind.pipeline, start, variables, assigns, commands };
  }

  /**
   * The variables in `$a :=`, `$a =`, or in a range `$a, $b :=`. That one is none of them shows only behind it: it begins
   * a command then, which is added to the others.
   */
  #declarations(context: string): readonly string[] {
    const tokens = this.#tokens;
    const opened = this.#names.open();
    let count = 0;
    while (tokens.peek() === Token.variable) {
      const { start } = tokens;
      const name = tokens.take();
      const kind = tokens.peek();
      const isList = kind === Token.character && tokens.characters() === ",";
      if (kind !== Token.assign && kind !== Token.declare && !isList) {
        this.#commands.add(this.#command(this.#variable(name, start), start));
        break;
      }
      tokens.next();
      this.#names.add(name);
      this.variables.push(name);
      if (!isList) break;
      if (context !== "range" || ++count > 1) tokens.fail(`too many declarations in ${context}`);
      const next = tokens.peek();
      if (next !== Token.variable && next !== Token.rightDelimiter && next !== Token.rightParenthesis) {
        tokens.fail("range can only initialize variables");
      }
    }
    return this.#names.take(opened);
  }

  /** The operands behind the first one, up to a `|`, which is taken, or an end, which is not. */
  #command(first: OperandNode, start: number): CommandNode {
    const tokens = this.#tokens;
    const opened = this.#operands.open();
    let kind = tokens.peek();
    while (tokens.spaced) {
      const operand = this.#operand();
      if (operand === undefined) break;
      this.#operands.add(operand);
      kind = tokens.peek();
    }
    if (kind === Token.pipe) tokens.next();
    else if (kind !== Token.rightDelimiter && kind !== Token.rightParenthesis) tokens.unexpected("operand");
    return { kind: Kind.command, start, first, rest: this.#operands.take(opened) };
  }

  /** A term with the fields that follow it; undefined where something else stands. */
  #operand(): OperandNode | undefined {
    const tokens = this.#tokens;
    const kind = tokens.peek();
    const { start } = tokens;
    if (kind === Token.variable) return this.#variable(tokens.take(), start);
    if (kind === Token.field) {
      const fields = this.#fields();
      // Go has it where the last but one of its tokens was looked at: at its second name
      return { kind: Kind.field, start: fields.length > 1 ? start + fields[0]!.length + 1 : start, fields };
    }
    const term = this.#term(kind, start);
    if (term === undefined || !this.#atField()) return term;
    const at = tokens.start;
    const fields = this.#fields();
    if (isPlainValue(term)) {
      const end = at + fields.join(".").length + 1;
      // for Go the space behind them was read last
      tokens.fail(`unexpected . after term ${quote(nodeText(term))}`, tokens.spaced ? end : tokens.start);
    }
    return { kind: Kind.chain, start: at, of: term, fields };
  }

  #variable(name: string, start: number): OperandNode {
    if (!this.variables.includes(name)) this.#tokens.fail(`undefined variable ${quote(name)}`);
    if (!this.#atField()) return { kind: Kind.variable, start, name, fields: none };
    return { kind: Kind.variable, start: start + name.length, name, fields: this.#fields() };
  }

  #atField(): boolean {
    return this.#tokens.peek() === Token.field && !this.#tokens.spaced;
  }

  /** `.a.b.c`, the names of fields one right behind the other. */
  #fields(): readonly string[] {
    const opened = this.#names.open();
    do this.#names.add(this.#tokens.take(1));
    while (this.#atField());
    return this.#names.take(opened);
  }

  #term(kind: TokenKind, start: number): OperandNode | undefined {
    const tokens = this.#tokens;
    switch (kind) {
      case Token.identifier: {
        const name = tokens.word;
        tokens.next();
        const called = this.#functions.get(name) ?? tokens.fail(`function ${quote(name)} not defined`);
        return { kind: Kind.identifier, start, name, called };
      }
      case Token.dot:
        tokens.next();
        return { kind: Kind.dot, start };
      case Token.nil:
        tokens.next();
        return { kind: Kind.nil, start };
      case Token.bool:
        return { kind: Kind.bool, start, value: tokens.take() === "true" };
      case Token.number:
      case Token.complex:
      case Token.characterConstant:
        return this.#number(kind, start);
      case Token.leftParenthesis:
        return this.#parenthesized();
      case Token.string:
        if (tokens.escaped) return this.#literal(start);
        return { kind: Kind.string, start, value: tokens.take(1, 1), literal: undefined };
      case Token.rawString:
        return this.#literal(start);
      default:
        return undefined;
    }
  }

  #literal(start: number): StringNode {
    const literal = this.#tokens.take();
    return { kind: Kind.string, start, value: this.#unquoted(literal), literal };
  }

  #parenthesized(): PipelineNode {
    this.#tokens.next();
    this.#tokens.enter();
    const pipeline = this.parse("parenthesized pipeline", Token.rightParenthesis);
    this.#tokens.leave();
    return pipeline;
  }

  #number(kind: TokenKind, start: number): NumberNode {
    const text = this.#tokens.take();
    if (kind === Token.complex) this.#tokens.fail(`complex numbers are not supported: ${quote(text)}`);
    const value = kind === Token.characterConstant ? this.#characterConstant(text) : parseNumber(text);
    if (typeof value === "string") this.#tokens.fail(value);
    return { kind: Kind.number, start, value, text };
  }

  #characterConstant(text: string): NumberNode["value"] {
    const [character, ...more] = this.#unquoted(text);
    if (character === undefined) this.#tokens.fail("invalid syntax");
    if (more.length > 0) this.#tokens.fail(`malformed character constant: ${text}`);
    const integer = BigInt(character.codePointAt(0)!);
    return { integer, float: Number(integer), natural: integer };
  }
}

/** A constant or the dot: nothing that could take the value before it in a pipeline. */
const isPlainValue = ({ kind }: OperandNode): boolean =>
  kind === Kind.bool || kind === Kind.dot || kind === Kind.nil || kind === Kind.number || kind === Kind.string;
