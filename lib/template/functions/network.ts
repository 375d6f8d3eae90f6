import { type TemplateFunction, templateFunction } from "../function-table.ts";

export const networkFunctions: readonly (readonly [string, TemplateFunction])[] = [
  // Helm gives an empty text unless DNS was enabled, and so do we always: nothing is asked of the network
  ["getHostByName", templateFunction(["string"], () => "")],
];
