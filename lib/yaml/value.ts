import { RejectedError } from "../errors.ts";

/**
 * What YAML and JSON are read to, as Helm reads them into `map[string]any`: every number is a float64, every key a
 * string, and what looks like a date stays a string.
 */
export type YamlValue = null | boolean | number | string | YamlValue[] | Map<string, YamlValue>;

/** What can be written: also Go's integers (`bigint`), `[]byte`, no value at all, and what brings its own JSON. */
export type WritableValue =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly WritableValue[]
  | ReadonlyMap<string, WritableValue>
  | { readonly json: WritableValue };

/** A text is not YAML or JSON, or is beyond the bounds; or a value cannot be written (NaN, infinite). */
export class YamlError extends RejectedError {
  /** Why, without what was attempted: `line 3: did not find expected key`. */
  readonly reason: string;

  constructor(attempt: string, reason: string, options?: ErrorOptions) {
    super("YAML_INVALID", `Cannot ${attempt}: ${reason}`, options);
    this.reason = reason;
  }
}

export interface YamlLimits {
  /** UTF-16 code units of the text. */
  readonly length: number;
  /** Collections within collections. */
  readonly depth: number;
  /** Scalars and collections of the result, those that aliases repeat included. */
  readonly nodes: number;
}

/** Enough for every chart known; a text at these limits is read in seconds and some hundred megabytes. */
export const defaultLimits: YamlLimits = { length: 32 * 1024 * 1024, depth: 500, nodes: 4_000_000 };

/** One value of a writable one that is a plain tree: what carries its own JSON is replaced by that. */
export type PlainValue = Exclude<WritableValue, { readonly json: WritableValue }>;

export function toPlain(value: WritableValue): PlainValue {
  while (typeof value === "object" && value !== null && "json" in value) value = value.json;
  return value as PlainValue;
}
