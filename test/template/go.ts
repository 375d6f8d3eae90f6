import {
  Budget,
  type ExecuteOptions,
  FunctionError,
  type FunctionTable,
  parseTemplates,
  type TemplateFunction,
  TypedMap,
  TypedSlice,
  templateFunction,
  type Value,
  type ValueMap,
  variadicFunction,
} from "../../lib/template/index.ts";

/** A template and what Go makes of it. */
export type Fact = readonly [template: string, result: { readonly out: string } | { readonly err: string }];

export const map = (entries: Readonly<Record<string, Value>>): ValueMap => new Map(Object.entries(entries));
export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const strings = (...items: string[]): TypedSlice => new TypedSlice("[]string", items);

/** The data the facts were recorded with. */
export const data = (): ValueMap =>
  map({
    on: true,
    off: false,
    text: 'hi "you"\n',
    empty: "",
    int: 7n,
    float: 1.5,
    big: 1234567,
    nil: null,
    list: [1, "two", null, map({ x: 1 })],
    none: [],
    map: map({ b: 2, a: map({ x: "deep" }), "k-2": null }),
    bytes: bytes("abc"),
    strings: strings("p", "q"),
  });

/** The functions the facts were recorded with, one for each kind of parameter. */
export const functions: FunctionTable = new Map<string, TemplateFunction>([
  ["list", variadicFunction([], "any", (_, ...items) => items)],
  ["upper", templateFunction(["string"], (_, text) => text.toUpperCase())],
  ["addint", templateFunction(["int", "int"], (_, a, b) => a + b)],
  ["flt", templateFunction(["float64"], (_, value) => value)],
  ["yes", templateFunction(["bool"], (_, value) => String(value))],
  ["keys", templateFunction(["map"], (_, value) => BigInt(value.size))],
  ["first", templateFunction(["[]any"], (_, items) => items[0])],
  ["strs", variadicFunction([], "string", (_, ...items) => strings(...items))],
  [
    "smap",
    templateFunction(["string", "string"], (_, key, value) => new TypedMap("map[string]string", [[key, value]])),
  ],
  ["default", variadicFunction(["any"], "any", (_, other, value) => ((value ?? "") === "" ? other : value))],
  [
    "fail",
    templateFunction(["string"], (_, message) => {
      throw new FunctionError(message);
    }),
  ],
  [
    "set",
    templateFunction(["map", "string", "any"], (context, target, key, value) => {
      context.changing(target);
      return target.set(key, value);
    }),
  ],
  ["include", templateFunction(["string", "any"], (context, name, value) => context.execute(name, value))],
  ["tpl", templateFunction(["string", "any"], (context, text, value) => context.evaluate(text, value))],
]);

export const options = (): ExecuteOptions => ({ budget: new Budget(), now: new Date(0), seed: "seed" });

/** The templates beside the one of a fact. */
const helpers = {
  name: "chart/_helpers.tpl",
  text: '{{ define "h" }}[{{ .int }}]{{ end }}{{ define "bad" }}\n  {{ .nil.x }}{{ end }}',
};

/** Executes one template as those of the facts were. */
export function execute(text: string, more: Partial<ExecuteOptions> = {}, values: Value = data()): string {
  const set = parseTemplates([helpers, { name: "chart/main.yaml", text }], functions);
  return set.execute("chart/main.yaml", values, { ...options(), ...more });
}
