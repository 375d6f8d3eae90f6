import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TransientError } from "../../lib/errors.ts";
import type { Renderer } from "../../lib/helm/index.ts";
import { contentOf, openMemory } from "../../lib/oci/memory.ts";
import type { Ports } from "../../lib/ports.ts";
import { openMemoryStore } from "../../lib/store/memory.ts";
import { observePort } from "../../lib/telemetry/ports.ts";
import type { Attributes, OpenSpan, Recorder } from "../../lib/telemetry/recorder.ts";
import { testStore } from "../contracts/store.ts";
import { testTarget } from "../contracts/target.ts";

interface Seen {
  readonly name: string;
  readonly attributes: Attributes;
  ended: number;
  code: string | undefined;
}

/** Keeps what it is told. `isOn` says whether a span is under way. */
function collecting(isOn = true) {
  const spans: Seen[] = [];
  const bytes: Record<string, number> = {};
  const open = (name: string, { attributes }: { attributes: Attributes }): OpenSpan => {
    const seen: Seen = { name, attributes, ended: 0, code: undefined };
    spans.push(seen);
    return {
      trace: { traceId: "1".repeat(32), spanId: "1".repeat(16), sampled: true },
      end(_, code) {
        seen.ended += 1;
        seen.code = code;
      },
      within: (work) => work(),
    };
  };
  const recorder: Recorder = {
    root: open,
    part: (name, options) => (isOn ? open(name, options) : undefined),
    measure(metric, amount, { port, direction }) {
      assert.equal(metric, "stowage.bytes");
      const key = `${port} ${direction}`;
      bytes[key] = (bytes[key] ?? 0) + amount;
    },
    watch() {},
    close: async () => {},
  };
  return { spans, bytes, recorder };
}

const observedStore = (recorder = collecting().recorder): Ports["store"] =>
  observePort("store", openMemoryStore(), recorder);
const observedRegistries = (recorder: Recorder): Ports["registries"] => {
  const target = openMemory("docker://hub.example/a/b");
  return observePort("registries", { repository: () => target, async *repositories() {} }, recorder);
};

testStore("observed", async () => ({ store: observedStore(), async [Symbol.asyncDispose]() {} }));
testTarget("an observed repository", async () => ({
  target: observedRegistries(collecting().recorder).repository("hub.example", "a/b"),
  close: async () => {},
}));

describe("an observed port", () => {
  const bytesOf = async (body: AsyncIterable<Uint8Array>): Promise<number> =>
    Buffer.concat(await Array.fromAsync(body)).byteLength;

  test("counts bytes where they pass: written once, read as far as they were", async () => {
    const { bytes, recorder } = collecting();
    const store = observedStore(recorder);
    await store.put("text", "é");
    await store.put("text", "not written", { ifAbsent: true });
    await store.put(
      "stream",
      (async function* () {
        yield Buffer.alloc(10);
        yield Buffer.alloc(5);
      })(),
    );
    const read = async function* (start: number, end: number) {
      yield Buffer.alloc(end - start);
    };
    await store.put("range", { size: 100, read });
    assert.equal(await bytesOf((await store.get("range", { start: 90 })).body), 10);
    assert.deepEqual(bytes, { "store written": 117, "store read": 10 });
  });

  test("is a span until what it answered with is read, or left", async () => {
    const { spans, recorder } = collecting();
    const store = observedStore(recorder);
    await store.put("a", "1234");
    const whole = await store.get("a");
    const left = await store.get("a");
    const [, first, second] = spans;
    assert.deepEqual([first?.ended, second?.ended], [0, 0]);
    await bytesOf(whole.body);
    for await (const _ of left.body) break;
    // never begun, as the answer to a HEAD is
    const unread = await store.get("a");
    await unread.body[Symbol.asyncIterator]().return?.();
    await Array.fromAsync(store.list(""));
    assert.deepEqual(
      spans.map(({ name, ended, code }) => [name, ended, code]),
      ["store put", "store get", "store get", "store get", "store list"].map((name) => [name, 1, undefined]),
    );
    assert.deepEqual(first?.attributes, { "stowage.store.key": "a" });
  });

  test("ends a span with the code of what went wrong, which passes through", async () => {
    const { spans, recorder } = collecting();
    const failure = new TransientError("STORE_UNAVAILABLE", "Cannot get: the disk is gone");
    const broken = async function* () {
      yield Buffer.alloc(1);
      throw failure;
    };
    const inner = openMemoryStore();
    const store = observePort(
      "store",
      {
        ...inner,
        url: inner.url,
        get: async () => ({ key: "a", size: 2, modified: new Date(), version: "", body: broken() }),
      },
      recorder,
    );
    await assert.rejects(async () => bytesOf((await store.get("a")).body), failure);
    await assert.rejects(store.put("", "x"), { code: "STORE_KEY_INVALID" });
    assert.deepEqual(
      spans.map(({ ended, code }) => [ended, code]),
      [
        [1, "STORE_UNAVAILABLE"],
        [1, "STORE_KEY_INVALID"],
      ],
    );
  });

  test("of a registry names its host, and counts what is pulled and pushed", async () => {
    const { spans, bytes, recorder } = collecting();
    const target = observedRegistries(recorder).repository("hub.example", "a/b");
    const { descriptor, bytes: content } = contentOf("application/octet-stream", Buffer.alloc(7));
    await target.put(descriptor, async () => content());
    await target.put(descriptor, async () => content());
    await bytesOf(await target.open(descriptor));
    await assert.rejects(target.resolve("none"), { code: "CONTENT_UNKNOWN" });
    assert.deepEqual(bytes, { "registry written": 7, "registry read": 7 });
    assert.deepEqual(
      spans.map(({ name, code }) => [name, code]),
      [
        ["registry put", undefined],
        ["registry put", undefined],
        ["registry open", undefined],
        ["registry resolve", "CONTENT_UNKNOWN"],
      ],
    );
    assert.ok(spans.every(({ attributes }) => attributes["server.address"] === "hub.example"));
  });

  test("is no span where nothing is under way, but its bytes count", async () => {
    const { spans, bytes, recorder } = collecting(false);
    const store = observedStore(recorder);
    await store.put("a", "1234");
    await bytesOf((await store.get("a")).body);
    await Array.fromAsync(store.list(""));
    assert.deepEqual([spans, bytes], [[], { "store written": 4, "store read": 4 }]);
  });

  test("lets renders be seen on whichever thread they are made, and stores by URL as the one there is", async () => {
    const { spans, recorder } = collecting();
    const inProcess = { threads: 0, timeLimit: 1 };
    const renderer: Renderer = observePort("renderer", { version: "v", inProcess, render: async () => [] }, recorder);
    assert.equal(renderer.inProcess, inProcess);
    assert.equal(await renderer.during!(async () => 7), 7);
    await renderer.render("chart");
    const stores = observePort("stores", async () => openMemoryStore(), recorder);
    await (await stores("memory:")).stat("a");
    assert.deepEqual(
      spans.map(({ name }) => name),
      ["render", "render", "store stat"],
    );
  });

  test("is the port itself where there is nothing to observe", () => {
    const secrets = async () => "x";
    assert.equal(observePort("secrets", secrets, collecting().recorder), secrets);
  });
});
