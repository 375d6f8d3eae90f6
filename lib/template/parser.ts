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
import { PipelineParser } from "./pipeline-parser.ts";
import { quote } from "./quoting.ts";
import { parseError, TokenStream } from "./token-stream.ts";
import { type LexedToken, Token } from "./tokens.ts";

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
 * @param isFunction whether there is a function of this name; templates that use others are refused
 * @throws TemplateError in Go's words: `template: a.yaml:3: unexpected "}" in operand`
 */
export function parseText(source: Source, isFunction: (name: string) => boolean): ParsedText {
  return new Parser(source, isFunction).parse();
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
  #ranges = 0;

  constructor(source: Source, isFunction: (name: string) => boolean) {
    this.#tokens = new TokenStream(source);
    this.#pipelines = new PipelineParser(this.#tokens, isFunction);
  }

  parse(): ParsedText {
    const statements: StatementNode[] = [];
    for (let token = this.#tokens.peek(); token.kind !== Token.end; token = this.#tokens.peek()) {
      if (token.kind === Token.leftDelimiter) {
        this.#tokens.next();
        if (this.#tokens.peekNonSpace().kind === Token.define) {
          this.#tokens.nextNonSpace();
          this.#definition();
          continue;
        }
        this.#tokens.back(token);
      }
      const node = this.#statement();
      if (node === "end" || node === "else") this.#tokens.fail(`unexpected {{${node}}}`);
      statements.push(node);
    }
    const root = { statements, start: 0, end: this.#tokens.source.text.length };
    return { root, definitions: this.#definitions };
  }

  /** `{{define "name"}} list {{end}}`, after its keyword */
  #definition(): void {
    const context = "define clause";
    const name = this.#templateName(this.#tokens.nextNonSpace(), context);
    this.#tokens.expect(Token.rightDelimiter, context);
    this.#add(name, this.#body(context));
  }

  /** The body of a definition: it sees no variable and no loop around it. An `else` in it is blamed on `head`. */
  #body(context: string, head?: LexedToken): ListNode {
    const [variables, ranges] = [this.#pipelines.variables, this.#ranges];
    this.#pipelines.variables = ["$"];
    this.#ranges = 0;
    this.#tokens.actionStart = undefined;
    const [list, end] = this.#list();
    if (end !== "end") this.#tokens.fail(`unexpected {{${end}}} in ${context}`, head);
    [this.#pipelines.variables, this.#ranges] = [variables, ranges];
    return list;
  }

  #add(name: string, root: ListNode): void {
    const there = this.#definitions.get(name);
    if (there === undefined || isEmptyList(there)) this.#definitions.set(name, root);
    else if (!isEmptyList(root)) this.#tokens.fail(definedTwice(name));
  }

  #templateName(token: LexedToken, context: string): string {
    if (token.kind !== Token.string && token.kind !== Token.rawString) this.#tokens.unexpected(token, context);
    return this.#pipelines.unquoted(token);
  }

  /** Statements up to an `{{end}}` or `{{else}}`, and which of them it was. */
  #list(): [ListNode, ListEnd] {
    const { start } = this.#tokens.peekNonSpace();
    const statements: StatementNode[] = [];
    for (let token = this.#tokens.peekNonSpace(); token.kind !== Token.end; token = this.#tokens.peekNonSpace()) {
      this.#tokens.enter();
      const node = this.#statement();
      this.#tokens.leave();
      if (node === "end" || node === "else") return [{ statements: statements.slice(), start, end: token.start }, node];
      statements.push(node);
    }
    return this.#tokens.fail("unexpected EOF");
  }

  #statement(): StatementNode | ListEnd {
    const token = this.#tokens.nextNonSpace();
    if (token.kind === Token.text) return { kind: Kind.text, text: token.text };
    if (token.kind !== Token.leftDelimiter) this.#tokens.unexpected(token, "input");
    this.#tokens.actionStart = token.start;
    const node = this.#action();
    this.#tokens.actionStart = undefined;
    return node;
  }

  #action(): StatementNode | ListEnd {
    const token = this.#tokens.nextNonSpace();
    switch (token.kind) {
      case Token.block:
        return this.#block();
      case Token.break:
        return this.#jump(Kind.break, "{{break}}");
      case Token.continue:
        return this.#jump(Kind.continue, "{{continue}}");
      case Token.else:
        return this.#else();
      case Token.endKeyword:
        this.#tokens.expect(Token.rightDelimiter, "end");
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
    this.#tokens.back(token);
    const pipeline = this.#pipelines.parse("command", Token.rightDelimiter);
    return { kind: Kind.action, start: token.start, pipeline };
  }

  #jump(kind: typeof Kind.break | typeof Kind.continue, text: string): StatementNode {
    this.#tokens.expect(Token.rightDelimiter, text);
    if (this.#ranges === 0) this.#tokens.fail(`${text} outside {{range}}`);
    return { kind };
  }

  /** `{{else}}`; before an `if` or `with` its keyword is left to the caller. */
  #else(): ListEnd {
    const { kind } = this.#tokens.peekNonSpace();
    if (kind !== Token.if && kind !== Token.with) this.#tokens.expect(Token.rightDelimiter, "else");
    return "else";
  }

  /** `if`, `with` and `range`, after the keyword */
  #control(keyword: Control): BranchNode {
    const declared = this.#pipelines.variables.length;
    const pipeline = this.#pipelines.parse(keyword, Token.rightDelimiter);
    if (keyword === "range") this.#ranges++;
    const [list, end] = this.#list();
    if (keyword === "range") this.#ranges--;
    const otherwise = end === "else" ? this.#otherwise(keyword) : undefined;
    this.#pipelines.variables.length = declared;
    return {
      kind: controlKinds[keyword],
      start: pipeline.start,
      pipeline,
      list,
      otherwise,
    };
  }

  /** What follows `{{else`. `{{else if}}` and `{{else with}}` stand for a branch of their own that shares the end. */
  #otherwise(keyword: Control): ListNode {
    const chained = this.#tokens.peek().kind;
    if ((keyword === "if" && chained === Token.if) || (keyword === "with" && chained === Token.with)) {
      const { start } = this.#tokens.next();
      this.#tokens.enter();
      const branch = this.#control(keyword);
      this.#tokens.leave();
      return { statements: [branch], start, end: this.#tokens.last.start };
    }
    const [list, end] = this.#list();
    if (end !== "end") this.#tokens.fail(`expected end; found {{${end}}}`);
    return list;
  }

  /** `{{block "name" pipeline}} list {{end}}`: defines a template and executes it. */
  #block(): TemplateNode {
    const context = "block clause";
    const token = this.#tokens.nextNonSpace();
    const name = this.#templateName(token, context);
    const pipeline = this.#pipelines.parse(context, Token.rightDelimiter);
    this.#add(name, this.#body(context, this.#tokens.last));
    return { kind: Kind.template, start: token.start, name, pipeline };
  }

  /** `{{template "name" pipeline}}` */
  #template(): TemplateNode {
    const context = "template clause";
    const token = this.#tokens.nextNonSpace();
    const name = this.#templateName(token, context);
    const next = this.#tokens.nextNonSpace();
    let pipeline: PipelineNode | undefined;
    if (next.kind !== Token.rightDelimiter) {
      this.#tokens.back(next);
      pipeline = this.#pipelines.parse(context, Token.rightDelimiter);
    }
    return { kind: Kind.template, start: token.start, name, pipeline };
  }
}
