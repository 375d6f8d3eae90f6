import type { FunctionTable } from "./function-table.ts";
import { LateTemplate } from "./late-template.ts";
import { isEmptyList } from "./nodes.ts";
import { type ParsedTemplate, type ParsedTemplates, parseText, templatesOf } from "./parser.ts";
import { quote } from "./quoting.ts";
import { RecentTexts } from "./recent-texts.ts";
import { explained } from "./template-error.ts";

/** What helm calls the set of templates, and each text that `tpl` executes. */
export const rootName = "gotpl";

/** Texts given to `tpl` are few and short, but executed again and again: characters of those that are kept parsed. */
const keptCharacters = 256 * 1024;

/** The templates that can be called by name. Within `tpl` there are those of its text besides, for as long as it runs. */
export class Scope {
  readonly #outer: Scope | undefined;
  /** Those of one set of templates, which go with it. */
  readonly #texts: RecentTexts<ParsedTemplates>;
  readonly #templates = new Map<string, ParsedTemplate | LateTemplate>();

  constructor(texts = new RecentTexts<ParsedTemplates>(keptCharacters), outer?: Scope) {
    this.#texts = texts;
    this.#outer = outer;
  }

  /** @throws TemplateError when it is parsed only now, and cannot be */
  get(name: string): ParsedTemplate | undefined {
    const found = this.#find(name);
    return found instanceof LateTemplate ? found.parsed() : found;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** The name of the source that the template of this name was defined in. */
  fileOf(name: string): string | undefined {
    const found = this.#find(name);
    return found instanceof LateTemplate ? found.name : found?.source.name;
  }

  #find(name: string): ParsedTemplate | LateTemplate | undefined {
    const own = this.#templates.get(name);
    return own === undefined && this.#outer !== undefined ? this.#outer.#find(name) : own;
  }

  /** Adds the templates of a text. The last one of a name counts, but an empty one does not replace another. */
  add(parsed: ParsedTemplates): void {
    for (const [name, template] of parsed) {
      if (!this.has(name) || !isEmptyList(template.root)) this.#templates.set(name, template);
    }
  }

  /** Adds a template that is there only as itself. @throws TemplateError when another one has its name, and it cannot be parsed */
  addLate(template: LateTemplate): void {
    const { name } = template;
    if (!this.has(name) || !isEmptyList(template.parsed().root)) this.#templates.set(name, template);
  }

  /**
   * A scope for a text of `tpl`, and the template the text is.
   *
   * @throws TemplateError when it cannot be parsed
   */
  within(text: string, functions: FunctionTable): { scope: Scope; template: ParsedTemplate } {
    const scope = new Scope(this.#texts, this);
    try {
      let parsed = this.#texts.get(text);
      if (parsed === undefined) {
        const source = { name: rootName, text };
        parsed = templatesOf(source, parseText(source, functions));
        this.#texts.add(text, parsed);
      }
      scope.add(parsed);
      return { scope, template: parsed.get(rootName)! };
    } catch (error) {
      throw explained(`cannot parse template ${quote(text)}`, error);
    }
  }
}
