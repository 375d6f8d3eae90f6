import { FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";
import type { Value } from "../value.ts";
import { spendText } from "./spending.ts";
import { readToml } from "./toml-read.ts";
import { writeToml } from "./toml-write.ts";

/** Helm puts the message of an error where the content would be. */
function messageOf(error: unknown): string {
  if (error instanceof FunctionError) return error.message;
  throw error;
}

export const tomlFunctions: readonly (readonly [string, TemplateFunction])[] = [
  [
    "toToml",
    templateFunction(["any"], (context, value) => {
      try {
        const text = writeToml(value);
        spendText(context, text.length);
        return text;
      } catch (error) {
        return messageOf(error);
      }
    }),
  ],
  [
    "fromToml",
    templateFunction(["string"], (context, text) => {
      spendText(context, text.length * 4);
      try {
        return readToml(text);
      } catch (error) {
        return new Map<string, Value>([["Error", messageOf(error)]]);
      }
    }),
  ],
];
