import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import { fromStructured } from "../../lib/events/index.ts";
import { entryKey, openLedger } from "../../lib/ledger/index.ts";
import { type AnyFunction, type Deps, defineFunction, defineSink, invoke, type Run } from "../../lib/runtime/index.ts";
import { checkKey, openStore, readObject, type Store } from "../../lib/store/index.ts";
import { functionOf, newEvent } from "../contracts/host.ts";
import { collectingLog } from "../functions/harness.ts";

const { signal } = new AbortController();
const replying = functionOf(async (_, { reply }) => reply("dev.knative.sources.ping", "s", { task: "next" }));
const bury = defineSink({ name: "bury", needs: [], run: async () => {} });
const PREFIX = /^runs\/\d{4}-\d\d-\d\d\//;

// biome-ignore lint/suspicious/noExplicitAny: what a person would read
type Entry = any;

/** Everything a store holds below `runs/`, by name without the day. */
async function entries(store: Store): Promise<Record<string, Entry>> {
  const found: [string, Entry][] = [];
  for await (const { key } of store.list("runs/")) {
    assert.match(key, PREFIX);
    const text = Buffer.from(await readObject(store, key, 1_000_000)).toString("utf8");
    found.push([key.replace(PREFIX, ""), JSON.parse(text)]);
  }
  return Object.fromEntries(found);
}

async function setUp(store?: Store) {
  const place = store ?? (await openStore("memory:"));
  const log = collectingLog();
  const deps: Deps = {
    log,
    ledger: openLedger(async () => place, log),
    ports: async () => ({ publish: async () => {} }) as never,
  };
  const run = (fn: AnyFunction, event: object) => invoke(fn, fromStructured(event), deps, signal);
  return { store: place, log, run };
}

const runWith = (event: Partial<Run["event"]>, more: Partial<Run> = {}): Run => ({
  event: { id: "1", source: "/s", type: "t", ...event },
  function: "subject",
  started: "2026-11-21T10:00:00.000Z",
  seconds: 1,
  status: 204,
  published: [],
  publishedCount: 0,
  trace: "0".repeat(32),
  versions: { stowage: "0", node: "0" },
  ...more,
});

test("a run that answered is written under its event's id, with all that is known of it and nothing of its data", async () => {
  const { store, run } = await setUp();
  const event = newEvent({ id: "push-1", subject: "charts/web:1", time: "2026-11-21T10:00:00Z" });
  const { reply } = await run(replying, event);
  const { "push-1.json": entry, ...others } = await entries(store);
  assert.deepEqual(others, {});
  const { started, seconds, trace, versions, ...rest } = entry;
  assert.deepEqual(rest, {
    event: { id: "push-1", source: "/test", type: event.type, subject: "charts/web:1", time: "2026-11-21T10:00:00Z" },
    attempts: 1,
    function: "subject",
    status: 200,
    reply: { id: reply!.id, type: "dev.knative.sources.ping", subject: "s" },
    published: [],
    publishedCount: 0,
  });
  assert.ok(Date.parse(started) <= Date.now() && seconds >= 0);
  assert.equal(trace, reply!.extensions["traceparent"]?.slice(3, 35));
  assert.equal(versions.node, process.versions.node);
});

test("published events are named, the first hundred of them, and counted", async () => {
  const { store, run } = await setUp();
  const publishing = defineFunction({
    name: "publishing",
    on: ["dev.stowage.artifact.deleted.v1"],
    emits: ["dev.knative.sources.ping"],
    needs: ["publish"],
    run: async (_, { publish, reply }) => {
      for (let n = 0; n < 120; n++) await publish([reply("dev.knative.sources.ping", `s${n}`, { task: "x" })]);
    },
  });
  await run(publishing, newEvent({ id: "many" }));
  const { published, publishedCount } = (await entries(store))["many.json"];
  assert.deepEqual([published.length, publishedCount, published[1].subject], [100, 120, "s1"]);
});

test("a failure is written with its status, code and reason", async () => {
  const { store, run } = await setUp();
  const fail = (error: Error) =>
    functionOf(async () => {
      throw error;
    });
  await run(fail(new RejectedError("CHART_INVALID", "Cannot read chart: it is none")), newEvent({ id: "a" }));
  await run(fail(new TypeError("oh")), newEvent({ id: "b" }));
  const { "a.json": a, "b.json": b } = await entries(store);
  assert.deepEqual([a.status, a.code, a.reason], [422, "CHART_INVALID", "Cannot read chart: it is none"]);
  assert.deepEqual([b.status, b.code], [500, "UNEXPECTED"]);
});

