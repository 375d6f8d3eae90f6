import type { FunctionTable } from "./function-table.ts";
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
  readonly #templates = new Map<string, ParsedTemplate>();

  constructor(texts = new RecentTexts<ParsedTemplates>(keptCharacters), outer?: Scope) {
    this.#texts = texts;
    this.#outer = outer;
  }

  get(name: string): ParsedTemplate | undefined {
    return this.#templates.get(name) ?? this.#outer?.get(name);
  }

  /** Adds the templates of a text. The last one of a name counts, but an empty one does not replace another. */
  add(parsed: ParsedTemplates): void {
    for (const [name, template] of parsed) {
      if (this.get(name) === undefined || !isEmptyList(template.root)) this.#templates.set(name, template);
    }
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
