/** A number as a template writes it. Go gives it the type that its use asks for, as long as its value fits. */
export interface NumberConstant {
  /** Its value as an integer, when it has one that fits 64 bits. */
  readonly integer: bigint | undefined;
  readonly float: number | undefined;
  /** Its value where any type will do: a float when it is written as one. */
  readonly natural: bigint | number | undefined;
}

const maxInt64 = 2n ** 63n - 1n;
const minInt64 = -(2n ** 63n);
const maxUint64 = 2n ** 64n - 1n;

const integerSyntax =
  /^([+-]?)(0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)$/;
const decimalSyntax = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const hexFloatSyntax = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?[0-9]+)$/;

/** Numbers that most templates have, such as those of `nindent`. */
const common: ReadonlyMap<string, NumberConstant> = new Map(
  Array.from({ length: 100 }, (_, i) => [String(i), { integer: BigInt(i), float: i, natural: BigInt(i) }]),
);

/**
 * Reads a number token (text/template/parse newNumber).
 *
 * @returns what is wrong with it, in Go's words, when it is no number
 */
export function parseNumber(text: string): NumberConstant | string {
  const known = common.get(text);
  if (known !== undefined) return known;
  if (text.endsWith("i")) {
    return parseFloatText(text.slice(0, -1)) === undefined
      ? `illegal number syntax: "${text}"`
      : { integer: undefined, float: undefined, natural: undefined };
  }
  const integer = parseInteger(text);
  if (integer !== undefined && integer <= maxUint64) {
    if (integer >= minInt64 && integer <= maxInt64) return { integer, float: Number(integer), natural: integer };
    if (integer > 0n && !/^[+-]/.test(text)) return { integer: undefined, float: Number(integer), natural: undefined };
  }
  const float = parseFloatText(text);
  if (float === undefined) return `illegal number syntax: "${text}"`;
  if (!/[.eEpP]/.test(text)) return `integer overflow: "${text}"`;
  const whole = Number.isInteger(float) && Math.abs(float) < 2 ** 63 ? BigInt(float) : undefined;
  return { integer: whole, float, natural: float };
}

/** An integer in Go's syntax, of any size: `10`, `0x1F`, `0b11`, `0o17`, `017`, `1_000`. (strconv.ParseInt, base 0) */
export function parseInteger(text: string): bigint | undefined {
  const match = integerSyntax.exec(text);
  if (match === null) return undefined;
  const digits = match[2]!.replaceAll("_", "");
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return match[1] === "-" ? -magnitude : magnitude;
}

/** A float in Go's syntax, in decimal or hexadecimal notation; undefined also when it is too large for one. */
function parseFloatText(text: string): number | undefined {
  const plain = withoutUnderscores(text);
  if (plain === undefined) return undefined;
  const hexadecimal = hexFloatSyntax.exec(plain);
  const value = hexadecimal === null ? parseDecimal(plain) : hexFloat(hexadecimal);
  return value === undefined || !Number.isFinite(value) ? undefined : value;
}

const parseDecimal = (text: string): number | undefined => (decimalSyntax.test(text) ? Number(text) : undefined);

function hexFloat([, sign, whole, fraction = "", exponent]: RegExpExecArray): number | undefined {
  const digits = `${whole}${fraction}`;
  if (digits === "") return undefined;
  const magnitude = Number(BigInt(`0x${digits}`)) * 2 ** (Number(exponent) - 4 * fraction.length);
  return sign === "-" ? -magnitude : magnitude;
}

/** Underscores may stand between digits, and after a base prefix. (strconv underscoreOK) */
function withoutUnderscores(text: string): string | undefined {
  if (!text.includes("_")) return text;
  const misplaced = /^[+-]?0[xX]/.test(text)
    ? /(?:^|[^0-9a-fA-FxX])_|_(?![0-9a-fA-F])/.test(text)
    : /(?:^|[^0-9])_|_(?![0-9])/.test(text);
  return misplaced ? undefined : text.replaceAll("_", "");
}
