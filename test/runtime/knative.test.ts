import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { TransientError } from "../../lib/errors.ts";
import { decode, encode, fromStructured } from "../../lib/events/index.ts";
import { type AnyFunction, defineHttpFunction, defineSink, type HttpResponse } from "../../lib/runtime/index.ts";
import { type ServeOptions, serveFunction } from "../../lib/runtime/knative.ts";
import { functionOf, newEvent, noPorts } from "../contracts/host.ts";

const serve = async (fn: AnyFunction, options: Partial<ServeOptions> = {}) => {
  const served = await serveFunction(fn, noPorts(), { port: 0, host: "127.0.0.1", ...options });
  return { ...served, [Symbol.asyncDispose]: () => served.drain() };
};
const replying = functionOf(async (_, { reply }) => reply("dev.knative.sources.ping", "a b €", { task: "next" }));
const structured = { "content-type": "application/cloudevents+json" };
const batched = { "content-type": "application/cloudevents-batch+json" };

describe("an event function", () => {
  test("takes binary mode on any path and answers with a binary event that a broker can read", async () => {
    await using served = await serve(replying);
    const { headers, body } = await encode(fromStructured(newEvent()), "binary");
    const response = await fetch(`${served.url}/any/path?x=y`, { method: "POST", headers, body });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("ce-subject"), "a%20b%20%E2%82%AC");
    assert.equal(response.headers.get("content-type"), "application/json");
    const bytes = new Uint8Array(await response.arrayBuffer());
    const [reply] = decode({ headers: Object.fromEntries(response.headers), body: bytes });
    assert.deepEqual(reply?.data, { task: "next" });
    assert.equal(reply?.source, "/stowage/subject");
  });

  test("answers nothing with 204 and no body", async () => {
    await using served = await serve(functionOf(async () => {}));
    const response = await fetch(served.url, { method: "POST", headers: structured, body: JSON.stringify(newEvent()) });
    assert.equal(response.status, 204);
    assert.equal(await response.text(), "");
  });

  test("says when to come back, in whole seconds", async () => {
    const busy = functionOf(async () => {
      throw new TransientError("REGISTRY_UNAVAILABLE", "Cannot pull: source answered 429", { retryAfter: 1.2 });
    });
    await using served = await serve(busy);
    const response = await fetch(served.url, { method: "POST", headers: structured, body: JSON.stringify(newEvent()) });
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("retry-after"), "2");
    assert.deepEqual(await response.json(), {
      code: "REGISTRY_UNAVAILABLE",
      message: "Cannot pull: source answered 429",
    });
  });

  test("takes a batch of one, and no other batch", async () => {
    await using served = await serve(replying);
    const post = (events: readonly object[]) =>
      fetch(served.url, { method: "POST", headers: batched, body: JSON.stringify(events) });
    assert.equal((await post([newEvent()])).status, 200);
    for (const events of [[], [newEvent(), newEvent()]]) {
      const response = await post(events);
      assert.equal(response.status, 400);
      assert.equal(((await response.json()) as { code: string }).code, "EVENT_MALFORMED");
    }
  });

  test("refuses what is no event with 400, 413 or 415 and the reason, and lives on", async () => {
    await using served = await serve(replying, { bodyLimit: 10_000 });
    const refusals: [number, string, Record<string, string>, string | Uint8Array][] = [
      [400, "EVENT_MALFORMED", { "content-type": "text/plain" }, "hello"],
      [400, "EVENT_MALFORMED", {}, ""],
      [400, "EVENT_MALFORMED", structured, "{"],
      [400, "EVENT_MALFORMED", { ...structured, "content-encoding": "gzip" }, "not gzip"],
      [
        400,
        "EVENT_MALFORMED",
        { "content-type": "application/json" },
        '{"message":{"data":"","messageId":"1"},"subscription":"x"}',
      ],
      [413, "EVENT_TOO_LARGE", structured, JSON.stringify(newEvent({ data: "x".repeat(10_000) }))],
      [413, "EVENT_TOO_LARGE", { ...structured, "content-encoding": "gzip" }, gzipSync("x".repeat(100_000))],
      [415, "EVENT_MEDIA_TYPE", { "content-type": "application/cloudevents+xml" }, "<event/>"],
      [415, "EVENT_MEDIA_TYPE", { ...structured, "content-encoding": "br" }, "x"],
    ];
    for (const [status, code, headers, body] of refusals) {
      const response = await fetch(served.url, { method: "POST", headers, body });
      assert.equal(response.status, status, code);
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.equal(((await response.json()) as { code: string }).code, code);
    }
    const response = await fetch(served.url, { method: "POST", headers: structured, body: JSON.stringify(newEvent()) });
    assert.equal(response.status, 200);
  });

  test("takes POST only, but says that it is well", async () => {
    await using served = await serve(replying);
    for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
      const response = await fetch(served.url, { method });
      assert.equal(response.status, 405);
      assert.equal(response.headers.get("allow"), "POST");
    }
    for (const path of ["/healthz", "/health/liveness", "/health/readiness"]) {
      assert.equal((await fetch(served.url + path)).status, 200);
    }
  });
});

