import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { deflateSync, gzipSync } from "node:zlib";
import { StowageError } from "../../lib/errors.ts";
import { type BodyLimits, readBody, refuseBody } from "../../lib/runtime/http-body.ts";

let limits: BodyLimits = {};
let settled = Promise.withResolvers<string>();
const server = createServer(async (request, response) => {
  try {
    const body = await readBody(request, limits);
    settled.resolve(Buffer.from(body).toString());
    response.end(body);
  } catch (error) {
    const code = error instanceof StowageError ? error.code : String(error);
    settled.resolve(code);
    refuseBody(request);
    response.writeHead(400).end(code);
  }
});
before(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
});
after(() => server.close());

const post = async (
  body: Uint8Array | string | ReadableStream,
  headers = {},
  wanted: BodyLimits = {},
): Promise<string> => {
  limits = wanted;
  const { port } = server.address() as AddressInfo;
  const init = { method: "POST", body, headers, duplex: "half" } as RequestInit;
  return (await fetch(`http://127.0.0.1:${port}`, init)).text();
};

/** Bytes as they are, for what no HTTP client would send. */
const send = async (text: string): Promise<Socket> => {
  settled = Promise.withResolvers();
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(text);
  return socket;
};

const answerOf = async (socket: Socket): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
    if (Buffer.concat(chunks).includes("EVENT_")) break;
  }
  return Buffer.concat(chunks).toString();
};

test("a body of exactly the limit is read, with and without a length", async () => {
  assert.equal(await post("x".repeat(100), {}, { limit: 100 }), "x".repeat(100));
  assert.equal(await post(new Blob(["x".repeat(100)]).stream(), {}, { limit: 100 }), "x".repeat(100));
});

test("a body that says it is too large is refused before it is sent", async () => {
  limits = {};
  const socket = await send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
  assert.match(await answerOf(socket), /EVENT_TOO_LARGE/);
  socket.destroy();
});

test("a body without length is refused as soon as it is too large", async () => {
  limits = { limit: 10 };
  const socket = await send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n");
  assert.match(await answerOf(socket), /EVENT_TOO_LARGE/);
  socket.destroy();
});

test("whoever goes on sending after a refusal is cut off", async () => {
  limits = { limit: 10 };
  const socket = await send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", () => {}).resume();
  const chunk = Buffer.alloc(64 * 1024);
  const pour = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on("drain", pour);
  pour();
  await closed;
});

test("compressed bodies are inflated", async () => {
  for (const [encoding, bytes] of [
    ["gzip", gzipSync("hello")],
    ["x-gzip", gzipSync("hello")],
    ["GZIP", gzipSync("hello")],
    ["deflate", deflateSync("hello")],
    ["identity", Buffer.from("hello")],
  ] as const) {
    assert.equal(await post(bytes, { "content-encoding": encoding }), "hello");
  }
});

test("a small body that inflates to a large one is refused", async () => {
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
  assert.ok(bomb.length < 1024 * 1024);
  assert.equal(await post(bomb, { "content-encoding": "gzip" }), "EVENT_TOO_LARGE");
  const limits = { limit: 100_000, inflatedLimit: 1000 };
  assert.equal(await post(gzipSync("x".repeat(1001)), { "content-encoding": "gzip" }, limits), "EVENT_TOO_LARGE");
  assert.equal(await post(gzipSync("x".repeat(1000)), { "content-encoding": "gzip" }, limits), "x".repeat(1000));
});

test("damaged compression and encodings we do not know are refused", async () => {
  assert.equal(await post("not gzip", { "content-encoding": "gzip" }), "EVENT_MALFORMED");
  assert.equal(await post(gzipSync("hello").subarray(0, 15), { "content-encoding": "gzip" }), "EVENT_MALFORMED");
  assert.equal(await post("x", { "content-encoding": "br" }), "EVENT_MEDIA_TYPE");
  assert.equal(await post(gzipSync(gzipSync("x")), { "content-encoding": "gzip, gzip" }), "EVENT_MEDIA_TYPE");
  assert.equal(await post("x", { "content-encoding": "constructor" }), "EVENT_MEDIA_TYPE");
});

test("a body that is cut off is an error, not half a body", async () => {
  limits = {};
  const socket = await send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf of it");
  socket.destroy();
  assert.equal(await settled.promise, "EVENT_MALFORMED");
});

test("nobody waits for a body that is not wanted any more", async () => {
  const stop = new AbortController();
  limits = { signal: stop.signal };
  const socket = await send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf of it");
  const requested = once(server, "request");
  await requested;
  stop.abort();
  assert.equal(await settled.promise, "EVENT_TIMEOUT");
  socket.destroy();
});