test("further attempts replace the entry and are counted, also by another process", async () => {
  const { store, run } = await setUp();
  let runs = 0;
  const recovering = functionOf(async (_, { reply }) => {
    if (++runs < 3) throw new TransientError("REGISTRY_UNAVAILABLE", "Cannot pull: source answered 503");
    return reply("dev.knative.sources.ping", "s", { task: "x" });
  });
  const event = newEvent({ id: "again" });
  await run(recovering, event);
  await run(recovering, event);
  await (await setUp(store)).run(recovering, event);
  const all = await entries(store);
  assert.deepEqual(Object.keys(all), ["again.json"]);
  assert.deepEqual([all["again.json"].attempts, all["again.json"].status, all["again.json"].code], [3, 200, undefined]);
});

test("other functions on the same event, and other sources of the same id, stand beside it", async () => {
  const { store, run } = await setUp();
  const event = newEvent({ id: "same" });
  await run(replying, event);
  for (const _ of [1, 2]) {
    await run(bury, event);
    await run(replying, { ...event, source: "/other" });
  }
  await run(replying, event);
  const all = Object.entries(await entries(store)).map(
    ([
      name,
      {
        function: fn,
        event: { source },
        attempts,
      },
    ]) => [name.replace(/\+[0-9a-f]{12}\.json/, "+DIGEST.json"), fn, source, attempts],
  );
  assert.deepEqual(all.sort(), [
    ["same+bury.json", "bury", "/test", 2],
    ["same+subject+DIGEST.json", "subject", "/other", 2],
    ["same.json", "subject", "/test", 2],
  ]);
});

test("whatever an id is, its key is a key of its own", () => {
  const ids = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 60 }),
    fc.string({ unit: fc.constantFrom("a", ".", "/", "\\", "+", "~", "%", "é", "\u{1f4a5}"), minLength: 1 }),
    fc.string({ minLength: 140, maxLength: 4000 }),
  );
  fc.assert(
    fc.property(ids, ids, (one, other) => {
      const [first, second] = [one, other].map((id) => [
        entryKey(runWith({ id })),
        entryKey(runWith({ id }), { event: { source: "" } }),
      ]);
      for (const key of [...first!, ...second!]) {
        checkKey(key);
        assert.ok(key.startsWith("runs/2026-11-21/") && key.split("/").length === 3);
        assert.ok(key.length <= "runs/2026-11-21/".length + 240);
      }
      const distinct = one.toWellFormed() === other.toWellFormed() ? 2 : 4;
      assert.equal(new Set([...first!, ...second!]).size, distinct);
    }),
  );
});

test("long texts are cut, and a password in a source is not written", async () => {
  const { store } = await setUp();
  const log = collectingLog();
  const ledger = openLedger(async () => store, log);
  await ledger.write(runWith({ source: "https://user:hunter2@hub.example/x", subject: "x".repeat(16_000) }));
  const { event } = (await entries(store))["1.json"];
  assert.deepEqual([event.source, event.subject.length], ["https://hub.example/x", 1024]);
});

test("an entry that is damaged is written anew", async () => {
  const { store, run } = await setUp();
  const event = newEvent({ id: "damaged" });
  await run(replying, event);
  const [key] = await Array.fromAsync(store.list("runs/"), (stat) => stat.key);
  await store.put(key!, "no JSON");
  await run(replying, event);
  assert.equal((await entries(store))["damaged.json"].attempts, 1);
});

test("a ledger that fails is logged and changes nothing", async () => {
  const store = await openStore("memory:");
  const broken: Store = {
    ...store,
    url: store.url,
    put: async () => {
      throw new TransientError("STORE_UNAVAILABLE", "Cannot put: the disk is full");
    },
  };
  const { log, run } = await setUp(broken);
  const { status } = await run(replying, newEvent({ id: "x" }));
  assert.equal(status, 200);
  const [line] = log.lines.filter(({ message }) => message === "Cannot write the ledger");
  assert.deepEqual(
    [line?.level, line?.fields["code"], line?.fields["event"], line?.fields["function"]],
    ["warn", "STORE_UNAVAILABLE", "x", "subject"],
  );
});

test("in a directory entries older than 90 days go, the oldest first, and nothing else of runs/ does", async () => {
  const directory = mkdtempSync(join(tmpdir(), "stowage-ledger-"));
  try {
    const store = await openStore(`file:${directory}`);
    const day = (days: number): string => new Date(Date.now() - days * 24 * 3600 * 1000).toISOString().slice(0, 10);
    const kept = [`runs/${day(89)}/a.json`, "runs/mirror/x/report.json"];
    for (const key of [...kept, `runs/${day(92)}/a.json`, "runs/2020-01-01/a.json"]) await store.put(key, "{}");
    const { run } = await setUp(store);
    await run(replying, newEvent({ id: "now" }));
    const left = await Array.fromAsync(store.list("runs/"), ({ key }) => key);
    assert.deepEqual(left, [kept[0], `runs/${day(0)}/now.json`, kept[1]]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
