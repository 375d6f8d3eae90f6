import { formatValue } from "../format.ts";
import { parseInteger } from "../numbers.ts";
import { SizedInteger, type Value } from "../value.ts";

/** A value as text: what sprig's strval gives. Bytes are taken for UTF-8, everything else as `%v` prints it. */
export const toText = (value: Value): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : formatValue(value);

const minInt64 = -(2n ** 63n);

export const wrapInt64 = (value: bigint): bigint => BigInt.asIntN(64, value);

/** What converting a float64 to int64 gives on amd64: the smallest integer for what does not fit. */
export function truncate(value: number): bigint {
  return Number.isFinite(value) && Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : minInt64;
}

/** Any value as an int64, 0 for what is no number: cast.ToInt64 of spf13/cast 1.7. */
export function toInt64(value: Value): bigint {
  switch (typeof value) {
    case "bigint":
      return value;
    case "number":
      return truncate(value);
    case "boolean":
      return value ? 1n : 0n;
    case "string": {
      if (value.length > longestNumber) return 0n;
      const integer = parseInteger(value.replace(zeroDecimals, "$1"));
      return integer === undefined || wrapInt64(integer) !== integer ? 0n : integer;
    }
    default:
      return value instanceof SizedInteger ? value.value : 0n;
  }
}

/** No text beyond that is looked at as an integer: with all its signs one of 64 bits takes 130 characters. */
export const longestNumber = 500;

/** A point with nothing but zeros behind it is dropped. */
const zeroDecimals = /^([^.]*)\.0+$/;

/** Any value as a float64, 0 for what is no number: cast.ToFloat64. */
export function toFloat64(value: Value): number {
  switch (typeof value) {
    case "number":
      return value;
    case "bigint":
      return Number(value);
    case "boolean":
      return value ? 1 : 0;
    case "string":
      return parseFloat64(value) ?? 0;
    default:
      return value instanceof SizedInteger ? Number(value.value) : 0;
  }
}

const decimal = /^[-+]?(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][-+]?[0-9]+)?$/;
const special = /^([-+]?)(?:(inf|infinity)|nan)$/i;

/** strconv.ParseFloat for decimal notation. @returns undefined for what it refuses, and for what is out of range */
function parseFloat64(text: string): number | undefined {
  if (decimal.test(text)) {
    const value = Number(text.replaceAll("_", ""));
    return Number.isFinite(value) ? value : undefined;
  }
  const match = special.exec(text);
  if (!match) return undefined;
  if (match[2] === undefined) return Number.NaN;
  return match[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** What unicode.IsSpace accepts. */
export const isSpace = (char: string): boolean => spaces.test(char);
const spaces = /^[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const ascii = /^[\0-\x7f]*$/;
const isAscii = (text: string): boolean => ascii.test(text);

/** The length of a text in bytes of UTF-8: what Go counts. */
export const byteLength = (text: string): number => (isAscii(text) ? text.length : Buffer.byteLength(text));

/** A part of a text by bytes of UTF-8; half a character becomes U+FFFD. Both ends must lie within the text. */
export const byteSlice = (text: string, start: number, end: number): string =>
  isAscii(text) ? text.slice(start, end) : Buffer.from(text).subarray(start, end).toString("utf8");

/** Maps upper and lower case character by character, as Go does: `ß` has no upper case, `Σ` one lower case. */
export function changeCase(text: string, change: (char: string) => string): string {
  if (isAscii(text)) return change(text);
  let result = "";
  for (const char of text) {
    const changed = change(char);
    result += [...changed].length === 1 ? changed : char;
  }
  return result;
}
export const upper = (text: string): string => text.toUpperCase();
/** The dotted capital I is the one character whose lower case would be two. */
export const lower = (text: string): string => text.replaceAll("İ", "i").toLowerCase();
