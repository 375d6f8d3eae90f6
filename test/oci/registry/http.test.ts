import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { getEventListeners, once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { mock, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Bytes } from "../../../lib/oci/content.ts";
import {
  BodyFailure,
  bodyOf,
  ConnectionFailure,
  collectBody,
  createHttp,
  headerOf,
} from "../../../lib/oci/registry/http.ts";

const http = createHttp({ userAgent: "stowage-test" });

async function serve(listener: RequestListener): Promise<{ url: URL; server: Server } & AsyncDisposable> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    server,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

test("a body is sent with its length, and the answer comes whatever its status", async () => {
  await using place = await serve(async (request, response) => {
    const received = await Array.fromAsync(request as AsyncIterable<Buffer>);
    response.writeHead(418, {
      "x-length": request.headers["content-length"],
      "x-agent": request.headers["user-agent"],
    });
    response.end(Buffer.concat(received));
  });
  const response = await http.send({ method: "PUT", url: place.url, body: bodyOf(Buffer.from("hello")) });
  assert.equal(response.status, 418);
  assert.equal(headerOf(response, "x-length"), "5");
  assert.equal(headerOf(response, "x-agent"), "stowage-test");
  assert.equal(String(await collectBody(response, 10)), "hello");
});

test("redirects are not followed, and nothing is decompressed", async () => {
  const packed = gzipSync("hello");
  await using place = await serve((_, response) => {
    response.writeHead(307, { location: "/elsewhere", "content-encoding": "gzip" }).end(packed);
  });
  const response = await http.send({ method: "GET", url: place.url });
  assert.equal(response.status, 307);
  assert.deepEqual(await collectBody(response, 1000), packed);
});

test("a body longer than the limit is not read on", async () => {
  await using place = await serve((_, response) => response.end("hello"));
  assert.equal(await collectBody(await http.send({ method: "GET", url: place.url }), 4), undefined);
  assert.equal(String(await collectBody(await http.send({ method: "GET", url: place.url }), 5)), "hello");
});

test("a connection is used again after its answer was read, and nothing stays behind at the signal", async () => {
  const ports = new Set<number | undefined>();
  await using place = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    response.end("hello");
  });
  const { signal } = new AbortController();
  for (let i = 0; i < 3; i++) await collectBody(await http.send({ method: "GET", url: place.url, signal }), 100);
  assert.equal(ports.size, 1);
  assert.deepEqual(getEventListeners(signal, "abort"), []);
});

test("nobody at the address is a connection failure that says why", async () => {
  const place = await serve(() => {});
  await place[Symbol.asyncDispose]();
  await assert.rejects(
    http.send({ method: "GET", url: place.url }),
    (error) =>
      error instanceof ConnectionFailure && error.code === "ECONNREFUSED" && /ECONNREFUSED/.test(error.message),
  );
});

test("an answer that breaks off is a connection failure, not a shorter body", async () => {
  await using place = await serve((_, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write("hello", () => response.destroy());
  });
  const response = await http.send({ method: "GET", url: place.url });
  await assert.rejects(collectBody(response, 100), ConnectionFailure);
});

test("a reader that stops early ends the transfer", async () => {
  const ended = Promise.withResolvers<void>();
  await using place = await serve((_, response) => {
    response.once("close", () => ended.resolve());
    response.write("hello");
  });
  for await (const _ of (await http.send({ method: "GET", url: place.url })).body) break;
  await ended.promise;
});

test("an abort ends the request with the signal's reason, before and during the answer", async () => {
  const reason = new Error("enough");
  const asked = Promise.withResolvers<void>();
  await using silent = await serve(() => asked.resolve());
  const early = new AbortController();
  const waiting = http.send({ method: "GET", url: silent.url, signal: early.signal });
  await asked.promise;
  early.abort(reason);
  await assert.rejects(waiting, reason);

  await using endless = await serve((_, response) => response.write("hello"));
  const late = new AbortController();
  const { body } = await http.send({ method: "GET", url: endless.url, signal: late.signal });
  const reading = collectBody({ body }, 100);
  late.abort(reason);
  await assert.rejects(reading, reason);
});

test("what has come of an answer stays as it is while more comes", async () => {
  const sent = randomBytes(3_000_000);
  await using place = await serve((_, response) => void response.end(sent));
  const { body } = await http.send({ method: "GET", url: place.url });
  assert.ok(Buffer.concat(await Array.fromAsync(body)).equals(sent));
});

