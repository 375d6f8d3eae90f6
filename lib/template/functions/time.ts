import { FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";
import { Struct, typeName, type Value } from "../value.ts";
import { type DateParts, formatTime, months, weekdays } from "./time-layout.ts";
import type { ParsedTime } from "./time-parse.ts";

/** A time zone: what the clock shows there at a moment. */
export interface Zone {
  /** @param seconds of the Unix epoch */
  at(seconds: number): { readonly offset: number; readonly name: string };
}

export const utc: Zone = { at: () => ({ offset: 0, name: "UTC" }) };
const fixedZone = (offset: number, name: string): Zone => ({ at: () => ({ offset, name }) });

/**
 * A zone of the IANA database by name. `Local` is UTC: a render does not depend on the machine.
 *
 * @returns undefined for a name that is unknown
 */
export function zoneByName(name: string): Zone | undefined {
  if (name === "" || name === "UTC" || name === "Local") return utc;
  try {
    const offset = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
    const short = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "short" });
    return {
      at: (seconds) => {
        const hours = nameIn(offset, seconds);
        const [, sign, hour = "0", minute = "0"] = /([-+])(\d\d):(\d\d)/.exec(hours) ?? [];
        const abbreviation = nameIn(short, seconds);
        return {
          offset: (sign === "-" ? -1 : 1) * (Number(hour) * 3600 + Number(minute) * 60),
          name:
            abbreviation.startsWith("GMT") && sign !== undefined
              ? sign + hour + (minute === "00" ? "" : minute)
              : abbreviation,
        };
      },
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

const nameIn = (format: Intl.DateTimeFormat, seconds: number): string =>
  format.formatToParts(seconds * 1000).find(({ type }) => type === "timeZoneName")?.value ?? "";

/** Go's time.Time, with the methods that templates call. */
export class GoTime extends Struct {
  readonly seconds: number;
  readonly nanosecond: number;
  readonly zone: Zone;

  constructor(seconds: number, nanosecond: number, zone: Zone) {
    const parts = (): DateParts => datePartsOf(seconds, nanosecond, zone);
    super("time.Time", {
      text: formatTime("2006-01-02 15:04:05.999999999 -0700 MST", parts()),
      json: formatTime("2006-01-02T15:04:05.999999999Z07:00", parts()),
      methods: methodsOf(() => this, parts),
    });
    this.seconds = seconds;
    this.nanosecond = nanosecond;
    this.zone = zone;
  }

  get nanoseconds(): bigint {
    return BigInt(this.seconds) * 1_000_000_000n + BigInt(this.nanosecond);
  }

  format(layout: string): string {
    return formatTime(layout, datePartsOf(this.seconds, this.nanosecond, this.zone));
  }

  in(zone: Zone): GoTime {
    return new GoTime(this.seconds, this.nanosecond, zone);
  }

  add(nanoseconds: bigint): GoTime {
    return fromNanoseconds(this.nanoseconds + nanoseconds, this.zone);
  }
}

export function fromNanoseconds(nanoseconds: bigint, zone: Zone = utc): GoTime {
  const nanosecond = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return new GoTime(Number((nanoseconds - nanosecond) / 1_000_000_000n), Number(nanosecond), zone);
}

export const fromDate = (date: Date): GoTime => fromNanoseconds(BigInt(date.getTime()) * 1_000_000n);

/** 1 January of year 1: the zero of Go's time.Time. */
export const zeroTime = (): GoTime => new GoTime(-62_135_596_800, 0, utc);

/** The moment that a parsed text names; without an offset it is local, which is UTC here. */
export function fromParsed(parsed: ParsedTime): GoTime {
  const { offset, zone: name } = parsed;
  const zone = offset || (name ?? "UTC") !== "UTC" ? fixedZone(offset ?? 0, name ?? "") : utc;
  const seconds = epochSeconds(parsed.year, parsed.month, parsed.day, parsed.hour, parsed.minute, parsed.second);
  return new GoTime(seconds - (offset ?? 0), parsed.nanosecond, zone);
}

/** Months and days may be out of range, and carry over, as in Go's time.Date. */
function epochSeconds(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC would take a year below 100 for one of the last century
  date.setUTCHours(hour, minute, second);
  return date.getTime() / 1000;
}

function datePartsOf(seconds: number, nanosecond: number, zone: Zone): DateParts {
  const { offset, name } = zone.at(seconds);
  const date = new Date((seconds + offset) * 1000);
  const startOfYear = new Date(date);
  startOfYear.setUTCMonth(0, 1);
  startOfYear.setUTCHours(0, 0, 0, 0);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    nanosecond,
    weekday: date.getUTCDay(),
    yearDay: Math.floor((date.getTime() - startOfYear.getTime()) / 86_400_000) + 1,
    offset,
    zone: name === "" ? formatTime("-0700", { offset } as DateParts) : name,
  };
}

/** @throws FunctionError when a value is no time, in Go's words */
export function asTime(value: Value): GoTime {
  if (value instanceof GoTime) return value;
  throw new FunctionError(`wrong type for value; expected time.Time; got ${typeName(value)}`);
}

function methodsOf(self: () => GoTime, parts: () => DateParts): ReadonlyMap<string, TemplateFunction> {
  const number = (part: (parts: DateParts) => number): TemplateFunction =>
    templateFunction([], () => BigInt(part(parts())));
  const named = (type: string, name: () => string): TemplateFunction =>
    templateFunction([], () => new Struct(type, { text: name(), json: name() }));
  const compare = (test: (difference: bigint) => boolean): TemplateFunction =>
    templateFunction(["any"], (_, other) => test(self().nanoseconds - asTime(other).nanoseconds));
  const inUtc = templateFunction([], () => self().in(utc));
  return new Map([
    ["Format", templateFunction(["string"], (_, layout) => formatTime(layout, parts()))],
    ["String", templateFunction([], () => self().text ?? "")],
    ["Unix", templateFunction([], () => BigInt(self().seconds))],
    ["UnixMilli", templateFunction([], () => self().nanoseconds / 1_000_000n)],
    ["UnixMicro", templateFunction([], () => self().nanoseconds / 1_000n)],
    ["UnixNano", templateFunction([], () => self().nanoseconds)],
    ["Year", number(({ year }) => year)],
    ["Month", named("time.Month", () => months[parts().month - 1]!)],
    ["Day", number(({ day }) => day)],
    ["Weekday", named("time.Weekday", () => weekdays[parts().weekday]!)],
    ["YearDay", number(({ yearDay }) => yearDay)],
    ["Hour", number(({ hour }) => hour)],
    ["Minute", number(({ minute }) => minute)],
    ["Second", number(({ second }) => second)],
    ["Nanosecond", number(({ nanosecond }) => nanosecond)],
    ["UTC", inUtc],
    ["Local", inUtc],
    ["IsZero", templateFunction([], () => self().nanoseconds === zeroTime().nanoseconds)],
    ["Before", compare((difference) => difference < 0n)],
    ["After", compare((difference) => difference > 0n)],
    ["Equal", compare((difference) => difference === 0n)],
    [
      "AddDate",
      templateFunction(["int", "int", "int"], (_, years, monthCount, days) => {
        const { year, month, day, hour, minute, second, nanosecond, offset } = parts();
        const [y, m, d] = [year + Number(years), month + Number(monthCount), day + Number(days)];
        return new GoTime(epochSeconds(y, m, d, hour, minute, second) - offset, nanosecond, self().zone);
      }),
    ],
  ]);
}
