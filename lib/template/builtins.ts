import { compareUtf8 } from "../yaml/index.ts";
import { formatValue, sprint, sprintf, sprintln } from "./format.ts";
import {
  type Argument,
  FunctionError,
  type FunctionTable,
  type TemplateFunction,
  templateFunction,
  variadicFunction,
} from "./function-table.ts";
import { isPrintable } from "./quoting.ts";
import { integerOf, isTrue, SizedInteger, Struct, TypedMap, TypedSlice, typeName, type Value } from "./value.ts";

const fail = (message: string): never => {
  throw new FunctionError(message);
};

// indexes

/** The bytes of a string, or the elements of a slice. */
function elements(item: Value): ArrayLike<Value> | Uint8Array | undefined {
  if (typeof item === "string") return Buffer.from(item);
  return Array.isArray(item) || item instanceof Uint8Array ? item : undefined;
}

function position(index: Argument, length: number): number {
  if (index === null) return fail("cannot index slice/array with nil");
  const at = integerOf(index);
  if (at === undefined) return fail(`cannot index slice/array with type ${typeName(index)}`);
  return at < 0n || at > length ? fail(`index out of range: ${at}`) : Number(at);
}

function index(item: Argument, indexes: readonly Argument[]): Value {
  if (item === null) return fail("index of untyped nil");
  let value: Argument = item;
  for (const key of indexes) {
    if (value === null) return fail("index of nil pointer");
    value = indexOnce(value, key) ?? null;
  }
  return value;
}

function indexOnce(item: Argument, key: Argument): Value {
  if (item instanceof Map) {
    if (key === null) return fail("value is nil; should be of type string");
    if (typeof key !== "string") return fail(`value has type ${typeName(key)}; should be string`);
    return item.get(key) ?? (item instanceof TypedMap ? item.zero : null);
  }
  const list = elements(item) ?? fail(`can't index item of type ${typeName(item)}`);
  const at = position(key, list.length);
  if (at === list.length) return fail(`reflect: ${typeof item === "string" ? "string" : "slice"} index out of range`);
  const element = list[at];
  return list instanceof Uint8Array ? new SizedInteger("uint8", BigInt(element as number)) : element;
}

function slice(item: Argument, indexes: readonly Argument[]): Value {
  if (item === null) return fail("slice of untyped nil");
  if (indexes.length > 3) return fail(`too many slice indexes: ${indexes.length}`);
  if (typeof item === "string" && indexes.length === 3) return fail("cannot 3-index slice a string");
  const list = elements(item) ?? fail(`can't slice item of type ${typeName(item)}`);
  const [start = 0, end = list.length, capacity] = indexes.map((i) => position(i, list.length));
  if (start > end) return fail(`invalid slice index: ${start} > ${end}`);
  if (capacity !== undefined && end > capacity) return fail(`invalid slice index: ${end} > ${capacity}`);
  if (typeof item === "string") return Buffer.from(item).subarray(start, end).toString();
  if (item instanceof Uint8Array) return item.subarray(start, end);
  const part = (item as Value[]).slice(start, end);
  return item instanceof TypedSlice ? new TypedSlice(item.type, part, item.methods) : part;
}

function length(item: Argument): bigint {
  if (item === null) return fail("len of nil pointer");
  if (item instanceof Map) return BigInt(item.size);
  if (typeof item === "string") return BigInt(Buffer.byteLength(item));
  const list = elements(item) ?? fail(`len of type ${typeName(item)}`);
  return BigInt(list.length);
}

// comparison

type BasicKind = "bool" | "int" | "float" | "string";

function basicKind(value: Argument): BasicKind | undefined {
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "string":
      return "string";
  }
  return value instanceof SizedInteger ? "int" : undefined;
}

const incompatible = (a: Argument, b: Argument): never =>
  fail(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);

/** What keeps two values of no basic kind apart, as reflect.Kind does. */
const shape = (value: Argument): string => {
  if (value instanceof Map) return "map";
  if (value instanceof Struct) return value.type.startsWith("*") ? "ptr" : "struct";
  return "slice";
};

