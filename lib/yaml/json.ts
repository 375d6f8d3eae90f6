import { compareUtf8 } from "./key-order.ts";
import { jsonNumber } from "./number.ts";
import { defaultLimits, toPlain, type WritableValue, YamlError, type YamlLimits, type YamlValue } from "./value.ts";

export interface JsonStyle {
  /** Writes `<`, `>`, `&`, U+2028 and U+2029 as escapes, as encoding/json does unless told not to. Default: true. */
  readonly escapeHtml?: boolean;
  /** What each level is indented by: then every element has a line of its own. */
  readonly indent?: string;
}

/**
 * Writes JSON as Go's encoding/json does: keys in the order of their bytes, `[]byte` as base64.
 *
 * @throws YamlError for a number that is not finite, or a value deeper than the default limit
 */
export function writeJson(value: WritableValue, { escapeHtml = true, indent = "" }: JsonStyle = {}): string {
  return writeNode(value, escapeHtml ? quoteForHtml : quote, indent, indent === "" ? "" : "\n", 0);
}

function writeNode(
  value: WritableValue,
  text: (text: string) => string,
  indent: string,
  line: string,
  depth: number,
): string {
  switch (typeof value) {
    case "string":
      return text(value);
    case "number":
      return finite(value);
    case "bigint":
    case "boolean":
      return String(value);
    case "undefined":
      return "null";
  }
  if (value === null) return "null";
  if (depth > defaultLimits.depth) throw new YamlError("write JSON", `it is nested deeper than ${defaultLimits.depth}`);
  const plain = toPlain(value);
  if (plain !== value) return writeNode(plain, text, indent, line, depth + 1);
  if (plain instanceof Uint8Array) return `"${Buffer.from(plain).toString("base64")}"`;
  const inner = line + indent;
  const colon = indent === "" ? ":" : ": ";
  const parts: string[] = [];
  if (plain instanceof Map) {
    for (const key of [...plain.keys()].sort(compareUtf8)) {
      parts.push(inner + text(key) + colon + writeNode(plain.get(key), text, indent, inner, depth + 1));
    }
    return parts.length === 0 ? "{}" : `{${parts.join(",")}${line}}`;
  }
  for (const item of plain as readonly WritableValue[])
    parts.push(inner + writeNode(item, text, indent, inner, depth + 1));
  return parts.length === 0 ? "[]" : `[${parts.join(",")}${line}]`;
}

function finite(value: number): string {
  if (Number.isFinite(value)) return jsonNumber(value);
  const name = Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  throw new YamlError("write JSON", `json: unsupported value: ${name}`);
}

/** Go writes the shorter escapes \b and \f, like JavaScript, and lone surrogates, which it cannot have, as U+FFFD. */
const quote = (text: string): string =>
  JSON.stringify(text.isWellFormed() ? text : text.toWellFormed()).replace(/[\u2028\u2029]/g, unicodeEscape);
const quoteForHtml = (text: string): string => quote(text).replace(/[<>&]/g, unicodeEscape);
const unicodeEscape = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * Reads one JSON text as encoding/json reads it into `any`.
 *
 * @throws YamlError when it is none, or is beyond the limits
 */
export function readJson(text: string, limits: YamlLimits = defaultLimits): YamlValue {
  if (text.length > limits.length) throw new YamlError("read JSON", `it is longer than ${limits.length} characters`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new YamlError("read JSON", text.trim() === "" ? "unexpected end of JSON input" : reasonOf(error), {
      cause: error,
    });
  }
  return toValue(parsed, limits.depth);
}

/** V8 quotes the text, of whatever length, behind a comma. */
const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split(", ")[0] ?? "") : "invalid";

function toValue(parsed: unknown, depth: number): YamlValue {
  if (typeof parsed === "string") return parsed.toWellFormed();
  if (typeof parsed === "number" && !Number.isFinite(parsed)) {
    throw new YamlError("read JSON", "json: cannot unmarshal number into Go value of type float64");
  }
  if (typeof parsed !== "object" || parsed === null) return parsed as YamlValue;
  if (depth === 0) throw new YamlError("read JSON", "exceeded max depth");
  if (Array.isArray(parsed)) return parsed.map((item) => toValue(item, depth - 1));
  const map = new Map<string, YamlValue>();
  for (const key in parsed) map.set(key.toWellFormed(), toValue((parsed as Record<string, unknown>)[key], depth - 1));
  return map;
}
