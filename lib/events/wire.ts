import type { IncomingHttpHeaders } from "node:http";
import { RejectedError } from "../errors.ts";
import { checkAttributes, isJson, malformed, mediaType } from "./attributes.ts";
import type { WireEvent } from "./event.ts";
import { fromStructured, parseData, parseJson, plain, toStructured } from "./structured.ts";

/** An HTTP message that should carry events, its body read and inflated. */
export interface HttpMessage {
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

const MAX_BATCH = 1000;

/**
 * Read the events of an HTTP message: binary, structured or batched mode of CloudEvents 1.0. Strict, and invents nothing:
 * no id, no time. One bad event refuses the whole batch.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 * @throws RejectedError EVENT_MALFORMED, EVENT_MEDIA_TYPE, EVENT_TOO_LARGE
 */
export function decode({ headers, body }: HttpMessage): readonly WireEvent[] {
  const text = headers["content-type"];
  const type = text === undefined ? undefined : mediaType(text);
  if (text !== undefined && type === undefined) throw wrongType(`"${text}" is not a media type`);
  const utf8 = /^(utf-8|us-ascii)$/i.test(type?.params.get("charset") ?? "utf-8");
  if (!utf8 && type !== undefined && isJson(type)) throw wrongType(`JSON is UTF-8, not what "${text}" says`);

  if (type?.essence === "application/cloudevents+json") return [fromStructured(parseJson(body, "event"))];
  if (type?.essence === "application/cloudevents-batch+json") return readBatch(parseJson(body, "batch of events"));
  if (type?.essence.startsWith("application/cloudevents")) {
    throw wrongType(`"${text}" is neither application/cloudevents+json nor application/cloudevents-batch+json`);
  }
  return [readBinary(headers, body, type !== undefined && isJson(type))];
}

const wrongType = (problem: string): RejectedError =>
  new RejectedError("EVENT_MEDIA_TYPE", `Cannot read event: ${problem.slice(0, 300)}`);

function readBatch(batch: unknown): readonly WireEvent[] {
  if (!Array.isArray(batch)) throw malformed("batch of events", "it is not a JSON array");
  if (batch.length > MAX_BATCH) {
    throw new RejectedError(
      "EVENT_TOO_LARGE",
      `Cannot read batch of ${batch.length} events: the limit is ${MAX_BATCH}`,
    );
  }
  return batch.map((each, index) => fromStructured(each, `event ${index + 1} of ${batch.length} in the batch`));
}

function readBinary(headers: IncomingHttpHeaders, body: Uint8Array, json: boolean): WireEvent {
  const given = new Map<string, string>();
  for (const [header, value] of Object.entries(headers)) {
    if (header.startsWith("ce-") && value !== undefined) given.set(header.slice(3), headerText(header, String(value)));
  }
  if (given.size === 0) {
    throw malformed("event", "there is neither a ce-id header nor the content type application/cloudevents+json");
  }
  // §3.1.1: the Content-Type header is this attribute
  if (given.has("datacontenttype")) throw malformed("event", "datacontenttype belongs into the Content-Type header");
  const type = headers["content-type"];
  if (type !== undefined) given.set("datacontenttype", type);
  const attributes = checkAttributes(given, "event");
  if (body.length === 0) return attributes;
  return { ...attributes, data: json ? parseData(body, "event") : plain(body) };
}

/** §3.1.3.2: unquote, then one round of percent-decoding; what is not UTF-8 then must be refused. */
function headerText(header: string, value: string): string {
  const bad = (problem: string): RejectedError => malformed("event", `header ${header.slice(0, 40)} ${problem}`);
  if (!/^[\x20-\x7e\t]*$/.test(value)) throw bad("holds characters that are not printable ASCII");
  let text = value;
  if (value.startsWith('"')) {
    const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1];
    if (quoted === undefined) throw bad("is not a complete quoted string");
    text = quoted.replace(/\\(.)/g, "$1");
  }
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad("is not percent-encoded UTF-8");
  }
}

/** An HTTP message to send. */
export interface EncodedMessage {
  readonly headers: Readonly<Record<string, string>>;
  /** Empty when the event has no data in binary mode. */
  readonly body: string | Uint8Array;
}

/** Write an event as an HTTP message. What writes binary mode is loaded when it is needed. */
export async function encode(event: WireEvent, mode: "binary" | "structured"): Promise<EncodedMessage> {
  if (mode === "binary") return (await import("./write-binary.ts")).writeBinary(event);
  const headers = { "content-type": "application/cloudevents+json; charset=utf-8" };
  return { headers, body: JSON.stringify(toStructured(event)) };
}