function equal(a: Argument, b: Argument): boolean {
  const kind = basicKind(a);
  if (kind !== basicKind(b)) return a === null || b === null ? false : incompatible(a, b);
  if (kind === "int") return integerOf(a) === integerOf(b);
  if (kind !== undefined || a === null || b === null) return a === b;
  if (shape(a) !== shape(b)) {
    return fail(`non-comparable types ${sprintf("%s", [a])}: ${typeName(a)}, ${typeName(b)}: ${formatValue(b)}`);
  }
  if (!(b instanceof Struct)) return fail(`non-comparable type ${sprintf("%s", [b])}: ${typeName(b)}`);
  return a === b;
}

function equalToAny(a: Argument, others: readonly Argument[]): boolean {
  if (others.length === 0) return fail("missing argument for comparison");
  return others.some((b) => equal(a, b));
}

function less(a: Argument, b: Argument): boolean {
  const [kind, other] = [basicKind(a), basicKind(b)];
  if (kind === undefined || other === undefined) return fail("invalid type for comparison");
  if (kind !== other) return incompatible(a, b);
  if (kind === "bool") return fail("invalid type for comparison");
  if (kind === "string") return compareUtf8(a as string, b as string) < 0;
  if (kind === "int") return integerOf(a)! < integerOf(b)!;
  return (a as number) < (b as number);
}

const lessOrEqual = (a: Argument, b: Argument): boolean => less(a, b) || equal(a, b);

// escaping

const htmlEscapes: Readonly<Record<string, string>> = {
  "\0": "\ufffd",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

const jsEscapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

function escapeForJs(character: string): string {
  const known = jsEscapes[character];
  if (known !== undefined) return known;
  const code = character.codePointAt(0)!;
  return code === 0x7f || (code >= 0x80 && isPrintable(character))
    ? character
    : `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Percent signs for all but letters, digits and `-_.~`, and `+` for a space. (url.QueryEscape) */
const escapeForQuery = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");

/** Arguments as one text, the way an action would print them. */
const printed = (values: readonly Argument[]): string =>
  sprint(values.map((value) => (value === null ? "<no value>" : value)));

/** A function that makes a text of its arguments; the text counts against the budget. */
const printing = (print: (values: readonly Argument[]) => string): TemplateFunction =>
  variadicFunction([], "any", (context, ...values) => {
    const text = print(values);
    context.spend(text.length >> 4);
    return text;
  });

/** `and` and `or` are evaluated where they are called: they need not all of their arguments. */
const shortCircuit = (): TemplateFunction =>
  variadicFunction(["value"], "value", () => fail("and, or: evaluated without their arguments"));

/** The functions Go's text/template has itself. */
export const builtins: FunctionTable = new Map<string, TemplateFunction>([
  ["and", shortCircuit()],
  ["or", shortCircuit()],
  ["not", templateFunction(["value"], (_, value) => !isTrue(value))],
  ["len", templateFunction(["value"], (_, item) => length(item))],
  ["index", variadicFunction(["value"], "value", (_, item, ...indexes) => index(item, indexes))],
  ["slice", variadicFunction(["value"], "value", (_, item, ...indexes) => slice(item, indexes))],
  ["eq", variadicFunction(["value"], "value", (_, a, ...others) => equalToAny(a, others))],
  ["ne", templateFunction(["value", "value"], (_, a, b) => !equal(a, b))],
  ["lt", templateFunction(["value", "value"], (_, a, b) => less(a, b))],
  ["le", templateFunction(["value", "value"], (_, a, b) => lessOrEqual(a, b))],
  ["gt", templateFunction(["value", "value"], (_, a, b) => !lessOrEqual(a, b))],
  ["ge", templateFunction(["value", "value"], (_, a, b) => !less(a, b))],
  ["print", printing(sprint)],
  ["println", printing(sprintln)],
  [
    "printf",
    variadicFunction(["string"], "any", (context, format, ...values) => {
      const text = sprintf(format, values);
      context.spend(text.length >> 4);
      return text;
    }),
  ],
  ["html", printing((values) => printed(values).replace(/["'&<>\0]/g, (c) => htmlEscapes[c]!))],
  ["js", printing((values) => printed(values).replace(/[\\'"&<>=\p{Cc}]|\P{ASCII}/gu, escapeForJs))],
  ["urlquery", printing((values) => escapeForQuery(printed(values)))],
  // There is no value that is a function; the evaluator adds the operand's text, which the message shows.
  [
    "call",
    variadicFunction(["value"], "value", (_, ...values) => {
      const [name, called = null] = values;
      if (called === null) return fail("call of nil");
      return fail(`non-function ${name} of type ${typeName(called)}`);
    }),
  ],
]);
