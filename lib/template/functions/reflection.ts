import { type TemplateFunction, templateFunction } from "../function-table.ts";
import { kindName, typeName } from "../value.ts";
import { deepEqual } from "./deep-equal.ts";

export const reflectionFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["typeOf", templateFunction(["any"], (_, value) => typeName(value))],
  ["typeIs", templateFunction(["string", "any"], (_, name, value) => name === typeName(value))],
  [
    "typeIsLike",
    templateFunction(["string", "any"], (_, name, value) => {
      const type = typeName(value);
      return name === type || `*${name}` === type;
    }),
  ],
  ["kindOf", templateFunction(["any"], (_, value) => kindName(value))],
  ["kindIs", templateFunction(["string", "any"], (_, name, value) => name === kindName(value))],
  ["deepEqual", templateFunction(["any", "any"], (context, a, b) => deepEqual(a, b, context))],
];
