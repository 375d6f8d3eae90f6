import type { ParameterType } from "./function-table.ts";
import { type BoolNode, Kind, type NilNode, type NumberNode, nodeText, type StringNode } from "./nodes.ts";
import { TypedMap, TypedSlice, typeName, type Value } from "./value.ts";

/** Go's name of a parameter's type. */
const goTypes: Readonly<Record<ParameterType, string>> = {
  any: "interface {}",
  value: "reflect.Value",
  string: "string",
  bool: "bool",
  int: "int",
  float64: "float64",
  bytes: "[]uint8",
  map: "map[string]interface {}",
  "[]any": "[]interface {}",
  "[]string": "[]string",
};

/** An argument that does not fit its parameter; the message is Go's. */
export class ArgumentError extends Error {
  override readonly name = "ArgumentError";
}

const mismatch = (type: ParameterType, got: string): never => {
  throw new ArgumentError(`wrong type for value; expected ${goTypes[type]}; got ${got}`);
};

/**
 * A value as a parameter of a type takes it (text/template validateType).
 *
 * @throws ArgumentError
 */
export function convertArgument(value: Value, type: ParameterType): Value {
  if (type === "any" || type === "value") return value === undefined ? null : value;
  if (value === undefined) return zeroOf(type);
  if (value === null) return mismatch(type, "interface {}");
  return fits(value, type) ? value : mismatch(type, typeName(value));
}

function fits(value: Value, type: ParameterType): boolean {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "bool":
      return typeof value === "boolean";
    case "int":
      return typeof value === "bigint";
    case "float64":
      return typeof value === "number";
    case "bytes":
      return value instanceof Uint8Array;
    case "map":
      return value instanceof Map && !(value instanceof TypedMap && value.type.startsWith("map["));
    case "[]any":
      return Array.isArray(value) && !(value instanceof TypedSlice);
    case "[]string":
      return value instanceof TypedSlice && (value.type === "[]string" || !value.type.startsWith("[]"));
    default:
      return true;
  }
}

/** What no value at all is for types that can be nil. */
function zeroOf(type: ParameterType): Value {
  switch (type) {
    case "map":
      return new Map();
    case "[]any":
      return [];
    case "[]string":
      return new TypedSlice("[]string", []);
    case "bytes":
      return new Uint8Array();
    default:
      throw new ArgumentError(`invalid value; expected ${goTypes[type]}`);
  }
}

/** The literal `nil` as an argument. */
function convertNil(type: ParameterType): Value {
  if (type === "any" || type === "value") return null;
  if (type in zeros) return zeroOf(type);
  throw new ArgumentError(`cannot assign nil to ${goTypes[type]}`);
}
const zeros: Partial<Record<ParameterType, true>> = { map: true, "[]any": true, "[]string": true, bytes: true };

export type ConstantNode = BoolNode | NumberNode | StringNode;

/** A constant as an argument: unlike a value, a number takes the type that is asked for. */
export function convertConstant(node: ConstantNode | NilNode, type: ParameterType): Value {
  if (node.kind === Kind.nil) return convertNil(type);
  switch (type) {
    case "any":
    case "value":
      return constantValue(node);
    case "string":
      if (node.kind === Kind.string) return node.value;
      throw new ArgumentError(`expected string; found ${nodeText(node)}`);
    case "bool":
      if (node.kind === Kind.bool) return node.value;
      throw new ArgumentError(`expected bool; found ${nodeText(node)}`);
    case "int":
      if (node.kind === Kind.number && node.value.integer !== undefined) return node.value.integer;
      throw new ArgumentError(`expected integer; found ${nodeText(node)}`);
    case "float64":
      if (node.kind === Kind.number && node.value.float !== undefined) return node.value.float;
      throw new ArgumentError(`expected float; found ${nodeText(node)}`);
    default:
      throw new ArgumentError(`can't handle ${nodeText(node)} for arg of type ${goTypes[type]}`);
  }
}

/** A constant where any type will do. */
export const constantValue = (node: ConstantNode): Value =>
  node.kind === Kind.number ? naturalValue(node) : node.value;

function naturalValue({ value, text }: NumberNode): Value {
  if (value.natural !== undefined) return value.natural;
  throw new ArgumentError(value.float === undefined ? `complex numbers are not supported` : `${text} overflows int`);
}
