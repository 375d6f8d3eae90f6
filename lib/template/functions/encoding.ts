import { createHash } from "node:crypto";
import { type CallContext, type TemplateFunction, templateFunction } from "../function-table.ts";
import { spendText } from "./spending.ts";

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const [lineFeed, carriageReturn, padding] = [10, 13, 61];

/** Where a text stops being valid: the number that Go's error names. */
class CorruptInput extends Error {
  constructor(encoding: string, position: number) {
    super(`illegal ${encoding} data at input byte ${position}`);
  }
}

const isLineBreak = (code: number | undefined): boolean => code === lineFeed || code === carriageReturn;

/** Decodes with padding, over line breaks, as Go's base64.StdEncoding does. @throws CorruptInput */
export function decodeBase64(text: string): Buffer {
  const source = Buffer.from(text);
  let inGroup = 0;
  for (let i = 0; i < source.length; i++) {
    const code = source[i]!;
    if (isLineBreak(code)) continue;
    if (code === padding) {
      checkPadding(source, i, inGroup);
      return Buffer.from(text, "base64");
    }
    if (!base64Alphabet.includes(String.fromCharCode(code))) throw new CorruptInput("base64", i);
    inGroup = (inGroup + 1) % 4;
  }
  if (inGroup !== 0) throw new CorruptInput("base64", source.length - inGroup);
  return Buffer.from(text, "base64");
}

/** Padding must fill a group that has whole bytes already, and be the end of the text. */
function checkPadding(source: Buffer, at: number, inGroup: number): void {
  if (inGroup < 2) throw new CorruptInput("base64", at);
  let missing = 4 - inGroup;
  for (let i = at; i < source.length; i++) {
    if (isLineBreak(source[i])) continue;
    if (missing === 0) throw new CorruptInput("base64", i);
    if (source[i] !== padding) throw new CorruptInput("base64", i - 1);
    missing--;
  }
  if (missing > 0) throw new CorruptInput("base64", source.length);
}

/** The lengths of a last group that hold whole bytes. */
const wholeLengths: readonly number[] = [2, 4, 5, 7, 8];

/**
 * Decodes with padding, over line breaks, as Go's base32.StdEncoding does: what follows padding is not looked at, and
 * only the last eight characters can be padding. @throws CorruptInput
 */
function decodeBase32(text: string): Buffer {
  const source = Buffer.from(text.replace(/[\r\n]/g, ""));
  const bytes: number[] = [];
  for (let start = 0; start < source.length; start += 8) {
    let group = 0n;
    let length = 0;
    for (; length < 8; length++) {
      const at = start + length;
      if (at >= source.length) throw new CorruptInput("base32", start);
      if (source[at] === padding && length >= 2 && source.length - at <= 8) break;
      const value = base32Alphabet.indexOf(String.fromCharCode(source[at]!));
      if (value < 0) throw new CorruptInput("base32", at);
      group = (group << 5n) | BigInt(value);
    }
    if (length < 8) checkBase32Padding(source, start, length);
    const size = Math.floor((length * 5) / 8);
    group >>= BigInt(length * 5 - size * 8);
    for (let i = size - 1; i >= 0; i--) bytes.push(Number((group >> BigInt(i * 8)) & 0xffn));
    if (length < 8) break;
  }
  return Buffer.from(bytes);
}

function checkBase32Padding(source: Buffer, start: number, length: number): void {
  const first = start + length;
  if (source.length < start + 8) throw new CorruptInput("base32", source.length);
  for (let at = first + 1; at < start + 8; at++) if (source[at] !== padding) throw new CorruptInput("base32", at - 1);
  if (!wholeLengths.includes(length)) throw new CorruptInput("base32", first);
}

function encodeBase32(text: string): string {
  const bytes = Buffer.from(text);
  let [result, bits, held] = ["", 0, 0];
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      result += base32Alphabet[(held >> bits) & 31];
    }
  }
  if (bits > 0) result += base32Alphabet[(held << (5 - bits)) & 31];
  return result.padEnd(Math.ceil(result.length / 8) * 8, "=");
}

function adler32(text: string): string {
  let [a, b] = [1, 0];
  for (const byte of Buffer.from(text)) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return String(b * 65536 + a);
}

/** sprig puts the message of the error into the text. */
const decoder = (decode: (text: string) => Buffer): TemplateFunction =>
  textFunction((text) => {
    try {
      return decode(text).toString("utf8");
    } catch (error) {
      if (!(error instanceof CorruptInput)) throw error;
      return error.message;
    }
  });

const textFunction = (change: (text: string) => string): TemplateFunction =>
  templateFunction(["string"], (context: CallContext, text) => {
    spendText(context, text.length * 2);
    return change(text);
  });

const hash = (algorithm: string): TemplateFunction =>
  textFunction((text) => createHash(algorithm).update(text).digest("hex"));

export const encodingFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["b64enc", textFunction((text) => Buffer.from(text).toString("base64"))],
  ["b64dec", decoder(decodeBase64)],
  ["b32enc", textFunction(encodeBase32)],
  ["b32dec", decoder(decodeBase32)],
  ["sha1sum", hash("sha1")],
  ["sha256sum", hash("sha256")],
  ["sha512sum", hash("sha512")],
  ["adler32sum", textFunction(adler32)],
];