test("a sink function takes events of any type", async () => {
  const seen: unknown[] = [];
  const sink = defineSink({ name: "sink", needs: [], run: async (event) => void seen.push(event.type, event.data) });
  await using served = await serve(sink);
  const headers = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "com.example.unknown" };
  assert.equal((await fetch(served.url, { method: "POST", headers, body: "raw" })).status, 204);
  assert.deepEqual(seen, ["com.example.unknown", new TextEncoder().encode("raw")]);
});

describe("an HTTP function", () => {
  const http = (answer: Parameters<typeof defineHttpFunction>[0]["answer"]): AnyFunction =>
    defineHttpFunction({ name: "web", paths: ["/"], needs: [], answer });

  test("gets method, path, query, headers and the body as it was sent", async () => {
    const echo = http(async ({ method, path, query, headers, body }) => ({
      status: 201,
      headers: { "x-custom": headers["x-custom"] as string },
      body: JSON.stringify({ method, path, query: [...query], body: Buffer.from(body).toString("hex") }),
    }));
    await using served = await serve(echo);
    const response = await fetch(`${served.url}/a%2Fb/../c?x=1&x=2?`.replace("..", "%2e."), {
      method: "PUT",
      headers: { "content-type": "application/json", "x-custom": "yes" },
      body: Uint8Array.of(0xff, 0x00, 0x7b),
    });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-custom"), "yes");
    const { path, ...rest } = (await response.json()) as { path: string };
    assert.deepEqual(rest, {
      method: "PUT",
      query: [
        ["x", "1"],
        ["x", "2?"],
      ],
      body: "ff007b",
    });
    assert.ok(path.startsWith("/"));
  });

  test("a compressed body arrives inflated and does not say otherwise", async () => {
    const echo = http(async ({ headers, body }) => ({
      status: headers["content-encoding"] === undefined ? 200 : 500,
      body,
    }));
    await using served = await serve(echo);
    const response = await fetch(served.url, {
      method: "POST",
      headers: { "content-encoding": "gzip" },
      body: gzipSync("hi"),
    });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), "hi");
  });

  test("a stream is produced as fast as the client reads", async () => {
    let produced = 0;
    const finished = Promise.withResolvers<void>();
    const endless = http(async () => ({
      status: 200,
      body: (async function* () {
        try {
          for (;;) {
            produced++;
            yield new Uint8Array(64 * 1024);
          }
        } finally {
          finished.resolve();
        }
      })(),
    }));
    await using served = await serve(endless);
    const client = httpRequest(served.url).end();
    const [incoming] = (await once(client, "response")) as [IncomingMessage];
    await once(incoming, "readable");
    // nobody reads on: the kernel's and Node's buffers fill, and then production stops
    let before = -1;
    while (produced !== before && produced < 1000) {
      before = produced;
      for (let turn = 0; turn < 5; turn++) await (await fetch(`${served.url}/healthz`)).text();
    }
    assert.ok(produced < 1000, `${produced} chunks`);
    client.destroy();
    await finished.promise;
  });

  test("a stream that breaks, or is shorter than promised, never ends as a complete answer", async () => {
    const broken = async function* () {
      yield Buffer.from("half");
      throw new Error("disk failed");
    };
    const short = async function* () {
      yield Buffer.from("half");
    };
    const answers: Record<string, () => HttpResponse> = {
      "/broken": () => ({ status: 200, body: broken() }),
      "/late": () => ({ status: 200, headers: { "content-length": "4" }, body: broken() }),
      "/short": () => ({ status: 200, headers: { "content-length": "8" }, body: short() }),
      "/whole": () => ({ status: 200, headers: { "content-length": "4" }, body: short() }),
    };
    await using served = await serve(http(async ({ path }) => answers[path]!()));
    for (const path of ["/broken", "/late", "/short"]) {
      await assert.rejects(
        fetch(served.url + path).then((response) => response.text()),
        TypeError,
      );
    }
    assert.equal(await (await fetch(`${served.url}/whole`)).text(), "half");
  });

  test("HEAD sends no body and lets go of the stream", async () => {
    const released = Promise.withResolvers<void>();
    const stream = {
      [Symbol.asyncIterator]: () => ({
        next: async () => assert.fail("read"),
        return: async () => {
          released.resolve();
          return { done: true as const, value: undefined };
        },
      }),
    };
    await using served = await serve(
      http(async () => ({ status: 200, headers: { "content-length": "9" }, body: stream })),
    );
    const response = await fetch(served.url, { method: "HEAD" });
    assert.equal(response.headers.get("content-length"), "9");
    await released.promise;
  });

  test("a header that cannot be sent is a bug of the function, and the next request is answered", async () => {
    const headers = { "content-length": "999", "x-bad": "a\nb" };
    const bad = http(async ({ path }) => ({ status: 200, headers: path === "/" ? headers : {} }));
    await using served = await serve(bad);
    const refused = await fetch(served.url);
    assert.equal(refused.status, 500);
    assert.equal(((await refused.json()) as { code: string }).code, "UNEXPECTED");
    assert.equal((await fetch(`${served.url}/ok`)).status, 200);
  });

  test("what it throws is answered with its outcome", async () => {
    const failing = http(async () => {
      throw new TransientError("STORE_UNAVAILABLE", "Cannot read store: timeout", { retryAfter: 3 });
    });
    await using served = await serve(failing);
    const response = await fetch(served.url);
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("retry-after"), "3");
  });
});

