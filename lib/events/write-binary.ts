import { CloudEvent, HTTP } from "cloudevents";
import type { WireEvent } from "./event.ts";
import type { EncodedMessage } from "./wire.ts";

/**
 * Write an event in binary mode with the CloudEvents SDK.
 *
 * The SDK only writes. What it would invent, lose or stumble over is done here: a time that is not there, digits of one that
 * is, a content type for nothing, extensions called as its own members are (`constructor`, `schemaurl`), and characters that
 * no header can carry.
 */
export function writeBinary(event: WireEvent): EncodedMessage {
  const { extensions, data, time, datacontenttype, ...attributes } = event;
  // not strict: the SDK would refuse legal events, and what comes here was checked already
  const written = HTTP.binary(new CloudEvent({ ...attributes }, false)).headers;
  const values = [
    ...Object.entries(written).filter(([name]) => name.startsWith("ce-") && name !== "ce-time"),
    ...Object.entries({ ...extensions, ...(time && { time }) }).map(([name, value]) => [`ce-${name}`, value]),
  ];
  const headers = Object.fromEntries(values.map(([name, value]) => [name, percentEncoded(String(value))]));
  const bare = data === undefined || data instanceof Uint8Array;
  const type = datacontenttype ?? (bare ? undefined : "application/json");
  return {
    headers: { ...headers, ...(type && { "content-type": type }) },
    body: bare ? (data ?? "") : JSON.stringify(data),
  };
}

/** §3.1.3.2: space, quote, percent and whatever is not printable ASCII. */
const percentEncoded = (text: string): string => text.toWellFormed().replace(/[^\x21-\x7e]|["%]/gu, encodeURIComponent);
