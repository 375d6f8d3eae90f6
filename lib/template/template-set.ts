import { tooExpensive } from "./budget.ts";
import { builtins } from "./builtins.ts";
import { type ExecuteOptions, Execution, withoutNoValue } from "./execution.ts";
import type { FunctionTable } from "./function-table.ts";
import { parseTemplate } from "./parser.ts";
import { quote } from "./quoting.ts";
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
  /**
   * Executes a template: what it puts out, and no more than that. With `missingKey` `zero` the text `<no value>`, which
   * stands for values that are not there, is taken out, as helm does.
   *
   * @throws TemplateError as Go's text/template fails, with the place
   * @throws RejectedError TEMPLATE_TOO_EXPENSIVE when the budget is used up
   */
  execute(name: string, data: Value, options: ExecuteOptions, signal?: AbortSignal): string;
}

/**
 * Parses templates in the order given: of two that have or define the same name the last one counts, but one of nothing
 * but space does not replace another. Functions named as Go's own ones replace those.
 *
 * @throws TemplateError for the first text that cannot be parsed
 */
export function parseTemplates(sources: Iterable<TemplateSource>, functions: FunctionTable): TemplateSet {
  const all: FunctionTable = new Map([...builtins, ...functions]);
  const scope = new Scope();
  const isFunction = (name: string): boolean => all.has(name);
  for (const { name, text } of sources) {
    scope.add(notTooDeep(() => parseTemplate(name, text, isFunction)));
  }
  return {
    has: (name) => scope.get(name) !== undefined,
    execute(name, data, options, signal) {
      signal?.throwIfAborted();
      const template = scope.get(name);
      if (template === undefined) {
        const reason = `no template ${quote(name)} associated with template ${quote(rootName)}`;
        throw new TemplateError(`template: ${reason}`, { name, line: 1, column: 0 }, reason);
      }
      const text = notTooDeep(() => new Execution(all, scope, options).run(template, data));
      return options.missingKey === "error" ? text : withoutNoValue(text);
    },
  };
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