test("what passes from an answer into a request arrives whole, and its memory is gone soon after", async () => {
  const sent = randomBytes(8_000_000);
  await using place = await serve(async (request, response) => {
    if (request.method === "GET") return void response.end(sent);
    const hash = createHash("sha256");
    for await (const chunk of request) hash.update(chunk);
    response.end(hash.digest("hex"));
  });
  const { body } = await http.send({ method: "GET", url: place.url });
  const passed: Uint8Array[] = [];
  async function* passing(): Bytes {
    for await (const chunk of body) {
      passed.push(chunk);
      yield chunk;
    }
  }
  const put = { size: sent.byteLength, open: async () => passing() };
  const answer = await http.send({ method: "PUT", url: place.url, body: put });
  assert.equal(String(await collectBody(answer, 100)), createHash("sha256").update(sent).digest("hex"));
  const kept = passed.reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.ok(kept < sent.byteLength / 4, `${kept} bytes are kept`);
});

test("bytes that came from elsewhere are sent and stay", async () => {
  await using place = await serve((request, response) => void request.resume().on("end", () => response.end()));
  const own = [randomBytes(300_000), randomBytes(300_000), randomBytes(300_000)];
  const put = { size: 900_000, open: async () => Readable.from(own) };
  await collectBody(await http.send({ method: "PUT", url: place.url, body: put }), 100);
  assert.deepEqual(
    own.map(({ byteLength }) => byteLength),
    [300_000, 300_000, 300_000],
  );
});

test("a source that fails is told apart from a connection that fails, and never leaves a whole body behind", async () => {
  const begun = Promise.withResolvers<void>();
  const received = Promise.withResolvers<number>();
  await using place = await serve(async (request, response) => {
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      begun.resolve();
    });
    request.once("close", () => received.resolve(size));
    response.on("error", () => {});
  });
  const broken = new Error("the source broke");
  async function* source(): Bytes {
    yield Buffer.from("hel");
    yield Buffer.from("lo");
    await begun.promise;
    throw broken;
  }
  await assert.rejects(
    http.send({ method: "PUT", url: place.url, body: { size: 5, open: async () => source() } }),
    (error) => error instanceof BodyFailure && error.cause === broken,
  );
  assert.ok((await received.promise) < 5);
});

test("an answer before the end of the body counts, and the source is closed", async () => {
  const closed = Promise.withResolvers<void>();
  await using place = await serve((_, response) => response.writeHead(413).end("too large"));
  async function* source(): Bytes {
    try {
      for (;;) {
        await new Promise(setImmediate);
        yield Buffer.alloc(1024);
      }
    } finally {
      closed.resolve();
    }
  }
  const response = await http.send({
    method: "PUT",
    url: place.url,
    body: { size: 1024 ** 4, open: async () => source() },
  });
  assert.equal(response.status, 413);
  assert.equal(String(await collectBody(response, 100)), "too large");
  await closed.promise;
});

test("a side that keeps still for too long is given up, a slow reader of ours is not", async () => {
  await using place = await serve((_, response) => {
    response.write("hello");
  });
  const { body } = await http.send({ method: "GET", url: place.url, patience: 1000 });
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const chunks = body[Symbol.asyncIterator]();
    await chunks.next();
    mock.timers.tick(3_600_000);
    const next = chunks.next();
    mock.timers.tick(1001);
    await assert.rejects(next, (error) => error instanceof ConnectionFailure && /1 second/.test(error.message));
  } finally {
    mock.timers.reset();
  }
});

test("a registry that never answers is given up", async () => {
  await using place = await serve(() => {});
  await assert.rejects(http.send({ method: "GET", url: place.url, patience: 10 }), ConnectionFailure);
});

test("other hosts are asked through the proxy of the environment, loopback ones never", async () => {
  const asked: string[] = [];
  await using proxy = await serve((request, response) => {
    asked.push(request.url ?? "");
    response.end("via proxy");
  });
  await using direct = await serve((_, response) => response.end("direct"));
  const proxied = createHttp({ userAgent: "stowage-test", proxyEnv: { HTTP_PROXY: proxy.url.origin } });
  const far = await proxied.send({ method: "GET", url: new URL("http://registry.invalid/v2/") });
  assert.equal(String(await collectBody(far, 100)), "via proxy");
  const near = await proxied.send({ method: "GET", url: direct.url });
  assert.equal(String(await collectBody(near, 100)), "direct");
  assert.deepEqual(asked, ["http://registry.invalid/v2/"]);
});
