import { FunctionError, type TemplateFunction, templateFunction, variadicFunction } from "../function-table.ts";
import { isTrue, type Value } from "../value.ts";

/** sprig's empty: what is zero, false, nil or has no elements. */
const isEmpty = (value: Value): boolean => !isTrue(value);

export const logicFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["hello", templateFunction([], () => "Hello!")],
  [
    "default",
    variadicFunction(["any"], "any", (_, fallback, ...given) =>
      given.length === 0 || isEmpty(given[0]) ? fallback : given[0]!,
    ),
  ],
  ["empty", templateFunction(["any"], (_, value) => isEmpty(value))],
  ["coalesce", variadicFunction([], "any", (_, ...values) => values.find((value) => !isEmpty(value)) ?? null)],
  ["all", variadicFunction([], "any", (_, ...values) => values.every((value) => !isEmpty(value)))],
  ["any", variadicFunction([], "any", (_, ...values) => values.some((value) => !isEmpty(value)))],
  ["ternary", templateFunction(["any", "any", "bool"], (_, yes, no, condition) => (condition ? yes : no))],
  [
    "fail",
    templateFunction(["string"], (_, message) => {
      throw new FunctionError(message);
    }),
  ],
];
