import { FunctionError } from "../function-table.ts";

/** An exact decimal number: coefficient × 10^-scale. sprig's addf, subf, mulf and divf compute with such numbers. */
export interface Decimal {
  readonly coefficient: bigint;
  readonly scale: number;
}

/** @throws FunctionError for what is not finite */
export function toDecimal(value: number): Decimal {
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
    throw new FunctionError(`Cannot create a Decimal from ${name}`);
  }
  const [digits = "", exponent = "0"] = String(value).split("e");
  const [whole = "", fraction = ""] = digits.split(".");
  return normalize(BigInt(whole + fraction), fraction.length - Number(exponent));
}

/** Scales are never negative, so that all arithmetic is on integers. */
const normalize = (coefficient: bigint, scale: number): Decimal =>
  scale >= 0 ? { coefficient, scale } : { coefficient: coefficient * 10n ** BigInt(-scale), scale: 0 };

const rescale = ({ coefficient, scale }: Decimal, to: number): bigint => coefficient * 10n ** BigInt(to - scale);

export function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { coefficient: rescale(a, scale) + rescale(b, scale), scale };
}

export const subtract = (a: Decimal, b: Decimal): Decimal => add(a, { ...b, coefficient: -b.coefficient });

export const multiply = (a: Decimal, b: Decimal): Decimal => ({
  coefficient: a.coefficient * b.coefficient,
  scale: a.scale + b.scale,
});

/** Digits behind the point of a quotient. (DivisionPrecision of shopspring/decimal) */
const quotientScale = 16;

export function divide(a: Decimal, b: Decimal): Decimal {
  if (b.coefficient === 0n) throw new FunctionError("decimal division by 0");
  const numerator = a.coefficient * 10n ** BigInt(b.scale + quotientScale);
  const denominator = b.coefficient * 10n ** BigInt(a.scale);
  const [dividend, divisor] = [magnitude(numerator), magnitude(denominator)];
  const rounded = (2n * dividend + divisor) / (2n * divisor);
  return { coefficient: numerator < 0n === denominator < 0n ? rounded : -rounded, scale: quotientScale };
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

export const toNumber = ({ coefficient, scale }: Decimal): number => Number(`${coefficient}e-${scale}`);
