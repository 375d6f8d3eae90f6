/** What a plain scalar is. Numbers carry what is needed to use them as keys, and to write them. */
export type Scalar =
  | { readonly kind: "string" | "timestamp"; readonly value: string }
  | { readonly kind: "null"; readonly value: null }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int"; readonly value: number | bigint }
  | { readonly kind: "float"; readonly value: number };

const words = new Map<string, Scalar>();
const define = (scalar: Scalar, ...texts: string[]): void => {
  for (const text of texts) words.set(text, scalar);
};
define({ kind: "bool", value: true }, "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON");
define({ kind: "bool", value: false }, "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF");
define({ kind: "null", value: null }, "", "~", "null", "Null", "NULL");
define({ kind: "float", value: Number.NaN }, ".nan", ".NaN", ".NAN");
define({ kind: "float", value: Number.POSITIVE_INFINITY }, ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF");
define({ kind: "float", value: Number.NEGATIVE_INFINITY }, "-.inf", "-.Inf", "-.INF");

/** Texts that begin with a letter and are longer are strings. */
export const longestWord = 5;

const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
/** What begins with a dot may have underscores, as in Go's own source, but only between digits. */
const fraction = /^\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?$/;
const integer = /^([-+]?)(?:(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))$/;
/** The longest text that can be a number worth the look: 64 bits in base 2 with its sign and prefix, many times. */
const longestNumber = 512;

/** What a scalar without quotes and tag is. (resolve.go of go-yaml v2: YAML 1.1 without base 60) */
export function resolvePlain(text: string): Scalar {
  if (beginsLikeNumber(text)) return words.get(text) ?? resolveNumber(text) ?? { kind: "string", value: text };
  return (text.length <= longestWord ? words.get(text) : undefined) ?? { kind: "string", value: text };
}

/** Begins with a digit, a sign or a dot. */
function beginsLikeNumber(text: string): boolean {
  const first = text.charCodeAt(0);
  return (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46;
}

function resolveNumber(text: string): Scalar | undefined {
  if (text.length > longestNumber) return undefined;
  if (text.startsWith(".")) return fraction.test(text) ? resolveFloat(text.replaceAll("_", "")) : undefined;
  if (isTimestamp(text)) return { kind: "timestamp", value: text };
  const plain = text.includes("_") ? text.replaceAll("_", "") : text;
  return resolveInteger(plain) ?? resolveFloat(plain);
}

/** The ports, counts and sizes that most numbers are. */
const fewDigits = /^(?:0|[1-9][0-9]{0,14})$/;

function resolveInteger(text: string): Scalar | undefined {
  if (fewDigits.test(text)) return { kind: "int", value: Number(text) };
  const match = integer.exec(text);
  if (!match) return undefined;
  const [, sign = "", prefixed, octal, decimal = ""] = match;
  const magnitude = BigInt(prefixed?.toLowerCase() ?? (octal === undefined ? decimal : `0o${octal}`));
  const value = sign === "-" ? -magnitude : magnitude;
  const fits = BigInt.asIntN(64, value) === value || (sign === "" && BigInt.asUintN(64, value) === value);
  return fits ? { kind: "int", value } : undefined;
}

function resolveFloat(text: string): Scalar | undefined {
  if (!float.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? { kind: "float", value } : undefined;
}

const date = /^(\d{4})-(\d\d?)-(\d\d?)(?:([Tt]) ?|$| )/;
const timestamp =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt](\d\d?):(\d\d?):(\d\d?)(?:[.,]\d+)?(?:Z|[-+](\d\d):(\d\d)))| (\d\d?):(\d\d?):(\d\d?)(?:[.,]\d+)?)?$/;

/** Whether go-yaml takes a text for a time: a valid date, alone or with a time. */
function isTimestamp(text: string): boolean {
  if (text.charCodeAt(4) !== 45 || !date.test(text)) return false;
  const match = timestamp.exec(text);
  if (!match) return false;
  const [year, month, day, ...rest] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number];
  const [hour1 = 0, minute1 = 0, second1 = 0, zoneHour = 0, zoneMinute = 0, hour2 = 0, minute2 = 0, second2 = 0] = rest;
  return (
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate() &&
    Math.max(hour1, hour2) < 24 &&
    Math.max(minute1, minute2, second1, second2, zoneMinute) < 60 &&
    zoneHour <= 24
  );
}

/** Base 60 is not read, but quoted when written, for readers that do read it. */
const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

/** Whether a text without quotes would be read as something other than a string: then it is written with them. */
export function needsQuotes(text: string): boolean {
  if (!beginsLikeNumber(text)) return text.length <= longestWord && words.has(text);
  return resolvePlain(text).kind !== "string" || (text.length <= longestNumber && base60.test(text));
}
