import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import indexCharts from "../../../functions/index-charts.ts";
import { TransientError } from "../../../lib/errors.ts";
import { ChartRepository, type ChartRepositorySettings, IndexReader } from "../../../lib/helm/index.ts";
import type { Reader } from "../../../lib/store/index.ts";
import { chartArtifact } from "../../fixtures/chart-artifact.ts";
import { bodyOf, collectingLog, Harness } from "../../functions/harness.ts";
import { startEmbeddedRegistry } from "../../real/embedded-registry.ts";

const HOST = "registry.example.com";
const registry = await startEmbeddedRegistry();
after(() => registry[Symbol.asyncDispose]());
const harness = new Harness({}, { [HOST]: `http://${registry.host}` });
const { signal } = new AbortController();

async function push(version: string): Promise<void> {
  await registry.push(
    "charts/lantern",
    version,
    chartArtifact({ name: "lantern", version, description: "x".repeat(2000) }),
  );
  const data = { registry: HOST, repository: "charts/lantern", tag: version, artifactKind: "chart" } as const;
  await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", data);
}

before(() => push("1.0.0"));

/** A repository over the store, which is counted and can go away. */
async function open(settings: Partial<ChartRepositorySettings> = {}) {
  const store = await harness.store();
  const asked: string[] = [];
  let isAway = false;
  const note = (what: string): void => {
    asked.push(what);
    if (isAway) throw new TransientError("STORE_UNAVAILABLE", `Cannot ${what}: the store is away`);
  };
  const counted: Reader = {
    url: store.url,
    stat: (key, stop) => {
      note(`stat ${key}`);
      return store.stat(key, stop);
    },
    get: async (key, options) => {
      note(`get ${key.replaceAll(/\d{12}/g, "N")}`);
      return store.get(key, options);
    },
    list: (prefix, stop) => {
      note(`list ${prefix}`);
      return store.list(prefix, stop);
    },
  };
  const defaults = { readers: [], maxAgeSeconds: 0, maxStaleSeconds: 3600, memoryBytes: 1024 * 1024 };
  const log = collectingLog();
  const { registries, secrets } = await harness.deps.ports(["registries", "secrets"]);
  const repository = new ChartRepository({ ...defaults, ...settings }, { store: counted, registries, secrets, log });
  const get = async (path: string, headers = {}) => {
    const request = { method: "GET", path, query: new URLSearchParams(), headers, body: Buffer.of() };
    const answer = await repository.answer(request, signal);
    return { ...answer, bytes: await bodyOf(answer.body) };
  };
  return { get, asked, log, leave: () => (isAway = true) };
}

test("CR-T27: a cold start reads the head and the text, whatever else the store holds", async () => {
  const { get, asked } = await open();
  assert.equal((await get("/index.yaml")).status, 200);
  assert.deepEqual(asked, [
    "list index/whole/heads/",
    "get index/whole/heads/N.json",
    "get index/whole/texts/N/index.yaml",
  ]);
});

test("an index that did not change costs one listing, also for those who have it", async () => {
  const { get, asked } = await open();
  const { headers } = await get("/index.yaml");
  asked.length = 0;
  assert.equal((await get("/index.yaml")).status, 200);
  assert.equal((await get("/index.yaml", { "if-none-match": headers?.["etag"] })).status, 304);
  assert.deepEqual(asked, ["list index/whole/heads/", "list index/whole/heads/"]);
});

test("who has the index already costs a cold start nothing but the head", async () => {
  const { headers } = await (await open()).get("/index.yaml");
  const { get, asked } = await open();
  assert.equal((await get("/index.yaml", { "if-none-match": headers?.["etag"] })).status, 304);
  assert.deepEqual(asked, ["list index/whole/heads/", "get index/whole/heads/N.json"]);
});

test("many requests at once are few looks at the store", async () => {
  const { get, asked } = await open();
  await Promise.all(Array.from({ length: 100 }, () => get("/index.yaml")));
  assert.ok(asked.length <= 4, asked.join(", "));
});

test("an index larger than the memory is read from the store each time", async () => {
  const { get, asked } = await open({ memoryBytes: 0 });
  for (const path of ["/index.yaml", "/index.json"]) await get(path);
  const texts = asked.filter((each) => each.includes("texts"));
  assert.deepEqual([...new Set(texts)].sort(), [
    "get index/whole/texts/N/index.json.gz",
    "get index/whole/texts/N/index.yaml",
  ]);
});

for (const [what, memoryBytes] of [
  ["in memory", 1024 * 1024],
  ["in memory in its compressed form only", 1000],
] as const) {
  test(`an index that is ${what} is served while the store is away`, async () => {
    const { get, log, leave } = await open({ memoryBytes });
    const [plain, packed] = [await get("/index.yaml"), await get("/index.yaml", { "accept-encoding": "gzip" })];
    leave();
    const stale = await get("/index.yaml");
    assert.deepEqual([stale.status, stale.headers?.["etag"]], [200, plain.headers?.["etag"]]);
    assert.ok(stale.bytes.equals(plain.bytes));
    assert.equal(stale.headers?.["content-length"], String(stale.bytes.byteLength));
    const stalePacked = await get("/index.yaml", { "accept-encoding": "gzip" });
    assert.ok(gunzipSync(stalePacked.bytes).equals(plain.bytes));
    assert.ok(stalePacked.bytes.equals(packed.bytes));
    assert.equal((await get("/index.yaml", { "if-none-match": plain.headers?.["etag"] })).status, 304);
    assert.ok(log.lines.some(({ level, message }) => level === "warn" && message.includes("cannot look")));
  });
}

test("a store that is away from the beginning is worth another try, and no empty index", async () => {
  const { get, leave } = await open();
  leave();
  await assert.rejects(get("/index.yaml"), { code: "STORE_UNAVAILABLE", disposition: "retry" });
});

test("what was removed for something newer while it was asked for is not missed", async () => {
  const { get, asked } = await open({ maxAgeSeconds: 3600, memoryBytes: 0 });
  await get("/index.yaml");
  for (const version of ["2.0.0", "3.0.0", "4.0.0"]) await push(version);
  asked.length = 0;
  const { status, bytes } = await get("/index.yaml");
  assert.equal(status, 200);
  assert.match(bytes.toString(), /version: "4\.0\.0"/);
  assert.ok(asked.includes("list index/whole/heads/"));
});

test("a chart that another instance has shown already is found, however old an index may be", async () => {
  const { get } = await open({ maxAgeSeconds: 3600 });
  await get("/index.yaml");
  await push("5.0.0");
  assert.equal((await get("/charts/lantern-5.0.0.tgz")).status, 200);
  assert.equal((await get("/charts/lantern-6.0.0.tgz")).status, 404);
});

test("a text that is not what was written is not served from memory", async () => {
  const { get } = await open();
  const store = await harness.store();
  const head = await new IndexReader(store).head();
  const key = `index/whole/texts/${String(head!.number).padStart(12, "0")}/index.yaml`;
  const text = Buffer.from(await new Response(ReadableStream.from((await store.get(key)).body)).bytes());
  try {
    await store.put(key, text.toString().replace("lantern", "lantarn"));
    assert.equal((await get("/index.yaml")).status, 502);
  } finally {
    await store.put(key, text);
  }
});