test("a request for no path is refused", async () => {
  await using served = await serve(replying);
  const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
  socket.end("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  assert.match(await text(socket), /^HTTP\/1.1 400 /);
});

test("a port that is taken is a clear refusal", async () => {
  await using served = await serve(replying);
  const port = Number(new URL(served.url).port);
  await assert.rejects(serve(replying, { port }), { code: "CONFIG_INVALID", message: /EADDRINUSE/ });
});

describe("on SIGTERM", () => {
  const start = async () => {
    const program = join(import.meta.dirname, "knative-process.ts");
    const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async (): Promise<string> => {
      const { value, done } = await lines.next();
      if (done) throw new Error("the process has ended");
      return value;
    };
    return { child, next, url: await next() };
  };
  const post = (url: string, milliseconds: number) =>
    fetch(url, {
      method: "POST",
      headers: structured,
      body: JSON.stringify(newEvent({ data: { registry: "r", repository: String(milliseconds) } })),
    });
  const ended = async (child: ChildProcess): Promise<unknown> => (await once(child, "exit"))[0];

  test("what is in flight is answered, new connections are refused, the exit status is 0", async () => {
    const { child, next, url } = await start();
    const exit = ended(child);
    const answers = [post(url, 300), post(url, 300)];
    assert.deepEqual([await next(), await next()], ["running", "running"]);
    child.kill("SIGTERM");
    for (const answer of answers) {
      const response = await answer;
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("connection"), "close");
    }
    assert.equal(await exit, 0);
    await assert.rejects(post(url, 0), TypeError);
  });

  test("what takes too long is aborted and answered as worth another try", async () => {
    const { child, next, url } = await start();
    const exit = ended(child);
    const answer = post(url, 60_000);
    assert.equal(await next(), "running");
    child.kill("SIGTERM");
    const response = await answer;
    assert.equal(response.status, 503);
    assert.deepEqual(await response.json(), {
      code: "EVENT_TIMEOUT",
      message: "Cannot finish: the host is shutting down",
    });
    assert.equal(await exit, 0);
  });
});

test("readiness ends before the host does", async () => {
  const running = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const waiting = functionOf(async () => {
    running.resolve();
    await gate.promise;
  });
  const served = await serveFunction(waiting, noPorts(), { port: 0, host: "127.0.0.1" });
  const event = fetch(served.url, { method: "POST", headers: structured, body: JSON.stringify(newEvent()) });
  await running.promise;
  // a probe that began before the end, on a connection of its own
  const probe = connect(Number(new URL(served.url).port), "127.0.0.1");
  const answer = text(probe);
  await once(probe, "connect");
  probe.write("GET /health/readiness HTTP/1.1\r\n");
  assert.equal((await fetch(`${served.url}/health/readiness`)).status, 200);
  const drained = served.drain();
  probe.write("Host: x\r\n\r\n");
  assert.match(await answer, /^HTTP\/1.1 503 /);
  gate.resolve();
  assert.equal((await event).status, 204);
  await drained;
});
