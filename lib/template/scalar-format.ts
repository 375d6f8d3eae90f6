import { type FloatFormat, formatFloat } from "./float-format.ts";
import { type PrintSpec, pad } from "./print-spec.ts";
import { isPrintable, quote, quoteCharacter } from "./quoting.ts";

// How Go's fmt writes a single value under a verb; undefined where the verb is not one for values of the kind.

type Formatted = string | undefined;
type Spec = Readonly<PrintSpec>;

export const formatBoolean = (value: boolean, verb: string, spec: Spec): Formatted =>
  verb === "t" || verb === "v" ? pad(String(value), spec) : undefined;

const bases: Readonly<Record<string, number>> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };

export function formatInteger(value: bigint, verb: string, spec: Spec): Formatted {
  const base = bases[verb];
  if (base !== undefined) return integerInBase(value, base, verb, spec);
  const code = BigInt.asUintN(64, value);
  switch (verb) {
    case "c":
      return pad(character(code), spec);
    case "q":
      return pad(quoteCharacter(character(code), spec.plus), spec);
    case "U":
      return codePoint(code, spec);
    default:
      return undefined;
  }
}

function character(code: bigint): string {
  const valid = code <= 0x10ffffn && (code < 0xd800n || code > 0xdfffn);
  return valid ? String.fromCodePoint(Number(code)) : "\ufffd";
}

function integerInBase(value: bigint, base: number, verb: string, spec: Spec): string {
  const negative = value < 0n;
  if (spec.precision === 0 && value === 0n) return pad("", spec, false);
  let digits = (negative ? -value : value).toString(base);
  if (verb === "X") digits = digits.toUpperCase();
  const sign = negative ? "-" : spec.plus ? "+" : spec.space ? " " : "";
  const zeros = spec.zero && !spec.minus && spec.width !== undefined ? spec.width - sign.length : 0;
  digits = digits.padStart(spec.precision ?? zeros, "0");
  if (spec.sharp) digits = withPrefix(digits, base, verb);
  if (verb === "O") digits = `0o${digits}`;
  return pad(sign + digits, spec, false);
}

function withPrefix(digits: string, base: number, verb: string): string {
  if (base === 2) return `0b${digits}`;
  if (base === 8) return digits.startsWith("0") ? digits : `0${digits}`;
  return base === 16 ? `0${verb === "X" ? "X" : "x"}${digits}` : digits;
}

/** `U+0078`, with `#` also the character: `U+0078 'x'` */
function codePoint(code: bigint, spec: Spec): string {
  const digits = code.toString(16).toUpperCase();
  const number = `U+${digits.padStart(Math.max(spec.precision ?? 0, 4), "0")}`;
  const shown = spec.sharp && code <= 0x10ffffn && isPrintable(character(code)) && character(code) !== "\ufffd";
  return pad(shown ? `${number} '${character(code)}'` : number, spec, false);
}

const floatFormats: Readonly<Record<string, { format: FloatFormat; precision: number }>> = {
  v: { format: "g", precision: -1 },
  g: { format: "g", precision: -1 },
  G: { format: "G", precision: -1 },
  b: { format: "b", precision: -1 },
  x: { format: "x", precision: -1 },
  X: { format: "X", precision: -1 },
  f: { format: "f", precision: 6 },
  F: { format: "f", precision: 6 },
  e: { format: "e", precision: 6 },
  E: { format: "E", precision: 6 },
};

export function formatFloatVerb(value: number, verb: string, spec: Spec): Formatted {
  const known = floatFormats[verb];
  if (known === undefined) return undefined;
  const precision = spec.precision ?? known.precision;
  const text = formatFloat(value, known.format, precision);
  const signed = /^[+-]/.test(text);
  const sign = signed ? text[0]! : "+";
  let digits = signed ? text.slice(1) : text;
  const shownSign = sign === "-" || spec.plus ? sign : spec.space ? " " : "";
  if (!Number.isFinite(value)) return pad((digits === "Inf" ? shownSign || "+" : shownSign) + digits, spec, false);
  if (spec.sharp && verb !== "b") digits = withPoint(digits, verb, precision);
  if (shownSign !== "" && spec.zero && !spec.minus && spec.width !== undefined) {
    return shownSign + digits.padStart(spec.width - 1, "0");
  }
  return pad(shownSign + digits, spec);
}

