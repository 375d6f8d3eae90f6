import { FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";

export const requirementFunctions: readonly (readonly [string, TemplateFunction])[] = [
  [
    "required",
    templateFunction(["string", "any"], (_, message, value) => {
      if (value === null || value === "") throw new FunctionError(message);
      return value;
    }),
  ],
  // there is no cluster to ask
  ["lookup", templateFunction(["string", "string", "string", "string"], () => new Map())],
];
