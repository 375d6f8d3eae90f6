import { isIPv6 } from "node:net";
import { LinearRegex, parseUrl } from "../template/functions/index.ts";
import { FunctionError } from "../template/index.ts";
import { regexProblem } from "./shapes.ts";

/** What is wrong with a text that should have a format; undefined when nothing is. */
export type Format = (text: string) => string | undefined;

/** A format that a regular expression decides. */
const like =
  (pattern: RegExp, why: string): Format =>
  (text) =>
    pattern.test(text) ? undefined : why;

const jsonPointer = like(/^(?:\/(?:[^~/]|~[01])*)*$/u, "it is no JSON pointer");

/** RFC 3339 appendix A. */
const duration = like(
  /^P(?:\d+W|(?!$)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?!$)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)$/,
  "it is no duration",
);

const ipv4: Format = (text) => {
  const groups = text.split(".");
  if (groups.length !== 4) return "expected four decimals";
  if (groups.some((group) => /^0./.test(group))) return "leading zeros";
  return groups.every((group) => /^[+-]?\d+$/.test(group) && Number(group) >= 0 && Number(group) <= 255)
    ? undefined
    : "decimal must be between 0 and 255";
};

const ipv6: Format = (text) => {
  if (!text.includes(":")) return "missing colon";
  return isIPv6(text) && !text.includes("%") ? undefined : "it is no IPv6 address";
};

const hostname: Format = (text) => {
  const name = text.replace(/\.$/, "");
  if (Buffer.byteLength(name) > 253) return "more than 253 characters long";
  for (const label of name.split(".")) {
    if (label.length < 1 || label.length > 63) return "label must be 1 to 63 characters long";
    if (label.startsWith("-")) return "label starts with hyphen";
    if (label.endsWith("-")) return "label ends with hyphen";
    if (!/^[a-zA-Z0-9-]*$/.test(label)) return "invalid character";
  }
  return undefined;
};

const email: Format = (text) => {
  if (Buffer.byteLength(text) > 254) return "more than 255 characters long";
  const at = text.lastIndexOf("@");
  if (at < 0) return "missing @";
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)];
  if (local.length > 64) return "local part more than 64 characters long";
  if (local.length > 1 && local.startsWith('"')) {
    if (/[\\"]/.test(local.slice(1, -1))) return "backslash and quote are not allowed within quoted local part";
  } else if (!/^(?:[\w!#$%&'*+\-/=?^`{|}~]+(?:\.[\w!#$%&'*+\-/=?^`{|}~]+)*)?$/.test(local)) {
    return "invalid local part";
  }
  const literal = /^\[(IPv6:)?(.*)\]$/s.exec(domain);
  const why = literal === null ? hostname(domain) : (literal[1] === undefined ? ipv4 : ipv6)(literal[2]!);
  return why && `invalid domain: ${why}`;
};

const date: Format = (text) => {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  const [year, month, day] = (match ?? []).slice(1).map(Number) as [number, number, number];
  const exists = match !== null && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  return exists ? undefined : "it is no date";
};

function daysIn(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}

/** RFC 3339 section 5.6; a second 60 only where it is the last one of a day in UTC. */
const time: Format = (text) => {
  const match = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[zZ]|([+-])(\d\d):(\d\d))$/.exec(text);
  if (match === null) return "it is no time with an offset";
  const [hour, minute, second, , offsetHour, offsetMinute] = match
    .slice(1)
    .map((part) => Number(part ?? 0)) as number[];
  if (hour! > 23 || minute! > 59 || second! > 60) return "hour/min/sec out of range";
  if (offsetHour! > 23 || offsetMinute! > 59) return "hour/min in offset out of range";
  const offset = (offsetHour! * 60 + offsetMinute!) * (match[4] === "+" ? -1 : 1);
  const minutes = (hour! * 60 + minute! + offset + 1440) % 1440;
  return second === 60 && minutes !== 1439 ? "invalid leap second" : undefined;
};

const dateTime: Format = (text) => {
  if (!/^.{10}[tT]/s.test(text)) return "11th character must be t or T";
  return date(text.slice(0, 10)) ?? time(text.slice(11));
};

const period: Format = (text) => {
  const slash = text.indexOf("/");
  if (slash < 0) return "missing slash";
  const [start, end] = [text.slice(0, slash), text.slice(slash + 1)];
  if (start.startsWith("P")) return duration(start) ?? dateTime(end);
  return dateTime(start) ?? (end.startsWith("P") ? duration(end) : dateTime(end));
};

const uriReference: Format = (text) => {
  try {
    const { host } = parseUrl(text);
    const bracketed = /^\[(.*)\](?::\d*)?$/s.exec(host)?.[1];
    if (bracketed !== undefined) return ipv6(bracketed);
    return host.replace(/:\d*$/, "").includes(":") ? "ipv6 address not enclosed in brackets" : undefined;
  } catch (error) {
    if (error instanceof FunctionError) return error.message;
    throw error;
  }
};

const uri: Format = (text) => uriReference(text) ?? (/^[a-z][a-z\d+.-]*:/i.test(text) ? undefined : "relative url");

const relativeReference: Format = (text) => (text.includes("\\") ? "contains \\" : uriReference(text));

const uriTemplate: Format = (text) => {
  const why = uriReference(text);
  if (why !== undefined) return why;
  const path = text.split(/[?#]/, 1)[0]!;
  const unbalanced = path.split("/").some((segment) => !/^[^{}]*(?:\{[^{}]*\}[^{}]*)*$/.test(segment));
  return unbalanced ? "no matching braces" : undefined;
};

const IDENTIFIERS = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const NUMBER = "(?:0|[1-9]\\d*)";
const PRERELEASE = `(?:${NUMBER}|\\d*[A-Za-z-][0-9A-Za-z-]*)`;
const semver = like(
  new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-${PRERELEASE}(?:\\.${PRERELEASE})*)?(?:\\+${IDENTIFIERS})?$`),
  "it is no semantic version",
);

/** The formats that helm's validator knows, in its reading of them; it passes over all others. */
export const formats: ReadonlyMap<string, Format> = new Map(
  Object.entries({
    "json-pointer": jsonPointer,
    "relative-json-pointer": like(/^(?:0|[1-9]\d*)(?:#|(?:\/(?:[^~/]|~[01])*)*)$/u, "it is no relative JSON pointer"),
    uuid: like(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i, "it is no UUID"),
    duration,
    period,
    ipv4,
    ipv6,
    hostname,
    email,
    date,
    time,
    "date-time": dateTime,
    uri,
    iri: uri,
    "uri-reference": relativeReference,
    "iri-reference": relativeReference,
    "uri-template": uriTemplate,
    semver,
    regex: (text: string) => regexProblem(() => new LinearRegex(text)),
  }),
);
