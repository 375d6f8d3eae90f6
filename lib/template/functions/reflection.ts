import { type TemplateFunction, templateFunction } from "../function-table.ts";
import { kindName, typeName, type Value } from "../value.ts";
import { deepEqual } from "./deep-equal.ts";

/** Whether a name is that of a value's type or kind. An integer is taken for both of Go's: int and int64. */
const matches = (name: string, actual: string, value: Value): boolean =>
  name === actual || (typeof value === "bigint" && name === "int64");

export const reflectionFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["typeOf", templateFunction(["any"], (_, value) => typeName(value))],
  ["typeIs", templateFunction(["string", "any"], (_, name, value) => matches(name, typeName(value), value))],
  [
    "typeIsLike",
    templateFunction(["string", "any"], (_, name, value) => {
      const type = typeName(value);
      return matches(name, type, value) || `*${name}` === type;
    }),
  ],
  ["kindOf", templateFunction(["any"], (_, value) => kindName(value))],
  ["kindIs", templateFunction(["string", "any"], (_, name, value) => matches(name, kindName(value), value))],
  ["deepEqual", templateFunction(["any", "any"], (context, a, b) => deepEqual(a, b, context))],
];
