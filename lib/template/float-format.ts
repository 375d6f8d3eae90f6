/** The decimal digits of a positive number: 0.d₁d₂d₃… × 10^point. */
interface Decimal {
  readonly digits: string;
  readonly point: number;
}

const mantissaBits = 52;
const exponentBias = 1075;

/** A positive number as mantissa × 2^exponent. */
function takeApart(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const fraction = bits & ((1n << 52n) - 1n);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  return exponent === 0
    ? { mantissa: fraction, exponent: 1 - exponentBias }
    : { mantissa: fraction | (1n << BigInt(mantissaBits)), exponent: exponent - exponentBias };
}

/** All digits of a number: each float has finitely many. */
function exactDecimal(value: number): Decimal {
  const { mantissa, exponent } = takeApart(value);
  if (mantissa === 0n) return { digits: "", point: 0 };
  if (exponent >= 0) {
    const digits = (mantissa << BigInt(exponent)).toString();
    return trimmed(digits, digits.length);
  }
  const digits = (mantissa * 5n ** BigInt(-exponent)).toString();
  return trimmed(digits, digits.length + exponent);
}

/** The fewest digits that still name this number. */
function shortestDecimal(value: number): Decimal {
  if (value === 0) return { digits: "", point: 0 };
  const [digits, exponent] = value.toExponential().split("e");
  return { digits: digits!.replace(".", ""), point: Number(exponent) + 1 };
}

/** Rounds to a count of digits, halves to the even neighbour; fewer than one digit can round up to one. */
function round({ digits, point }: Decimal, count: number): Decimal {
  if (count >= digits.length) return { digits, point };
  if (count < 0) return { digits: "", point: 0 };
  const rest = digits.slice(count);
  const half = rest[0] === "5" && /^50*$/.test(rest);
  const odd = count > 0 && Number(digits[count - 1]) % 2 === 1;
  const kept = digits.slice(0, count);
  if (rest[0]! < "5" || (half && !odd)) return trimmed(kept, point);
  const raised = (BigInt(`0${kept}`) + 1n).toString().padStart(count, "0");
  return trimmed(raised, raised.length > count ? point + 1 : point);
}

function trimmed(digits: string, point: number): Decimal {
  const significant = digits.replace(/0+$/, "");
  return significant === "" ? { digits: "", point: 0 } : { digits: significant, point };
}

export type FloatFormat = "b" | "e" | "E" | "f" | "g" | "G" | "x" | "X";

/**
 * Writes a float as strconv.FormatFloat does for 64 bits.
 *
 * @param precision digits behind the point (`e`, `f`, `x`) or in all (`g`); -1 for the fewest that name the number
 */
export function formatFloat(value: number, format: FloatFormat, precision: number): string {
  if (Number.isNaN(value)) return "NaN";
  const negative = value < 0 || Object.is(value, -0);
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return negative ? "-Inf" : "+Inf";
  return (negative ? "-" : "") + formatMagnitude(magnitude, format, precision);
}

function formatMagnitude(value: number, format: FloatFormat, precision: number): string {
  const shortest = precision < 0;
  switch (format) {
    case "b":
      return binary(value);
    case "x":
    case "X":
      return hexadecimal(value, precision, format);
    case "f": {
      const decimal = shortest ? shortestDecimal(value) : exactDecimal(value);
      if (shortest) return fixed(decimal, Math.max(decimal.digits.length - decimal.point, 0));
      return fixed(round(decimal, decimal.point + precision), precision);
    }
    case "e":
    case "E": {
      if (shortest) {
        const decimal = shortestDecimal(value);
        return scientific(decimal, Math.max(decimal.digits.length - 1, 0), format);
      }
      return scientific(round(exactDecimal(value), precision + 1), precision, format);
    }
    case "g":
    case "G":
      return general(value, precision, format === "g" ? "e" : "E");
  }
}

/** Scientific for very small or large numbers, else fixed; without zeros at the end. */
function general(value: number, precision: number, letter: "e" | "E"): string {
  const shortest = precision < 0;
  const wanted = Math.max(precision, 1);
  const decimal = shortest ? shortestDecimal(value) : round(exactDecimal(value), wanted);
  const { digits, point } = decimal;
  let limit = shortest ? 6 : wanted;
  if (!shortest && limit > digits.length && digits.length >= point) limit = digits.length;
  const exponent = point - 1;
  if (exponent < -4 || exponent >= limit) {
    const count = shortest ? digits.length : Math.min(wanted, digits.length);
    return scientific(decimal, Math.max(count - 1, 0), letter);
  }
  return fixed(decimal, Math.max(digits.length - point, 0));
}

function scientific({ digits, point }: Decimal, precision: number, letter: "e" | "E"): string {
  const first = digits[0] ?? "0";
  const fraction = precision > 0 ? `.${digits.slice(1, precision + 1).padEnd(precision, "0")}` : "";
  const exponent = digits === "" ? 0 : point - 1;
  return `${first}${fraction}${letter}${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function fixed({ digits, point }: Decimal, precision: number): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  if (precision === 0) return whole;
  const behind = "0".repeat(Math.min(Math.max(-point, 0), precision)) + digits.slice(Math.max(point, 0));
  return `${whole}.${behind.slice(0, precision).padEnd(precision, "0")}`;
}

/** `4503599627370496p-52` */
function binary(value: number): string {
  const { mantissa, exponent } = takeApart(value);
  return `${mantissa}p${exponent >= 0 ? "+" : ""}${exponent}`;
}

/** `0x1.8p+01` */
function hexadecimal(value: number, precision: number, letter: "x" | "X"): string {
  let { mantissa, exponent } = takeApart(value);
  exponent = mantissa === 0n ? 0 : exponent + mantissaBits;
  while (mantissa !== 0n && mantissa < 1n << BigInt(mantissaBits)) {
    mantissa <<= 1n;
    exponent--;
  }
  if (precision >= 0 && precision < mantissaBits / 4) {
    const dropped = BigInt(mantissaBits - 4 * precision);
    const rest = mantissa & ((1n << dropped) - 1n);
    const half = 1n << (dropped - 1n);
    mantissa >>= dropped;
    if (rest > half || (rest === half && (mantissa & 1n) === 1n)) mantissa++;
    mantissa <<= dropped;
    if (mantissa >= 1n << BigInt(mantissaBits + 1)) {
      mantissa >>= 1n;
      exponent++;
    }
  }
  const digits = mantissa.toString(16).padStart(mantissaBits / 4 + 1, "0");
  let fraction = digits.slice(1);
  fraction = precision < 0 ? fraction.replace(/0+$/, "") : fraction.slice(0, precision).padEnd(precision, "0");
  const sign = exponent < 0 ? "-" : "+";
  const text = `0x${digits[0]}${fraction && `.${fraction}`}p${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  return letter === "X" ? text.toUpperCase() : text;
}
