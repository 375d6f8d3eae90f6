import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { after, before, beforeEach, test } from "node:test";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import { decode, fromStructured, type WireEvent } from "../../lib/events/index.ts";
import { postEvent } from "../../lib/runtime/index.ts";

const event = fromStructured({
  specversion: "1.0",
  id: "1",
  source: "/here",
  type: "a.b",
  subject: "€ 1",
  data: { n: 1 },
});
let received: WireEvent[] = [];
let answers: ((request: IncomingMessage, response: ServerResponse) => void)[] = [];
const server = createServer(async (request, response) => {
  received.push(...decode({ headers: request.headers, body: await buffer(request) }));
  const answer = answers.shift();
  if (answer) answer(request, response);
  else response.writeHead(202).end();
});
before(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
});
after(() => server.close().closeAllConnections());
beforeEach(() => {
  received = [];
  answers = [];
});
const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/ns/broker`;
const status =
  (code: number, headers = {}) =>
  (_: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(code, headers).end("why not");

const undelivered = (error: unknown): boolean => error instanceof TransientError && error.code === "EVENT_UNDELIVERED";

test("an event arrives as it is", async () => {
  await postEvent(url(), event);
  assert.deepEqual(received, [{ ...event, datacontenttype: "application/json" }]);
});

test("answers that may pass are tried again, three times in all, with the same event", async () => {
  answers = [status(503), (_, response) => response.destroy()];
  await postEvent(url(), event);
  assert.equal(received.length, 3);
  assert.equal(new Set(received.map(({ id }) => id)).size, 1);
  answers = [status(500), status(429), status(503), status(202)];
  await assert.rejects(postEvent(url(), event), undelivered);
  assert.equal(answers.length, 1);
});

test("an answer that will not pass is not tried again, and a redirect is not followed", async () => {
  for (const code of [400, 403, 413, 307]) {
    received = [];
    answers = [status(code, { location: url() })];
    await assert.rejects(postEvent(url(), event), {
      code: "EVENT_UNDELIVERED",
      message: new RegExp(`answered ${code}`),
    });
    assert.equal(received.length, 1);
  }
});

test("a sink that wants more patience than we have says how much", async () => {
  answers = [status(503, { "retry-after": "60" })];
  await assert.rejects(postEvent(url(), event), { code: "EVENT_UNDELIVERED", retryAfter: 60 });
  assert.equal(received.length, 1);
});

test("a sink that does not answer is given up", async () => {
  answers = [() => {}];
  await assert.rejects(postEvent(url(), event, undefined, { timeout: 50 }), {
    code: "EVENT_UNDELIVERED",
    message: /did not answer in time/,
  });
  assert.equal(received.length, 1);
});

test("an abort ends waiting and posting", async () => {
  const stop = new AbortController();
  answers = [() => stop.abort(new Error("enough"))];
  await assert.rejects(postEvent(url(), event, stop.signal), undelivered);
  assert.equal(received.length, 1);
});

test("nobody there is transient", async () => {
  const closed = createServer();
  await once(closed.listen(0, "127.0.0.1"), "listening");
  const { port } = closed.address() as AddressInfo;
  await once(closed.close(), "close");
  await assert.rejects(postEvent(`http://127.0.0.1:${port}`, event), {
    code: "EVENT_UNDELIVERED",
    message: /ECONNREFUSED/,
  });
});

test("extensions a SinkBinding asks for are on every event", async () => {
  await postEvent(url(), event, undefined, { overrides: '{"extensions":{"cluster":"north"}}' });
  assert.equal(received[0]?.extensions["cluster"], "north");
  for (const overrides of ["", "{}", '{"extensions":null}']) await postEvent(url(), event, undefined, { overrides });
});

test("a sink or overrides that cannot be used are refused, and no password is repeated", async () => {
  for (const sink of ["broker", "ftp://broker/", "http://user:s3cret@broker/"]) {
    await assert.rejects(postEvent(sink, event), (error: unknown) => {
      assert.ok(error instanceof RejectedError && error.code === "CONFIG_INVALID");
      assert.ok(!error.message.includes("s3cret"));
      return true;
    });
  }
  for (const overrides of ["{", '{"extensions":[1]}', '{"extensions":"x"}']) {
    await assert.rejects(postEvent(url(), event, undefined, { overrides }), { code: "CONFIG_INVALID" });
  }
  const wrongName = '{"extensions":{"Wrong-Name":"x"}}';
  await assert.rejects(postEvent(url(), event, undefined, { overrides: wrongName }), { code: "EVENT_MALFORMED" });
  assert.deepEqual(received, []);
});
