import { tooExpensive } from "./budget.ts";
import { builtins } from "./builtins.ts";
import { type ExecuteOptions, Execution, withoutNoValue } from "./execution.ts";
import type { FunctionTable } from "./function-table.ts";
import { type LateSource, LateTemplate } from "./late-template.ts";
import { type ParsedTemplates, type ParsedText, parseText, templatesOf } from "./parser.ts";
import { quote } from "./quoting.ts";
import { RecentTexts } from "./recent-texts.ts";
import { rootName, Scope } from "./scope.ts";
import { TemplateError } from "./template-error.ts";
import type { Value } from "./value.ts";

export interface TemplateSource {
  /** The name of the template the text is, and of the file in messages: `chart/templates/service.yaml`. */
  readonly name: string;
  readonly text: string;
}

/** Templates that were parsed together and can call each other. It holds no state: executions do not see each other. */
export interface TemplateSet {
  /** Whether there is a template of this name. */
  has(name: string): boolean;
  /** The name of the source that the template of this name was defined in; undefined where there is no such template. */
  fileOf(name: string): string | undefined;
  /**
   * Executes a template: what it puts out, and no more than that. With `missingKey` `zero` the text `<no value>`, which
   * stands for values that are not there, is taken out, as helm does.
   *
   * @throws TemplateError as Go's text/template fails, with the place
   * @throws RejectedError TEMPLATE_TOO_EXPENSIVE when the budget is used up
   */
  execute(name: string, data: Value, options: ExecuteOptions, signal?: AbortSignal): string;
  /** Parses what was not parsed so far. @throws TemplateError for the first text that cannot be parsed */
  check(): void;
}

/**
 * Parses templates in the order given: of two that have or define the same name the last one counts, but one of nothing
 * but space does not replace another. Functions named as Go's own ones replace those. The same object as a source is parsed
 * once, for however many sets; a late source when it is executed, or by `check`.
 *
 * @throws TemplateError for the first text that cannot be parsed
 */
export function parseTemplates(sources: Iterable<TemplateSource | LateSource>, functions: FunctionTable): TemplateSet {
  const language = languageOf(functions);
  const { all } = language;
  const scope = new Scope();
  const late: LateTemplate[] = [];
  const check = (): void => {
    for (const template of late) notTooDeep(() => template.check());
  };
  for (const source of sources) {
    try {
      if ("text" in source) scope.add(parsed(source, language));
      else {
        const template = new LateTemplate(source, all);
        late.push(template);
        notTooDeep(() => scope.addLate(template));
      }
    } catch (error) {
      check(); // another one may be the first that cannot be parsed
      throw error;
    }
  }
  return {
    check,
    has: (name) => scope.has(name),
    fileOf: (name) => scope.fileOf(name),
    execute(name, data, options, signal) {
      signal?.throwIfAborted();
      const text = notTooDeep(() => {
        const template = scope.get(name);
        if (template !== undefined) return new Execution(all, scope, options).run(template, data);
        const reason = `no template ${quote(name)} associated with template ${quote(rootName)}`;
        throw new TemplateError(`template: ${reason}`, { name, line: 1, column: 0 }, reason);
      });
      return options.missingKey === "error" ? text : withoutNoValue(text);
    },
  };
}

/** What sets of templates with the same functions share. */
interface Language {
  /** The functions, and Go's own ones besides. */
  readonly all: FunctionTable;
  /** What was made of sources, as long as somebody holds these. */
  readonly parsed: WeakMap<TemplateSource, ParsedTemplates>;
  /** Texts that define templates: charts bring the same ones, since they bring the same subcharts. */
  readonly partials: RecentTexts<ParsedText>;
}

/** Characters of partials that are kept parsed: they take some six megabytes. */
const keptCharacters = 512 * 1024;

const languages = new WeakMap<FunctionTable, Language>();

function languageOf(functions: FunctionTable): Language {
  let language = languages.get(functions);
  if (language === undefined) {
    language = {
      all: new Map([...builtins, ...functions]),
      parsed: new WeakMap(),
      partials: new RecentTexts(keptCharacters),
    };
    languages.set(functions, language);
  }
  return language;
}

function parsed(source: TemplateSource, language: Language): ParsedTemplates {
  const known = language.parsed.get(source);
  if (known !== undefined) return known;
  const templates = templatesOf(source, parsedText(source, language));
  language.parsed.set(source, templates);
  return templates;
}

function parsedText(source: TemplateSource, { all, partials }: Language): ParsedText {
  const { text } = source;
  // to look for a text is to hash it, which takes longer than to find out that it is none of those that are kept
  const isPartial = text.includes("define");
  const known = isPartial ? partials.get(text) : undefined;
  if (known !== undefined) return known;
  const parsed = notTooDeep(() => parseText(source, all));
  if (isPartial && parsed.definitions.size > 0) partials.add(text, parsed);
  return parsed;
}

/** Templates nested or calling each other so deep that the stack ends are bad input, and no bug. */
function notTooDeep<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError)
      return tooExpensive("they nest too deeply, or make a text too long", { cause: error });
    throw error;
  }
}
