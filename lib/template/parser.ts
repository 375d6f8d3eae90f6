import type { FunctionTable } from "./function-table.ts";
import {
  type BranchNode,
  isEmptyList,
  Kind,
  type ListNode,
  type PipelineNode,
  type Source,
  type StatementNode,
  type TemplateNode,
} from "./nodes.ts";
import { OpenLists } from "./open-lists.ts";
import { PipelineParser } from "./pipeline-parser.ts";
import { quote } from "./quoting.ts";
import { parseError, TokenStream } from "./token-stream.ts";
import { Token, type TokenKind } from "./tokens.ts";

/** The statements of a text, and of the templates defined within it, of which each name is there once. */
export interface ParsedText {
  readonly root: ListNode;
  readonly definitions: ReadonlyMap<string, ListNode>;
}

/** A template and the ones defined within it, by name. */
export type ParsedTemplates = ReadonlyMap<string, ParsedTemplate>;

export interface ParsedTemplate {
  readonly name: string;
  readonly source: Source;
  readonly root: ListNode;
}

type ListEnd = "end" | "else";
type Control = "if" | "with" | "range";
const controlKinds = { if: Kind.if, with: Kind.with, range: Kind.range } as const;

/**
 * Parses a template's text.
 *
 * @param functions the ones there are; templates that use others are refused
 * @throws TemplateError in Go's words: `template: a.yaml:3: unexpected "}" in operand`
 */
export function parseText(source: Source, functions: FunctionTable): ParsedText {
  return new Parser(source, functions).parse();
}

/**
 * The templates that a parsed text makes in a file.
 *
 * @throws TemplateError when the text defines a template of the file's name, and is not empty itself
 */
export function templatesOf(source: Source, { root, definitions }: ParsedText): ParsedTemplates {
  const templates = new Map<string, ParsedTemplate>();
  for (const [name, list] of definitions) templates.set(name, { name, source, root: list });
  const { name, text } = source;
  const there = definitions.get(name);
  if (there === undefined || isEmptyList(there)) templates.set(name, { name, source, root });
  else if (!isEmptyList(root)) throw parseError(source, text.length, definedTwice(name));
  return templates;
}

const definedTwice = (name: string): string => `template: multiple definition of template ${quote(name)}`;

/** Recursive descent over the tokens, rule by rule as Go's text/template/parse, so that errors are the same. */
class Parser {
  readonly #tokens: TokenStream;
  readonly #pipelines: PipelineParser;
  readonly #definitions = new Map<string, ListNode>();
  readonly #statements = new OpenLists<StatementNode>();
  /** What ended the list that was parsed last. */
  #listEnd: ListEnd = "end";
  #ranges = 0;

  constructor(source: Source, functions: FunctionTable) {
    this.#tokens = new TokenStream(source);
    this.#pipelines = new PipelineParser(this.#tokens, functions);
  }

  parse(): ParsedText {
    const tokens = this.#tokens;
    const opened = this.#statements.open();
    for (let kind = tokens.peek(); kind !== Token.end; kind = tokens.peek()) {
      const { start } = tokens;
      tokens.next();
      if (kind === Token.leftDelimiter && tokens.peek() === Token.define) {
        tokens.next();
        this.#definition();
        continue;
      }
      const node = this.#statement(kind, start);
      if (node === "end" || node === "else") return tokens.fail(`unexpected {{${node}}}`);
      this.#statements.add(node);
    }
    const root = { statements: this.#statements.take(opened), start: 0, end: tokens.text.length };
    return { root, definitions: this.#definitions };
  }

  /** `{{define "name"}} list {{end}}`, after its keyword */
  #definition(): void {
    const context = "define clause";
    const name = this.#templateName(context);
    this.#tokens.expect(Token.rightDelimiter, context);
    this.#add(name, this.#body(context));
  }

  /** The body of a definition: it sees no variable and no loop around it. An `else` in it is blamed on `head`. */
  #body(context: string, head?: number): ListNode {
    const { variables } = this.#pipelines;
    const ranges = this.#ranges;
    this.#pipelines.variables = ["$"];
    this.#ranges = 0;
    this.#tokens.actionStart = undefined;
    const list = this.#list();
    if (this.#listEnd !== "end") this.#tokens.fail(`unexpected {{${this.#listEnd}}} in ${context}`, head);
    this.#pipelines.variables = variables;
    this.#ranges = ranges;
    return list;
  }

  #add(name: string, root: ListNode): void {
    const there = this.#definitions.get(name);
    if (there === undefined || isEmptyList(there)) this.#definitions.set(name, root);
    else if (!isEmptyList(root)) this.#tokens.fail(definedTwice(name));
  }

