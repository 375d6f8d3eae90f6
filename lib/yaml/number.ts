/**
 * Writes a float64 as Go's `strconv.FormatFloat(x, 'g', -1, 64)`, and so `%v`, does: the shortest digits that read back
 * the same; with an exponent, of two digits at least, below 1e-4 and from 1e6 on.
 */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  return fromDigits(value.toExponential(), value);
}

/** The same of a float32: `strconv.FormatFloat(x, 'g', -1, 32)`. */
export function formatFloat32(value: number): string {
  const single = Math.fround(value);
  if (single === 0 || !Number.isFinite(single)) return formatFloat(single);
  for (let digits = 0; ; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === single) return fromDigits(text, Number(text));
  }
}

function fromDigits(exponential: string, value: number): string {
  const [digits, exponent] = exponential.split("e") as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** Writes a float64 as encoding/json does: with an exponent below 1e-6 and from 1e21 on, as JavaScript does. */
export const jsonNumber = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));
