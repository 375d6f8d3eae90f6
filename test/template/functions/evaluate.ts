import { helmFunctions, sprigFunctions } from "../../../lib/template/functions/index.ts";
import { Budget, type BudgetLimits, parseTemplates, type ValueMap } from "../../../lib/template/index.ts";

const functions = new Map([...sprigFunctions(), ...helmFunctions()]);

interface Options {
  readonly seed?: string;
  readonly budget?: BudgetLimits;
}

/** What a template puts out, with the functions of sprig and Helm, at a fixed time. */
export function evaluate(text: string, data: ValueMap = new Map(), { seed = "seed", budget }: Options = {}): string {
  const templates = parseTemplates([{ name: "test", text }], functions);
  return templates.execute("test", data, { budget: new Budget(budget), now: new Date("2024-02-29T12:34:56Z"), seed });
}

/** What one expression gives, as text. */
export const result = (expression: string, data?: ValueMap, options?: Options): string =>
  evaluate(`{{ ${expression} }}`, data, options);
