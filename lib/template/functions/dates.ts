import { type CallContext, FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";
import { integerOf, typeName, type Value } from "../value.ts";
import { formatDuration, parseDuration, second } from "./duration.ts";
import { asTime, fromDate, fromNanoseconds, fromParsed, GoTime, utc, zeroTime, zoneByName } from "./time.ts";
import { parseTime } from "./time-parse.ts";

/** A time, or seconds of the Unix epoch; for anything else the time of the render. */
function timeOf(context: CallContext, value: Value): GoTime {
  if (value instanceof GoTime) return value;
  const seconds = integerOf(value);
  return seconds === undefined ? fromDate(context.now) : fromNanoseconds(seconds * second);
}

/** Zones that nobody knows are UTC. */
const inZone = (context: CallContext, layout: string, value: Value, zone: string): string =>
  timeOf(context, value)
    .in(zoneByName(zone) ?? utc)
    .format(layout);

const since = (context: CallContext, time: GoTime): bigint => fromDate(context.now).nanoseconds - time.nanoseconds;

function ago(context: CallContext, value: Value): string {
  const elapsed = since(context, timeOf(context, value));
  const half = elapsed < 0n ? -second / 2n : second / 2n;
  return formatDuration(((elapsed + half) / second) * second);
}

/** Seconds as a duration; sprig takes them as text or int64, and any int for none. */
function duration(value: Value): string {
  const isText = typeof value === "string" && /^[-+]?[0-9]{1,18}$/.test(value);
  const seconds = isText ? BigInt(value) : typeName(value) === "int64" ? integerOf(value)! : 0n;
  return formatDuration(BigInt.asIntN(64, seconds * second));
}

const roundingUnits: readonly (readonly [string, bigint])[] = [
  ["y", 365n * 86_400n],
  ["mo", 30n * 86_400n],
  ["d", 86_400n],
  ["h", 3_600n],
  ["m", 60n],
  ["s", 1n],
];

/** A duration in its largest unit, rounded down: `2mo`. */
function roundedDuration(context: CallContext, value: Value): string {
  let length = 0n;
  if (typeof value === "string") length = parseDuration(value) ?? 0n;
  else if (typeName(value) === "int64") length = integerOf(value)!;
  else if (value instanceof GoTime) length = since(context, value);
  const size = length < 0n ? -length : length;
  const unit = roundingUnits.find(([, seconds]) => size > seconds * second);
  return unit ? `${size / (unit[1] * second)}${unit[0]}` : "0s";
}

const modify = (strict: boolean): TemplateFunction =>
  templateFunction(["string", "any"], (_, text, value) => {
    const time = asTime(value);
    const length = parseDuration(text);
    if (length !== undefined) return time.add(length);
    if (strict) throw new FunctionError(`time: invalid duration ${JSON.stringify(text)}`);
    return time;
  });

const toDate = (strict: boolean): TemplateFunction =>
  templateFunction(["string", "string"], (_, layout, text) => {
    try {
      return fromParsed(parseTime(layout, text));
    } catch (error) {
      if (strict || !(error instanceof FunctionError)) throw error;
      return zeroTime();
    }
  });

const dateInZone = templateFunction(["string", "any", "string"], inZone);
const htmlDate = "2006-01-02";

/** Helm's local time zone is that of the machine; here it is UTC, and `now` is the time of the render. */
export const dateFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["now", templateFunction([], (context) => fromDate(context.now))],
  ["date", templateFunction(["string", "any"], (context, layout, value) => inZone(context, layout, value, "Local"))],
  ["dateInZone", dateInZone],
  ["date_in_zone", dateInZone],
  ["htmlDate", templateFunction(["any"], (context, value) => inZone(context, htmlDate, value, "Local"))],
  [
    "htmlDateInZone",
    templateFunction(["any", "string"], (context, value, zone) => inZone(context, htmlDate, value, zone)),
  ],
  ["dateModify", modify(false)],
  ["date_modify", modify(false)],
  ["mustDateModify", modify(true)],
  ["must_date_modify", modify(true)],
  ["toDate", toDate(false)],
  ["mustToDate", toDate(true)],
  ["unixEpoch", templateFunction(["any"], (_, value) => String(asTime(value).seconds))],
  ["ago", templateFunction(["any"], ago)],
  ["duration", templateFunction(["any"], (_, value) => duration(value))],
  ["durationRound", templateFunction(["any"], roundedDuration)],
];
