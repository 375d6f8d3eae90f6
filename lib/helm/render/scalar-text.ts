import type { Value } from "../../template/index.ts";
import { formatFloat32 } from "../../yaml/index.ts";

/**
 * The text that a YAML scalar becomes where a Go field wants a string: numbers and booleans are taken as well, floats as
 * float32 (sigs.k8s.io/yaml v1.6 convertToJSONableObject).
 *
 * @returns undefined for what is no scalar
 */
export function scalarText(value: Value): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isInteger(value) ? String(BigInt(value)) : formatFloat32(value);
  return typeof value === "boolean" ? String(value) : undefined;
}
