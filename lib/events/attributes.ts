import { MIMEType } from "node:util";
import { RejectedError } from "../errors.ts";
import type { WireEvent } from "./event.ts";

/** All names and values of one event together. Node itself takes no more headers than that. */
const MAX_BYTES = 16 * 1024;

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system: what a String may not hold. */
const FORBIDDEN = /\p{Control}|\p{Noncharacter_Code_Point}|\p{Surrogate}/u;

// https://www.rfc-editor.org/rfc/rfc3986#appendix-A, character classes only: every alternative begins differently, so
// matching is linear in the length of the text
const PCHAR = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})";
const AUTHORITY =
  "//(?:(?:[A-Za-z0-9\\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?" +
  "(?:\\[[0-9A-Fa-f:.]+\\]|(?:[A-Za-z0-9\\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?";
const SCHEME = "[A-Za-z][A-Za-z0-9+.\\-]*:";
const REST = `(?:${AUTHORITY}(?=[/?#]|$)|(?!//))(?:${PCHAR}|/)*(?:\\?(?:${PCHAR}|[/?])*)?(?:#(?:${PCHAR}|[/?])*)?$`;
const URI = new RegExp(`^${SCHEME}${REST}`);
const URI_REFERENCE = new RegExp(`^(?:${SCHEME}|(?![^/?#]*:))${REST}`);

/** What is wrong with the value of an attribute the specification defines, or undefined. All of them are non-empty. */
const checks: Readonly<Record<string, (value: string) => string | undefined>> = {
  specversion: (value) => (value === "1.0" ? undefined : 'is not "1.0"'),
  id: () => undefined,
  source: (value) => (URI_REFERENCE.test(value) ? undefined : "is not a URI reference (RFC 3986)"),
  type: () => undefined,
  subject: () => undefined,
  time: (value) => (isTimestamp(value) ? undefined : "is not an RFC 3339 timestamp"),
  datacontenttype: (value) => (mediaType(value) ? undefined : "is not a media type (RFC 2046)"),
  dataschema: (value) => (URI.test(value) ? undefined : "is not an absolute URI (RFC 3986)"),
};
const REQUIRED = ["specversion", "id", "source", "type"] as const;

/**
 * Check the attributes of one event and part them into those the specification defines and extensions.
 *
 * @param given names and values as the message carries them, each name once
 * @param what "event", or which event of a batch: part of every message
 * @throws RejectedError EVENT_MALFORMED naming the attribute, EVENT_TOO_LARGE
 */
export function checkAttributes(given: ReadonlyMap<string, string>, what: string): Omit<WireEvent, "data"> {
  const known: Record<string, string> = {};
  const extensions: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of given) {
    bytes += name.length + Buffer.byteLength(value);
    if (bytes > MAX_BYTES) {
      throw new RejectedError("EVENT_TOO_LARGE", `Cannot read ${what}: its attributes exceed ${MAX_BYTES} bytes`);
    }
    if (!/^[a-z0-9]+$/.test(name) || name === "data") {
      throw malformed(what, `"${name.slice(0, 40)}" is not an attribute name (a-z and 0-9)`);
    }
    if (FORBIDDEN.test(value)) throw malformed(what, `${name} holds a control character or is not Unicode`);
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check !== undefined) {
      const problem = value === "" ? "is empty" : check(value);
      if (problem !== undefined) throw malformed(what, `${name} ${problem}`);
    }
    (check === undefined ? extensions : known)[name] = value;
  }
  for (const name of REQUIRED) if (known[name] === undefined) throw malformed(what, `${name} is missing`);
  return { ...(known as Omit<WireEvent, "data" | "extensions">), extensions };
}

/** @param problem may quote the event: it is clipped */
export const malformed = (what: string, problem: string, cause?: unknown): RejectedError =>
  new RejectedError("EVENT_MALFORMED", `Cannot read ${what}: ${problem.slice(0, 300)}`, { cause });

/** @returns undefined when the text is no media type */
export function mediaType(text: string): MIMEType | undefined {
  try {
    return new MIMEType(text);
  } catch {
    return undefined;
  }
}

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#311-payload-serialization */
export const isJson = (type: MIMEType): boolean => type.subtype === "json" || type.subtype.endsWith("+json");

const TIMESTAMP =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i;

/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6, with days that exist. */
function isTimestamp(text: string): boolean {
  const [, year, month, day] = TIMESTAMP.exec(text) ?? [];
  return day !== undefined && Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
}
