import type { GetOptions } from "./store.ts";

/**
 * The bytes that a get asks for, within an object of this size. A start behind the end asks for nothing.
 *
 * @throws RangeError when the range is none: a bug of the caller
 */
export function rangeOf(
  { start = 0, end = Infinity }: GetOptions,
  size: number,
): readonly [start: number, end: number] {
  const whole = Number.isSafeInteger(start) && (end === Infinity || Number.isSafeInteger(end));
  if (!whole || start < 0 || end < start) throw new RangeError(`Cannot get bytes ${start} to ${end}`);
  return [Math.min(start, size), Math.min(end, size)];
}
