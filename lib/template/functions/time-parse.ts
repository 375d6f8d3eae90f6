import { FunctionError } from "../function-table.ts";
import { quote } from "../quoting.ts";
import { layoutElements, months, weekdays } from "./time-layout.ts";

/** What parsing finds in a text; fields that the layout does not have are those of the year 0. */
export interface ParsedTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** Seconds east of UTC; undefined when the text names no offset. */
  readonly offset: number | undefined;
  /** An abbreviation like `CET`, when the text has one. */
  readonly zone: string | undefined;
}

/** What each element accepts at the place where it stands. */
const accepted: Readonly<Record<string, RegExp>> = {
  January: new RegExp(months.join("|"), "iy"),
  Jan: new RegExp(months.map((name) => name.slice(0, 3)).join("|"), "iy"),
  Monday: new RegExp(weekdays.join("|"), "iy"),
  Mon: new RegExp(weekdays.map((name) => name.slice(0, 3)).join("|"), "iy"),
  MST: /UTC|GMT[-+]\d{1,2}|[A-Z]{3,5}|[-+]\d\d/y,
  "002": /\d{3}/y,
  __2: / {0,2}\d{1,3}/y,
  "2006": /\d{4}/y,
  "06": /\d\d/y,
  "01": /\d\d/y,
  "1": /\d\d?/y,
  "02": /\d\d/y,
  _2: / ?\d\d?/y,
  "2": /\d\d?/y,
  "15": /\d\d?/y,
  "03": /\d\d/y,
  "3": /\d\d?/y,
  "04": /\d\d/y,
  "4": /\d\d?/y,
  "05": /\d\d(?:[.,]\d+)?/y,
  "5": /\d\d?(?:[.,]\d+)?/y,
  PM: /AM|PM/y,
  pm: /am|pm/y,
};

/**
 * Reads a time in a layout. (time.Parse)
 *
 * @throws FunctionError when the text does not follow it, in Go's words
 */
export function parseTime(layout: string, text: string): ParsedTime {
  const fields = new Map<string, string>();
  let at = 0;
  let from = 0;
  const mismatch = (part: string): FunctionError =>
    new FunctionError(
      `parsing time ${quote(text)} as ${quote(layout)}: cannot parse ${quote(text.slice(at))} as ${quote(part)}`,
    );
  const literal = (expected: string): void => {
    if (!text.startsWith(expected, at)) throw mismatch(expected);
    at += expected.length;
  };
  for (const match of layout.matchAll(layoutElements)) {
    literal(layout.slice(from, match.index));
    from = match.index + match[0].length;
    const syntax = syntaxOf(match[0], layout.slice(from));
    syntax.lastIndex = at;
    const found = syntax.exec(text)?.[0];
    if (found === undefined) throw mismatch(match[0]);
    const field = fieldOf(match[0]);
    // of two elements for the hour the last one counts
    if (field === "hour" || field === "hour12") fields.delete(field === "hour" ? "hour12" : "hour");
    fields.set(field, found);
    at += found.length;
  }
  literal(layout.slice(from));
  const invalid = (why: string): FunctionError => new FunctionError(`parsing time ${quote(text)}: ${why}`);
  if (at < text.length) throw invalid(`extra text: ${quote(text.slice(at))}`);
  return checked(fields, invalid);
}

/** A fraction belongs to the seconds unless the layout has an element of its own for it. */
const syntaxOf = (part: string, next: string): RegExp =>
  (part === "05" || part === "5") && /^[.,](?:0+|9+)(?![0-9])/.test(next)
    ? accepted["04"]!
    : (accepted[part] ?? acceptedSign(part));

function acceptedSign(part: string): RegExp {
  if (part[0] !== "-" && part[0] !== "Z")
    return part[1] === "0" ? new RegExp(`[.,]\\d{${part.length - 1}}`, "y") : /(?:[.,]\d+)?/y;
  const offset = part.slice(1).replace(/\d\d/g, "\\d\\d");
  return new RegExp(part[0] === "Z" ? `Z|[-+]${offset}` : `[-+]${offset}`, "y");
}

