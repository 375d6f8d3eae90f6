import { integerOf, SizedInteger, type Value } from "../template/index.ts";

/** What JSON distinguishes. */
export type JsonType = "null" | "boolean" | "number" | "string" | "array" | "object";

/** @returns undefined for what JSON cannot say */
export function typeOf(value: Value): JsonType | undefined {
  switch (typeof value) {
    case "boolean":
      return "boolean";
    case "string":
      return "string";
    case "number":
    case "bigint":
      return "number";
  }
  if (value === null) return "null";
  if (value instanceof SizedInteger) return "number";
  if (value instanceof Map) return "object";
  return Array.isArray(value) ? "array" : undefined;
}

export const isInteger = (value: Value): boolean => integerOf(value) !== undefined || Number.isInteger(value);

/** Equal values have the same text, and only those: `1` and `1.0` are equal, the order of keys says nothing. */
export function identityOf(value: Value): string {
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => `${JSON.stringify(key)}:${identityOf(item)}`);
    return `{${entries.sort().join()}}`;
  }
  if (Array.isArray(value)) return `[${value.map(identityOf).join()}]`;
  const integer = integerOf(value);
  if (integer !== undefined) return String(integer);
  return Object.is(value, -0) ? "0" : (JSON.stringify(value) ?? "");
}

/** The token of a JSON pointer (RFC 6901). */
export const pointerToken = (key: string | number): string =>
  `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** Whether a number is a whole multiple of another, in decimals: 19.99 is one of 0.01. */
export function isMultipleOf(value: number | bigint, of: number): boolean {
  const [dividend, divisor] = [decimal(value), decimal(of)];
  const exponent = Math.min(dividend.exponent, divisor.exponent);
  const whole = ({ digits, exponent: own }: Decimal): bigint => digits * 10n ** BigInt(own - exponent);
  return whole(dividend) % whole(divisor) === 0n;
}

interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

function decimal(value: number | bigint): Decimal {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value))!;
  return { digits: BigInt(`${sign}${whole}${fraction}`), exponent: Number(exponent) - fraction.length };
}