/** With `#` there is always a point, and for `%g` the zeros behind it. */
function withPoint(text: string, verb: string, precision: number): string {
  const hexadecimal = verb === "x" || verb === "X";
  const at = text.search(hexadecimal ? /[pP]/ : /[eE]/);
  let digits = at < 0 ? text : text.slice(0, at);
  const tail = at < 0 ? "" : text.slice(at);
  const counts = verb === "v" || verb === "g" || verb === "G" || verb === "x";
  let missing = counts ? (precision < 0 ? 6 : precision) : 0;
  missing -= digits.replace(/[.]/, "").replace(/^0+/, "").length;
  if (!digits.includes(".")) {
    if (digits === "0") missing--;
    digits += ".";
  }
  return digits + "0".repeat(Math.max(missing, 0)) + tail;
}

export function formatText(text: string, verb: string, spec: Spec): Formatted {
  switch (verb) {
    case "v":
      return spec.sharpV ? quoted(text, spec) : pad(truncate(text, spec), spec);
    case "s":
      return pad(truncate(text, spec), spec);
    case "q":
      return quoted(text, spec);
    case "x":
    case "X":
      return hexOfBytes(Buffer.from(text), verb, spec);
    default:
      return undefined;
  }
}

function truncate(text: string, { precision }: Spec): string {
  if (precision === undefined || text.length <= precision) return text;
  let end = 0;
  for (let count = 0; count < precision && end < text.length; count++) end += text.codePointAt(end)! > 0xffff ? 2 : 1;
  return text.slice(0, end);
}

/** Go quotes with backquotes, when asked to by `#`, what holds none and no control character but the tab. */
const fitsBackquotes = (text: string): boolean =>
  [...text].every((c) => c === "\t" || (c >= " " && c !== "\x7f" && c !== "`" && c !== "\ufeff"));

function quoted(text: string, spec: Spec): string {
  const kept = truncate(text, spec);
  if (spec.sharp && fitsBackquotes(kept)) return pad(`\`${kept}\``, spec);
  return pad(quote(kept, spec.plus), spec);
}

export function hexOfBytes(bytes: Uint8Array, verb: "x" | "X", spec: Spec): string {
  const kept = bytes.subarray(0, spec.precision ?? bytes.length);
  const prefix = spec.sharp && kept.length > 0 ? "0x" : "";
  const hex = spec.space
    ? Array.from(kept, (byte) => prefix + byte.toString(16).padStart(2, "0")).join(" ")
    : prefix + Buffer.from(kept).toString("hex");
  return pad(verb === "X" ? hex.toUpperCase() : hex, spec);
}

/** What was written of bytes: charts print whole files by mistake, and the same ones again and again. */
const decimals = new WeakMap<Uint8Array, string>();

/** Bytes as plain numbers with spaces between. */
export function decimalsOfBytes(bytes: Uint8Array): string {
  let text = decimals.get(bytes);
  if (text === undefined) {
    text = writeDecimals(bytes);
    decimals.set(bytes, text);
  }
  return text;
}

/** `join` takes five times as long. */
function writeDecimals(bytes: Uint8Array): string {
  const text = Buffer.allocUnsafe(bytes.length * 4);
  let at = 0;
  for (const byte of bytes) {
    if (byte > 99) text[at++] = 48 + Math.trunc(byte / 100);
    if (byte > 9) text[at++] = 48 + (Math.trunc(byte / 10) % 10);
    text[at++] = 48 + (byte % 10);
    text[at++] = 32;
  }
  return text.toString("latin1", 0, Math.max(at - 1, 0));
}