/** Elements that mean the same share a name. */
function fieldOf(part: string): string {
  const names: Readonly<Record<string, string>> = {
    January: "month",
    Jan: "month",
    "01": "month",
    "1": "month",
    "02": "day",
    _2: "day",
    "2": "day",
    "2006": "year",
    "06": "shortYear",
    "15": "hour",
    "03": "hour12",
    "3": "hour12",
    "04": "minute",
    "4": "minute",
    "05": "second",
    "5": "second",
    PM: "half",
    pm: "half",
    MST: "zone",
    "002": "yearDay",
    __2: "yearDay",
    Monday: "weekday",
    Mon: "weekday",
  };
  return names[part] ?? (part[0] === "-" || part[0] === "Z" ? "offset" : "fraction");
}

function checked(fields: ReadonlyMap<string, string>, invalid: (why: string) => FunctionError): ParsedTime {
  const number = (name: string, least: number, most: number, missing: number): number => {
    const value = Number(fields.get(name) ?? missing);
    if (value < least || value > most) throw invalid(`${name.replace("12", "")} out of range`);
    return value;
  };
  const short = number("shortYear", 0, 99, 0);
  const year = fields.has("shortYear") ? short + (short >= 69 ? 1900 : 2000) : number("year", 0, 9999, 0);
  const [wholeSecond = "0", inSecond = ""] = (fields.get("second") ?? "0").split(/[.,]/);
  const second = Number(wholeSecond);
  if (second > 59) throw invalid("second out of range");
  const fraction = inSecond || (fields.get("fraction") ?? "").slice(1);
  const [month, day] = dayOf(fields, year, invalid);
  const half = fields.get("half")?.toUpperCase();
  const hour = fields.has("hour12") ? number("hour12", 0, 12, 0) : number("hour", 0, 23, 0);
  return {
    year,
    month,
    day,
    hour: half === "PM" && hour < 12 ? hour + 12 : half === "AM" && hour === 12 ? 0 : hour,
    minute: number("minute", 0, 59, 0),
    second,
    nanosecond: Number(fraction.slice(0, 9).padEnd(9, "0")),
    offset: offsetOf(fields.get("offset")),
    zone: fields.get("zone"),
  };
}

function dayOf(
  fields: ReadonlyMap<string, string>,
  year: number,
  invalid: (why: string) => FunctionError,
): [number, number] {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const text = fields.get("month") ?? "1";
  const named = months.findIndex((name) => name.slice(0, 3).toLowerCase() === text.slice(0, 3).toLowerCase()) + 1;
  const month = named || Number(text);
  if (month < 1 || month > 12) throw invalid("month out of range");
  const day = Number(fields.get("day") ?? 1);
  const like = leap ? 2000 : 2001;
  if (fields.has("yearDay")) {
    const date = new Date(Date.UTC(like, 0, Number(fields.get("yearDay"))));
    if (date.getUTCFullYear() !== like) throw invalid("day-of-year out of range");
    const [monthOfDay, dayOfMonth] = [date.getUTCMonth() + 1, date.getUTCDate()];
    const contradicts = (fields.has("month") && month !== monthOfDay) || (fields.has("day") && day !== dayOfMonth);
    if (contradicts) throw invalid("day-of-year does not match month");
    return [monthOfDay, dayOfMonth];
  }
  if (day < 1 || day > new Date(Date.UTC(like, month, 0)).getUTCDate()) throw invalid("day out of range");
  return [month, day];
}

function offsetOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "Z") return text === undefined ? undefined : 0;
  const [hour = 0, minute = 0, second = 0] = (text.slice(1).match(/\d\d/g) ?? []).map(Number);
  return (text[0] === "-" ? -1 : 1) * (hour * 3600 + minute * 60 + second);
}
