import { formatValue } from "../format.ts";
import {
  type CallContext,
  FunctionError,
  type TemplateFunction,
  templateFunction,
  variadicFunction,
} from "../function-table.ts";
import { SizedInteger, TypedSlice, type Value } from "../value.ts";
import { longestNumber, toFloat64, toInt64, wrapInt64 } from "./conversion.ts";
import { add, type Decimal, divide, multiply, subtract, toDecimal, toNumber } from "./decimal.ts";

const int64 = (value: bigint): SizedInteger => new SizedInteger("int64", wrapInt64(value));

const ofIntegers = (compute: (a: bigint, b: bigint) => bigint): TemplateFunction =>
  templateFunction(["any", "any"], (_, a, b) => int64(compute(toInt64(a), toInt64(b))));

/** Takes any number of operands into one, from the first on. */
const foldIntegers = (compute: (a: bigint, b: bigint) => bigint): TemplateFunction =>
  variadicFunction(["any"], "any", (_, first, ...rest) =>
    int64(rest.reduce<bigint>((result, value) => wrapInt64(compute(result, toInt64(value))), toInt64(first))),
  );

const foldFloats = (compute: (a: number, b: number) => number): TemplateFunction =>
  variadicFunction(["any"], "any", (_, first, ...rest) =>
    rest.reduce<number>((result, value) => compute(result, toFloat64(value)), toFloat64(first)),
  );

type Operation = (a: Decimal, b: Decimal) => Decimal;

/** The exact result in decimal digits, rounded to a float at the end. */
function exactly(context: CallContext, operation: Operation, first: number, rest: readonly Value[]): number {
  let result = toDecimal(first);
  for (const value of rest) {
    result = operation(result, toDecimal(toFloat64(value)));
    context.spend(1 + Math.ceil(result.scale / 16));
  }
  return toNumber(result);
}

const foldExactly = (operation: Operation): TemplateFunction =>
  variadicFunction(["any"], "any", (context, first, ...rest) => exactly(context, operation, toFloat64(first), rest));

function notZero(divisor: bigint): bigint {
  if (divisor === 0n) throw new FunctionError("runtime error: integer divide by zero");
  return divisor;
}

const bigger = (a: bigint, b: bigint): bigint => (b > a ? b : a);
const smaller = (a: bigint, b: bigint): bigint => (b < a ? b : a);

/** Rounds at a decimal place; from which fraction on upwards can be said. (sprig's round, its way with negatives kept) */
function round(value: number, places: number, roundOn = 0.5): number {
  const power = 10 ** places;
  const shifted = power * value;
  return (shifted - Math.trunc(shifted) >= roundOn ? Math.ceil(shifted) : Math.floor(shifted)) / power;
}

/** strconv.ParseInt in base 8; 0 for what is none. */
function fromOctal(text: string): bigint {
  if (text.length > longestNumber) return 0n;
  const match = /^([-+]?)([0-7]+)$/.exec(text);
  const value = match ? BigInt(`0o${match[2]}`) * (match[1] === "-" ? -1n : 1n) : 0n;
  return wrapInt64(value) === value ? value : 0n;
}

/** strconv.Atoi without its error: out of range gives the nearest, what is no number 0. */
function atoi(text: string): bigint {
  if (!/^[-+]?[0-9]+$/.test(text)) return 0n;
  const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
  if (text.length > longestNumber) return text.startsWith("-") ? least : most;
  const value = BigInt(text.replace("+", ""));
  return value < least ? least : value > most ? most : value;
}

function range(context: CallContext, start: bigint, stop: bigint, step: bigint): bigint[] {
  if (stop < start ? step >= 0n : step <= 0n) return [];
  const size = step < 0n ? -step : step;
  const distance = stop < start ? start - stop : stop - start;
  const count = Number((distance + size - 1n) / size);
  context.spend(count);
  return Array.from({ length: count }, (_, i) => start + BigInt(i) * step);
}

const integers = (numbers: readonly bigint[]): TypedSlice => new TypedSlice("[]int", numbers);

/** `seq end`, `seq start end`, `seq start step end`, each end included. */
function sequence(context: CallContext, numbers: readonly bigint[]): string {
  if (numbers.length === 0 || numbers.length > 3) return "";
  const end = numbers.at(-1)!;
  const start = numbers.length === 1 ? 1n : numbers[0]!;
  const direction = end < start ? -1n : 1n;
  const step = numbers.length === 3 ? numbers[1]! : direction;
  if (direction < 0n && step > 0n) return "";
  return range(context, start, end + direction, step).join(" ");
}

const greatest = foldIntegers(bigger);

export const mathFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["int", templateFunction(["any"], (_, value) => toInt64(value))],
  ["int64", templateFunction(["any"], (_, value) => int64(toInt64(value)))],
  ["float64", templateFunction(["any"], (_, value) => toFloat64(value))],
  ["atoi", templateFunction(["string"], (_, text) => atoi(text))],
  ["toDecimal", templateFunction(["any"], (_, value) => int64(fromOctal(formatValue(value))))],
  ["add1", templateFunction(["any"], (_, value) => int64(toInt64(value) + 1n))],
  [
    "add",
    variadicFunction([], "any", (_, ...values) =>
      int64(values.reduce<bigint>((sum, value) => wrapInt64(sum + toInt64(value)), 0n)),
    ),
  ],
  ["sub", ofIntegers((a, b) => a - b)],
  ["mul", foldIntegers((a, b) => a * b)],
  ["div", ofIntegers((a, b) => a / notZero(b))],
  ["mod", ofIntegers((a, b) => a % notZero(b))],
  ["max", greatest],
  ["biggest", greatest],
  ["min", foldIntegers(smaller)],
  ["maxf", foldFloats(Math.max)],
  ["minf", foldFloats(Math.min)],
  ["add1f", templateFunction(["any"], (context, value) => exactly(context, add, toFloat64(value), [1]))],
  ["addf", variadicFunction([], "any", (context, ...values) => exactly(context, add, 0, values))],
  ["subf", foldExactly(subtract)],
  ["mulf", foldExactly(multiply)],
  ["divf", foldExactly(divide)],
  ["ceil", templateFunction(["any"], (_, value) => Math.ceil(toFloat64(value)))],
  ["floor", templateFunction(["any"], (_, value) => Math.floor(toFloat64(value)))],
  [
    "round",
    variadicFunction(["any", "int"], "float64", (_, value, places, ...on) =>
      round(toFloat64(value), Number(places), on[0]),
    ),
  ],
  ["until", templateFunction(["int"], (context, count) => integers(range(context, 0n, count, count < 0n ? -1n : 1n)))],
  [
    "untilStep",
    templateFunction(["int", "int", "int"], (context, start, stop, step) =>
      integers(range(context, start, stop, step)),
    ),
  ],
  ["seq", variadicFunction([], "int", (context, ...numbers) => sequence(context, numbers))],
];
