import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { RejectedError } from "../../lib/errors.ts";
import { decode, type WireEvent } from "../../lib/events/index.ts";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const required = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/here", "ce-type": "a.b" };
export const envelope = { specversion: "1.0", id: "1", source: "/here", type: "a.b" };

export const binary = (headers: IncomingHttpHeaders, body = ""): WireEvent => {
  const [event] = decode({ headers: { ...required, ...headers }, body: bytes(body) });
  return event!;
};
export const structured = (event: unknown, type = "application/cloudevents+json"): WireEvent => {
  const [first] = decode({ headers: { "content-type": type }, body: bytes(JSON.stringify(event)) });
  return first!;
};
export const batch = (events: unknown): readonly WireEvent[] =>
  decode({ headers: { "content-type": "application/cloudevents-batch+json" }, body: bytes(JSON.stringify(events)) });

export const refuses = (run: () => unknown, code: string, message: RegExp): void => {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof RejectedError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
};
