import { checkAttributes, isJson, malformed, mediaType } from "./attributes.ts";
import type { WireEvent } from "./event.ts";

/** Deeper data would exhaust the stack of whoever walks it, `JSON.stringify` first. */
const MAX_DEPTH = 64;

/**
 * The CloudEvents JSON format: for files, journals and posts.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export function toStructured(event: WireEvent): Record<string, unknown> {
  const { data, extensions, ...attributes } = event;
  const envelope = { ...attributes, ...extensions };
  if (data === undefined) return envelope;
  if (data instanceof Uint8Array) return { ...envelope, data_base64: Buffer.from(data).toString("base64") };
  return { ...envelope, datacontenttype: attributes.datacontenttype ?? "application/json", data };
}

/**
 * The strict inverse of {@linkcode toStructured}. Invents nothing: what is missing or wrong is refused.
 *
 * @param what part of every message: which event it is
 * @throws RejectedError EVENT_MALFORMED, EVENT_TOO_LARGE
 */
export function fromStructured(value: unknown, what = "event"): WireEvent {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(what, "it is not a JSON object");
  }
  const { data, data_base64, ...rest } = value as Record<string, unknown>;
  const given = new Map<string, string>();
  for (const [name, member] of Object.entries(rest)) {
    const text = attributeText(name, member, what);
    if (text !== undefined) given.set(name, text);
  }
  const attributes = checkAttributes(given, what);
  const decoded = readData(attributes.datacontenttype, data, data_base64, what);
  return decoded === undefined ? attributes : { ...attributes, data: decoded };
}

/**
 * An attribute's canonical string. JSON may carry integers and booleans as such, and `null` for what is not set.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#22-type-system-mapping
 */
function attributeText(name: string, member: unknown, what: string): string | undefined {
  if (member === null || member === undefined) return undefined;
  if (typeof member === "string") return member;
  // an Integer has 32 bits
  if (typeof member === "boolean" || (Number.isInteger(member) && (member as number) === (member as number) >> 0)) {
    return String(member);
  }
  throw malformed(what, `"${name.slice(0, 40)}" is neither text, 32-bit integer nor boolean`);
}

function readData(datacontenttype: string | undefined, data: unknown, base64: unknown, what: string): unknown {
  const type = datacontenttype === undefined ? undefined : mediaType(datacontenttype);
  if (base64 !== undefined && base64 !== null) {
    if (data !== undefined) throw malformed(what, "it has both data and data_base64");
    const bytes = typeof base64 === "string" ? Buffer.from(base64, "base64") : undefined;
    if (bytes?.toString("base64") !== base64) throw malformed(what, "data_base64 is not base64 (RFC 4648)");
    return type !== undefined && isJson(type) ? parseData(bytes, what) : plain(bytes);
  }
  if (data === undefined || type === undefined || isJson(type)) {
    refuseDeep(data, what);
    return data;
  }
  if (typeof data !== "string") throw malformed(what, `data is not text, but datacontenttype is "${datacontenttype}"`);
  return new TextEncoder().encode(data);
}

/** The same bytes without Buffer's methods: what a caller sees must not depend on how it arrived. */
export const plain = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** JSON data of any depth up to the limit. @throws RejectedError EVENT_MALFORMED */
export function parseData(bytes: Uint8Array, what: string): unknown {
  const data = parseJson(bytes, `data of ${what}`);
  refuseDeep(data, what);
  return data;
}

/** @throws RejectedError EVENT_MALFORMED */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed(what, "it is not JSON in UTF-8", error);
  }
}

/** JSON.parse keeps no stack and this walk keeps its own, so no depth of input can hurt. */
function refuseDeep(value: unknown, what: string): void {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MAX_DEPTH) throw malformed(what, `data is nested deeper than ${MAX_DEPTH} levels`);
    level = level.flatMap((each) => Object.values(each).filter(isContainer));
  }
}

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null;
