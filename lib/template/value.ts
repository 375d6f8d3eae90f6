import { compareUtf8 } from "../yaml/index.ts";
import type { TemplateFunction } from "./function-table.ts";

/**
 * What a template computes with, and the Go type each stands for:
 *
 * - `undefined`: no value at all (Go's invalid reflect.Value; printed as `<no value>`). Functions never receive it.
 * - `null`: nil, a value of type `interface {}` that holds nothing.
 * - `number`: float64. `bigint`: int; a `SizedInteger` is another whole number. `Uint8Array`: []byte.
 * - `Array`: []interface {}; a `TypedSlice` is a slice of another type. Nothing may change an array once it is a value.
 * - `Map`: map[string]interface {}; a `TypedMap` is a map of another type. Only functions like `set` change maps, and
 *   they say so first (`CallContext.changing`).
 * - `Struct`: a Go struct, or a pointer to one, with fields and methods.
 */
export type Value =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | SizedInteger
  | string
  | Uint8Array
  | Value[]
  | ValueMap
  | Struct;

export type ValueMap = Map<string, Value>;

type Methods = ReadonlyMap<string, TemplateFunction>;

const noMethods: Methods = new Map();

/** A slice of another Go type than []interface {}: `[]string`, or a named one with methods. Behaves as an array. */
export class TypedSlice extends Array<Value> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array; // what map and filter give is an ordinary slice
  }
  readonly type: string;
  readonly methods: Methods;

  constructor(type: string, items: Iterable<Value>, methods: Methods = noMethods) {
    super();
    this.type = type;
    this.methods = methods;
    for (const item of items) this.push(item);
  }
}

/**
 * A whole number of another Go type than int: sprig computes with int64, `--set` makes int64 of whole numbers, bytes are
 * uint8, and the parts of versions are uint64.
 */
export class SizedInteger {
  readonly type: "int64" | "uint64" | "uint8";
  readonly value: bigint;

  constructor(type: SizedInteger["type"], value: bigint) {
    this.type = type;
    this.value = value;
  }

  /** What toJson and toYaml write for it. */
  get json(): bigint {
    return this.value;
  }
}

/** The value of a whole number, of whatever type; undefined for anything else, floats too. */
export const integerOf = (value: Value): bigint | undefined =>
  typeof value === "bigint" ? value : value instanceof SizedInteger ? value.value : undefined;

/** A map of another Go type than map[string]interface {}: `map[string]string`, or a named one with methods. */
export class TypedMap extends Map<string, Value> {
  readonly type: string;
  readonly methods: Methods;
  /** What a missing key gives: the zero of the element type. */
  readonly zero: Value;

  constructor(
    type: string,
    entries: Iterable<readonly [string, Value]>,
    methods: Methods = noMethods,
    zero: Value = type === "map[string]string" ? "" : null,
  ) {
    super(entries);
    this.type = type;
    this.methods = methods;
    this.zero = zero;
  }
}

export interface StructParts {
  /** Exported fields, in the order of their declaration. */
  readonly fields?: ReadonlyMap<string, Value>;
  readonly methods?: Methods;
  /** What its String or Error method gives: what `%v` and `%s` print. Without it the fields are printed: `{a 1}`. */
  readonly text?: string;
  /** What toJson and toYaml write for it. Without it: the fields, by name. */
  readonly json?: Value;
}

/** A Go struct, or a pointer to one when `type` begins with `*`. */
export class Struct {
  /** The Go type, as `%T` prints it: `*version.Info`. */
  readonly type: string;
  readonly fields: ReadonlyMap<string, Value>;
  readonly methods: Methods;
  readonly text: string | undefined;
  readonly json: Value;

  constructor(type: string, { fields = new Map(), methods = noMethods, text, json }: StructParts = {}) {
    this.type = type;
    this.fields = fields;
    this.methods = methods;
    this.text = text;
    this.json = json ?? new Map(fields);
  }
}

/** The methods of a value whose Go type has some. */
export function methodsOf(value: Value): Methods | undefined {
  if (typeof value !== "object") return undefined;
  if (value instanceof Map) return value instanceof TypedMap ? value.methods : undefined;
  return value instanceof Struct || value instanceof TypedSlice ? value.methods : undefined;
}

/** The Go type of a value, as `%T` prints it; `<nil>` for nil and for no value. */
export function typeName(value: Value): string {
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float64";
    case "undefined":
      return "<nil>";
  }
  if (value === null) return "<nil>";
  if (
    value instanceof SizedInteger ||
    value instanceof Struct ||
    value instanceof TypedMap ||
    value instanceof TypedSlice
  )
    return value.type;
  if (value instanceof Uint8Array) return "[]uint8";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}

/** The Go kind of a value, as reflect.Kind prints it: `map`, `slice`, `float64`, `ptr`…; `invalid` for nil. */
export function kindName(value: Value): string {
  if (value === undefined || value === null) return "invalid";
  if (value instanceof Struct) return value.type.startsWith("*") ? "ptr" : "struct";
  if (value instanceof Map) return "map";
  if (Array.isArray(value) || value instanceof Uint8Array) return "slice";
  return typeName(value);
}

/** Whether a value counts as true: not nil, not the zero of its type, not empty. (text/template IsTrue) */
export function isTrue(value: Value): boolean {
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return value !== "";
    case "number":
      return value !== 0;
    case "bigint":
      return value !== 0n;
    case "undefined":
      return false;
  }
  if (value === null) return false;
  if (value instanceof Map) return value.size > 0;
  if (value instanceof SizedInteger) return value.value !== 0n;
  return value instanceof Struct || value.length > 0;
}

/** The keys of a map in the order in which Go's templates range over it and fmt prints it. */
export const sortedKeys = (map: ReadonlyMap<string, Value>): string[] => [...map.keys()].sort(compareUtf8);
