import { type CallContext, FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";

const digits = "0123456789";
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, i) => i + 32));

/** A number below a bound, from six random bytes: as good as even for small bounds. */
function below(context: CallContext, bound: number): number {
  const bytes = context.random(6);
  let value = 0;
  for (const byte of bytes) value = value * 256 + byte;
  return value % bound;
}

/** Random characters of an alphabet: none for a negative count, as sprig has it. */
export function randomText(context: CallContext, count: bigint, alphabet: string): string {
  if (count <= 0n) return "";
  context.spend(Number(count));
  let text = "";
  for (const byte of context.random(Number(count))) text += alphabet[byte % alphabet.length];
  return text;
}

const randomFrom = (alphabet: string): TemplateFunction =>
  templateFunction(["int"], (context, count) => randomText(context, count, alphabet));

function randomBytes(context: CallContext, count: bigint): string {
  if (count < 0n) throw new FunctionError("runtime error: makeslice: len out of range");
  context.spend(Number(count));
  return Buffer.from(context.random(Number(count))).toString("base64");
}

function randomInteger(context: CallContext, from: bigint, to: bigint): bigint {
  if (to <= from) throw new FunctionError("invalid argument to Intn");
  return from + (BigInt(below(context, 2 ** 48)) % (to - from));
}

function uuid(context: CallContext): string {
  const bytes = Buffer.from(context.random(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40; // version 4
  bytes[8] = (bytes[8]! & 0x3f) | 0x80; // variant of RFC 9562
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function shuffle(context: CallContext, text: string): string {
  const chars = [...text];
  context.spend(chars.length);
  for (let i = chars.length - 1; i > 0; i--) {
    const other = below(context, i + 1);
    [chars[i], chars[other]] = [chars[other]!, chars[i]!];
  }
  return chars.join("");
}

/** Random for Helm; here the same for the same render. */
export const randomFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["randAlphaNum", randomFrom(letters + digits)],
  ["randAlpha", randomFrom(letters)],
  ["randNumeric", randomFrom(digits)],
  ["randAscii", randomFrom(printable)],
  ["randBytes", templateFunction(["int"], randomBytes)],
  ["randInt", templateFunction(["int", "int"], randomInteger)],
  ["uuidv4", templateFunction([], uuid)],
  ["shuffle", templateFunction(["string"], shuffle)],
];