  #templateName(context: string): string {
    const kind = this.#tokens.peek();
    if (kind !== Token.string && kind !== Token.rawString) this.#tokens.unexpected(context);
    return this.#pipelines.string();
  }

  /** Statements up to an `{{end}}` or `{{else}}`; `listEnd` tells which of them it was. */
  #list(): ListNode {
    const tokens = this.#tokens;
    const opened = this.#statements.open();
    let kind = tokens.peek();
    const { start } = tokens;
    for (; kind !== Token.end; kind = tokens.peek()) {
      const { start: end } = tokens;
      tokens.next();
      tokens.enter();
      const node = this.#statement(kind, end);
      tokens.leave();
      if (node === "end" || node === "else") {
        this.#listEnd = node;
        return { statements: this.#statements.take(opened), start, end };
      }
      this.#statements.add(node);
    }
    return tokens.fail("unexpected EOF");
  }

  /** A text, or an action from its left delimiter on, which was taken. */
  #statement(kind: TokenKind, start: number): StatementNode | ListEnd {
    const tokens = this.#tokens;
    if (kind === Token.text) return { kind: Kind.text, text: tokens.characters() };
    if (kind !== Token.leftDelimiter) tokens.unexpected("input");
    tokens.actionStart = start;
    const node = this.#action();
    tokens.actionStart = undefined;
    return node;
  }

  #action(): StatementNode | ListEnd {
    const tokens = this.#tokens;
    switch (tokens.next()) {
      case Token.block:
        return this.#block();
      case Token.break:
        return this.#jump(Kind.break, "{{break}}");
      case Token.continue:
        return this.#jump(Kind.continue, "{{continue}}");
      case Token.else:
        return this.#else();
      case Token.endKeyword:
        tokens.expect(Token.rightDelimiter, "end");
        return "end";
      case Token.if:
        return this.#control("if");
      case Token.range:
        return this.#control("range");
      case Token.template:
        return this.#template();
      case Token.with:
        return this.#control("with");
    }
    tokens.back();
    const { start } = tokens;
    return { kind: Kind.action, start, pipeline: this.#pipelines.parse("command", Token.rightDelimiter) };
  }

  #jump(kind: typeof Kind.break | typeof Kind.continue, text: string): StatementNode {
    this.#tokens.expect(Token.rightDelimiter, text);
    if (this.#ranges === 0) this.#tokens.fail(`${text} outside {{range}}`);
    return { kind };
  }

  /** `{{else}}`; before an `if` or `with` its keyword is left to the caller. */
  #else(): ListEnd {
    const kind = this.#tokens.peek();
    if (kind !== Token.if && kind !== Token.with) this.#tokens.expect(Token.rightDelimiter, "else");
    return "else";
  }

  /** `if`, `with` and `range`, after the keyword */
  #control(keyword: Control): BranchNode {
    const declared = this.#pipelines.variables.length;
    const pipeline = this.#pipelines.parse(keyword, Token.rightDelimiter);
    if (keyword === "range") this.#ranges++;
    const list = this.#list();
    if (keyword === "range") this.#ranges--;
    const otherwise = this.#listEnd === "else" ? this.#otherwise(keyword) : undefined;
    this.#pipelines.variables.length = declared;
    return { kind: controlKinds[keyword], start: pipeline.start, pipeline, list, otherwise };
  }

  /** What follows `{{else`. `{{else if}}` and `{{else with}}` stand for a branch of their own that shares the end. */
  #otherwise(keyword: Control): ListNode {
    const tokens = this.#tokens;
    const chained = tokens.peek();
    if ((keyword === "if" && chained === Token.if) || (keyword === "with" && chained === Token.with)) {
      const { start } = tokens;
      tokens.next();
      tokens.enter();
      const branch = this.#control(keyword);
      tokens.leave();
      return { statements: [branch], start, end: tokens.start };
    }
    const list = this.#list();
    if (this.#listEnd !== "end") tokens.fail(`expected end; found {{${this.#listEnd}}}`);
    return list;
  }

  /** `{{block "name" pipeline}} list {{end}}`: defines a template and executes it. */
  #block(): TemplateNode {
    const context = "block clause";
    const tokens = this.#tokens;
    tokens.peek();
    const { start } = tokens;
    const name = this.#templateName(context);
    const pipeline = this.#pipelines.parse(context, Token.rightDelimiter);
    this.#add(name, this.#body(context, tokens.start));
    return { kind: Kind.template, start, name, pipeline };
  }

  /** `{{template "name" pipeline}}` */
  #template(): TemplateNode {
    const context = "template clause";
    const tokens = this.#tokens;
    tokens.peek();
    const { start } = tokens;
    const name = this.#templateName(context);
    let pipeline: PipelineNode | undefined;
    if (tokens.peek() === Token.rightDelimiter) tokens.next();
    else pipeline = this.#pipelines.parse(context, Token.rightDelimiter);
    return { kind: Kind.template, start, name, pipeline };
  }
}
