/** A moment taken apart in a time zone. */
export interface DateParts {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly yearDay: number;
  /** Seconds east of UTC. */
  readonly offset: number;
  readonly zone: string;
}

export const months: readonly string[] =
  "January February March April May June July August September October November December".split(" ");
export const weekdays: readonly string[] = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** The parts of a layout that stand for something: Go writes them as its reference time, 01/02 03:04:05PM '06 -0700. */
export const layoutElements =
  /January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|2006|__2|_2(?!006)|[1-5]|PM|pm|[-Z]07(?::00:00|0000|:00|00)?|[.,](?:0+|9+)(?![0-9])/g;

const digits = (value: number, width: number, fill = "0"): string => String(value).padStart(width, fill);

/** Writes a time in a layout. (Time.Format) */
export const formatTime = (layout: string, time: DateParts): string =>
  layout.replace(layoutElements, (part) => formatElement(part, time));

function formatElement(part: string, time: DateParts): string {
  switch (part) {
    case "January":
      return months[time.month - 1]!;
    case "Jan":
      return months[time.month - 1]!.slice(0, 3);
    case "Monday":
      return weekdays[time.weekday]!;
    case "Mon":
      return weekdays[time.weekday]!.slice(0, 3);
    case "MST":
      return time.zone;
    case "002":
      return digits(time.yearDay, 3);
    case "__2":
      return digits(time.yearDay, 3, " ");
    case "2006":
      return time.year < 0 ? `-${digits(-time.year, 4)}` : digits(time.year, 4);
    case "06":
      return digits(Math.abs(time.year) % 100, 2);
    case "01":
      return digits(time.month, 2);
    case "1":
      return String(time.month);
    case "02":
      return digits(time.day, 2);
    case "_2":
      return digits(time.day, 2, " ");
    case "2":
      return String(time.day);
    case "15":
      return digits(time.hour, 2);
    case "03":
      return digits(time.hour % 12 || 12, 2);
    case "3":
      return String(time.hour % 12 || 12);
    case "04":
      return digits(time.minute, 2);
    case "4":
      return String(time.minute);
    case "05":
      return digits(time.second, 2);
    case "5":
      return String(time.second);
    case "PM":
      return time.hour < 12 ? "AM" : "PM";
    case "pm":
      return time.hour < 12 ? "am" : "pm";
  }
  return part[0] === "-" || part[0] === "Z" ? formatOffset(part, time.offset) : formatFraction(part, time.nanosecond);
}

function formatOffset(part: string, offset: number): string {
  if (part[0] === "Z" && offset === 0) return "Z";
  const seconds = Math.abs(offset);
  const [hour, minute, second] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const fields = [hour, minute, second].slice(0, part.replaceAll(":", "").length / 2 - 0.5);
  return (offset < 0 ? "-" : "+") + fields.map((field) => digits(field, 2)).join(part.includes(":") ? ":" : "");
}

function formatFraction(part: string, nanosecond: number): string {
  const shown = digits(nanosecond, 9).slice(0, part.length - 1);
  if (part[1] === "0") return part[0] + shown;
  const trimmed = shown.replace(/0+$/, "");
  return trimmed === "" ? "" : part[0] + trimmed;
}
