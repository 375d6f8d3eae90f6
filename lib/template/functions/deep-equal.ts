import type { CallContext } from "../function-table.ts";
import { SizedInteger, Struct, typeName, type Value } from "../value.ts";

/** Whether two values are of the same type and equal all through: reflect.DeepEqual. */
export function deepEqual(a: Value, b: Value, context: CallContext): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (typeName(a) !== typeName(b)) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    context.spend(a.length);
    return a.every((item, i) => deepEqual(item, b[i], context));
  }
  if (a instanceof SizedInteger) return b instanceof SizedInteger && a.value === b.value;
  if (a instanceof Map) return b instanceof Map && equalMaps(a, b, context);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  return a instanceof Struct && b instanceof Struct && a.text === b.text && equalMaps(a.fields, b.fields, context);
}

type ReadonlyValues = ReadonlyMap<string, Value>;

function equalMaps(a: ReadonlyValues, b: ReadonlyValues, context: CallContext): boolean {
  if (a.size !== b.size) return false;
  context.spend(a.size);
  for (const [key, value] of a) if (!b.has(key) || !deepEqual(value, b.get(key), context)) return false;
  return true;
}
