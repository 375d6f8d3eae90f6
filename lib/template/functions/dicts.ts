import {
  type CallContext,
  FunctionError,
  type TemplateFunction,
  templateFunction,
  variadicFunction,
} from "../function-table.ts";
import { sortedKeys, TypedMap, TypedSlice, typeName, type Value, type ValueMap } from "../value.ts";
import { toText } from "./conversion.ts";
import { mergeInto } from "./merge.ts";
import { stringSlice } from "./strings.ts";

/** A copy in which no map or list is shared with the original. (copystructure.Copy) */
function deepCopy(value: Value, context: CallContext): Value {
  if (Array.isArray(value)) {
    context.spend(value.length);
    const items = value.map((item) => deepCopy(item, context));
    return value instanceof TypedSlice ? new TypedSlice(value.type, items, value.methods) : items;
  }
  if (value instanceof Map) {
    context.spend(value.size);
    const copy = value instanceof TypedMap ? new TypedMap(value.type, [], value.methods) : new Map<string, Value>();
    for (const [key, item] of value) copy.set(key, deepCopy(item, context));
    return copy;
  }
  return value;
}

function dig(...path: Value[]): Value {
  if (path.length < 3) throw new FunctionError("dig needs at least three arguments");
  const fallback = path.at(-2)!;
  let here: Value = path.at(-1);
  for (const key of path.slice(0, -2)) {
    if (!(here instanceof Map) || here instanceof TypedMap) throw notA(here, "map[string]interface {}");
    if (typeof key !== "string") throw notA(key, "string");
    if (!here.has(key)) return fallback;
    here = here.get(key);
  }
  return here;
}

const notA = (value: Value, type: string): FunctionError =>
  new FunctionError(
    `interface conversion: interface {} is ${value === null || value === undefined ? "nil" : typeName(value)}, not ${type}`,
  );

const merge = (overwrite: boolean): TemplateFunction =>
  variadicFunction(["map"], "map", (context, target, ...sources) => {
    for (const source of sources) mergeInto(target, source, overwrite, context);
    return target;
  });

const copy = templateFunction(["any"], (context, value) => {
  // what copystructure makes of nil panics within
  if (value === null) throw new FunctionError("reflect: call of reflect.Value.Interface on zero Value");
  return deepCopy(value, context);
});

function pick(context: CallContext, map: ValueMap, ...keys: string[]): ValueMap {
  const picked: ValueMap = new Map();
  context.spend(keys.length);
  for (const key of keys) if (map.has(key)) picked.set(key, map.get(key));
  return picked;
}

function omit(context: CallContext, map: ValueMap, ...keys: string[]): ValueMap {
  context.spend(map.size);
  const rest = new Map(map);
  for (const key of keys) rest.delete(key);
  return rest;
}

function dict(_: CallContext, ...parts: Value[]): ValueMap {
  const map: ValueMap = new Map();
  for (let i = 0; i < parts.length; i += 2) map.set(toText(parts[i]), i + 1 < parts.length ? parts[i + 1] : "");
  return map;
}

export const dictFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["dict", variadicFunction([], "any", dict)],
  ["get", templateFunction(["map", "string"], (_, map, key) => (map.has(key) ? (map.get(key) ?? null) : ""))],
  [
    "set",
    templateFunction(["map", "string", "any"], (context, map, key, value) => {
      context.changing(map);
      map.set(key, value);
      return map;
    }),
  ],
  [
    "unset",
    templateFunction(["map", "string"], (context, map, key) => {
      context.changing(map);
      map.delete(key);
      return map;
    }),
  ],
  ["hasKey", templateFunction(["map", "string"], (_, map, key) => map.has(key))],
  [
    "pluck",
    variadicFunction(["string"], "map", (_, key, ...maps) =>
      maps.filter((map) => map.has(key)).map((map) => map.get(key) ?? null),
    ),
  ],
  // Go gives keys and values in random order
  [
    "keys",
    variadicFunction([], "map", (context, ...maps) => {
      for (const map of maps) context.spend(map.size);
      return stringSlice(maps.flatMap(sortedKeys));
    }),
  ],
  [
    "values",
    templateFunction(["map"], (context, map) => {
      context.spend(map.size);
      return sortedKeys(map).map((key) => map.get(key) ?? null);
    }),
  ],
  ["pick", variadicFunction(["map"], "string", pick)],
  ["omit", variadicFunction(["map"], "string", omit)],
  ["dig", variadicFunction([], "any", (_, ...path) => dig(...path))],
  ["merge", merge(false)],
  ["mustMerge", merge(false)],
  ["mergeOverwrite", merge(true)],
  ["mustMergeOverwrite", merge(true)],
  ["deepCopy", copy],
  ["mustDeepCopy", copy],
];
