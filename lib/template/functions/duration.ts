const unitNames = "ns|us|µs|μs|ms|s|m|h";
const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
export const second = 1_000_000_000n;

const whole = new RegExp(`^([-+]?)((?:(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:${unitNames}))+|0)$`);
const part = new RegExp(`([0-9]*)(?:\\.([0-9]*))?(${unitNames})`, "g");

/** Reads a duration like `1h15m30.5s` as nanoseconds. (time.ParseDuration) @returns undefined for what is none */
export function parseDuration(text: string): bigint | undefined {
  const match = text.length > 200 ? null : whole.exec(text);
  if (!match) return undefined;
  let total = 0n;
  for (const [, digits = "", fraction = "", unit = ""] of match[2]!.matchAll(part)) {
    const size = units[unit]!;
    total += BigInt(digits || "0") * size + (BigInt(fraction || "0") * size) / 10n ** BigInt(fraction.length);
  }
  const signed = match[1] === "-" ? -total : total;
  return BigInt.asIntN(64, signed) === signed ? signed : undefined;
}

/** Writes nanoseconds as `1h15m30.5s`. (Duration.String) */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const rest = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (rest < 1_000n) return `${sign}${rest}ns`;
  if (rest < 1_000_000n) return `${sign}${fixed(rest, 3)}µs`;
  if (rest < second) return `${sign}${fixed(rest, 6)}ms`;
  const seconds = `${fixed(rest % (60n * second), 9)}s`;
  const minutes = rest / (60n * second);
  if (minutes === 0n) return sign + seconds;
  return minutes < 60n ? `${sign}${minutes}m${seconds}` : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** An integer with a point that many places from its end, without zeros behind. */
function fixed(value: bigint, places: number): string {
  const digits = String(value).padStart(places + 1, "0");
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, "");
}
