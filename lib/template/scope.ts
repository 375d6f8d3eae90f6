import { isEmptyList } from "./nodes.ts";
import { type ParsedTemplate, type ParsedTemplates, parseTemplate } from "./parser.ts";
import { quote } from "./quoting.ts";
import { explained } from "./template-error.ts";

/** What helm calls the set of templates, and each text that `tpl` executes. */
export const rootName = "gotpl";

/** Texts given to `tpl` are few and short, but executed again and again. */
const maxCached = 256;
const maxCachedLength = 16_384;

/** Texts already parsed, the ones used last at the end. It belongs to one set of templates and goes with it. */
export class ParsedTexts {
  readonly #parsed = new Map<string, ParsedTemplates>();

  get(text: string, isFunction: (name: string) => boolean): ParsedTemplates {
    const parsed = this.#parsed.get(text) ?? parseTemplate(rootName, text, isFunction);
    if (text.length > maxCachedLength) return parsed;
    this.#parsed.delete(text);
    this.#parsed.set(text, parsed);
    if (this.#parsed.size > maxCached) this.#parsed.delete(this.#parsed.keys().next().value!);
    return parsed;
  }
}

/** The templates that can be called by name. Within `tpl` there are those of its text besides, for as long as it runs. */
export class Scope {
  readonly #outer: Scope | undefined;
  readonly #texts: ParsedTexts;
  readonly #templates = new Map<string, ParsedTemplate>();

  constructor(texts = new ParsedTexts(), outer?: Scope) {
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
  within(text: string, isFunction: (name: string) => boolean): { scope: Scope; template: ParsedTemplate } {
    const scope = new Scope(this.#texts, this);
    try {
      const parsed = this.#texts.get(text, isFunction);
      scope.add(parsed);
      return { scope, template: parsed.get(rootName)! };
    } catch (error) {
      throw explained(`cannot parse template ${quote(text)}`, error);
    }
  }
}
