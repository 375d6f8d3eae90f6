import type { CallContext } from "../function-table.ts";
import { isTrue, type Value, type ValueMap } from "../value.ts";

/**
 * Merges a map into another one, in place, as dario.cat/mergo 1.0.1 does:
 *
 * - maps are merged into maps; a map that was missing is taken over as it is, not copied
 * - without `overwrite`, what is empty (zero, false, "", nil, no elements) is replaced; nothing else is
 * - with `overwrite`, everything is replaced, also by what is empty
 * - nil replaces only with `overwrite`
 */
export function mergeInto(target: ValueMap, source: ValueMap, overwrite: boolean, context: CallContext): void {
  context.changing(target);
  context.spend(source.size);
  for (const [key, value] of [...source]) {
    const present = target.get(key);
    if (value === null || value === undefined) {
      if (overwrite) target.set(key, null);
    } else if (value instanceof Map && present instanceof Map) {
      mergeInto(present, value, overwrite, context);
      if (present.size === 0) target.set(key, value);
    } else if (overwrite || !isSet(present)) {
      target.set(key, value);
    }
  }
}

/** Whether mergo takes a value for set; a struct always is. */
const isSet = (value: Value): boolean => value !== undefined && isTrue(value);
