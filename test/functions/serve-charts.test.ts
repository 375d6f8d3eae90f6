import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import indexCharts from "../../functions/index-charts.ts";
import serveCharts from "../../functions/serve-charts.ts";
import { digestOf, hexOf } from "../../lib/oci/index.ts";
import { serveFunction } from "../../lib/runtime/knative.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { bodyOf, Harness } from "./harness.ts";

const HOST = "registry.example.com";
const registry = await startEmbeddedRegistry();
after(() => registry[Symbol.asyncDispose]());
const endpoints = { [HOST]: `http://${registry.host}` };
const harness = new Harness({ index: { split: "both" } }, endpoints);
const archives = new Map([
  ["1.0.0", Buffer.from("bytes of 1.0.0")],
  ["1.2.0+b7", Buffer.from("bytes of 1.2.0+b7")],
  ["2.0.0-rc.1", Buffer.from("bytes of 2.0.0-rc.1")],
]);
const get = (path: string, rest = {}) => harness.request(serveCharts, path, rest);
const read = async (path: string, headers = {}) => (await bodyOf((await get(path, { headers })).body)).toString();
const list = (path: string) =>
  harness.request(serveCharts, path.split("?")[0]!, { query: new URLSearchParams(path.split("?")[1]) });
const json = async (path: string) => JSON.parse((await bodyOf((await list(path)).body)).toString());

async function push(to: Harness, repository: string, tag: string, ...chart: Parameters<typeof chartArtifact>) {
  await registry.push(repository, tag, chartArtifact(...chart));
  const data = { registry: HOST, repository, tag, artifactKind: "chart" } as const;
  return to.run(indexCharts, "dev.stowage.artifact.pushed.v1", data);
}

before(async () => {
  for (const [version, archive] of archives) {
    const signed = version === "1.0.0";
    await push(harness, "charts/lantern", version.replace("+", "_"), { name: "lantern", version }, { archive, signed });
  }
  await push(harness, "team/beacon", "0.1.0", { name: "beacon", version: "0.1.0", keywords: ["light"] });
});

test("GET /index.yaml is the index, with an ETag of its bytes", async () => {
  const answer = await get("/index.yaml");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers?.["content-type"], "application/x-yaml");
  const body = await bodyOf(answer.body);
  assert.equal(answer.headers?.["content-length"], String(body.byteLength));
  const index = parse(body.toString());
  assert.equal(index.apiVersion, "v1");
  assert.deepEqual(
    index.entries.lantern.map(({ version }: { version: string }) => version),
    ["2.0.0-rc.1", "1.2.0+b7", "1.0.0"],
  );
});

test("CR-T25: GET /index.yaml asks no registry", async () => {
  const before = registry.requests.length;
  await get("/index.yaml");
  assert.equal(registry.requests.length, before);
});

test("CR-T19: the current If-None-Match is answered 304 without body", async () => {
  const etag = (await get("/index.yaml")).headers?.["etag"];
  for (const header of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const answer = await get("/index.yaml", { headers: { "if-none-match": header } });
    assert.equal(answer.status, 304);
    assert.equal(answer.body, undefined);
  }
  assert.equal((await get("/index.yaml", { headers: { "if-none-match": '"other"' } })).status, 200);
});

test("CR-T15: before any chart the index is valid and empty", async () => {
  const answer = await new Harness().request(serveCharts, "/index.yaml");
  assert.deepEqual(parse((await bodyOf(answer.body)).toString()).entries, {});
});

test("CR-T17: a chart comes back with the bytes that were pushed, also asked for with %2B", async () => {
  for (const path of ["/charts/lantern-1.2.0+b7.tgz", "/charts/lantern-1.2.0%2Bb7.tgz"]) {
    const answer = await get(path);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers?.["content-length"], String(archives.get("1.2.0+b7")!.byteLength));
    assert.deepEqual(await bodyOf(answer.body), archives.get("1.2.0+b7"));
  }
});

test("CR-T23: HEAD has the length and no body", async () => {
  const answer = await get("/charts/lantern-1.0.0.tgz", { method: "HEAD" });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers?.["content-length"], String(archives.get("1.0.0")!.byteLength));
  assert.equal(answer.body, undefined);
});

test("CR-T16: an unknown chart is 404 and asks no registry", async () => {
  const before = registry.requests.length;
  for (const path of ["/charts/nope-1.0.0.tgz", "/charts/", "/charts/constructor", "/charts/__proto__", "/other"]) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.equal(registry.requests.length, before);
});

test("CR-T18: a path that climbs is 404", async () => {
  for (const path of ["/charts/..%2f..%2fsecret", "/charts/../index.yaml", "/charts/%", "/charts/%00", "/charts/%ff"]) {
    assert.equal((await get(path)).status, 404, path);
  }
});

test("CR-T21: other methods are 405", async () => {
  for (const method of ["POST", "PUT", "DELETE"]) assert.equal((await get("/index.yaml", { method })).status, 405);
});

test("CR-T22: a chart whose bytes are not the ones that were indexed is never a complete answer", async () => {
  const archive = randomBytes(300_000);
  const built = chartArtifact({ name: "wrong", version: "1.0.0" }, { archive });
  await push(harness, "charts/wrong", "1.0.0", { name: "wrong", version: "1.0.0" }, { archive });
  const layer = built.contents.find(({ descriptor }) => descriptor.size === archive.byteLength)!;
  const hex = hexOf(layer.descriptor.digest);
  archive[archive.byteLength - 1]! ^= 1;
  await writeFile(join(registry.directory, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data"), archive);
  await assert.rejects(bodyOf((await get("/charts/wrong-1.0.0.tgz")).body), { code: "CONTENT_MISMATCH" });
  const served = await serveFunction(serveCharts, harness.deps, { port: 0, host: "127.0.0.1" });
  try {
    const response = await fetch(`${served.url}/charts/wrong-1.0.0.tgz`);
    assert.equal(response.status, 200);
    await assert.rejects(response.bytes(), TypeError);
  } finally {
    await served.drain();
  }
});

test("CR-T20: the index is served while the registry is down; a chart is not, and says that it may be later", async () => {
  const dead = new Harness({}, { [HOST]: "http://127.0.0.1:1" });
  const store = await dead.store();
  const source = await harness.store();
  for await (const { key } of source.list("")) await store.put(key, (await source.get(key)).body);
  assert.equal((await dead.request(serveCharts, "/index.yaml")).status, 200);
  assert.equal((await dead.request(serveCharts, "/charts/lantern-1.0.0.tgz")).status, 503);
});

test("GET / and the health path are answered without registry and credentials (CR-T24, CR-W11)", async () => {
  const open = new Harness({ charts: { readers: [{ secret: { env: "STOWAGE_NO_SUCH_SECRET" } }] } });
  const before = registry.requests.length;
  for (const [path, text] of [
    ["/", "Hello, World!"],
    ["/health", '{"healthy":true}'],
  ] as const) {
    const answer = await open.request(serveCharts, path);
    assert.equal(answer.status, 200);
    assert.equal((await bodyOf(answer.body)).toString(), text);
    assert.equal((await open.request(serveCharts, path, { method: "POST" })).status, 405);
  }
  assert.equal(registry.requests.length, before);
});

test("the index is there as JSON, at its own path and for those who ask for JSON", async () => {
  const index = parse(await read("/index.yaml"));
  const byPath = await get("/index.json");
  assert.equal(byPath.headers?.["content-type"], "application/json");
  const body = await bodyOf(byPath.body);
  assert.equal(byPath.headers?.["content-length"], String(body.byteLength));
  assert.deepEqual(JSON.parse(body.toString()), index);
  const asked = await get("/index.yaml", { headers: { accept: "application/json" } });
  assert.equal(asked.headers?.["content-type"], "application/json");
  assert.equal(asked.headers?.["vary"], "Accept, Accept-Encoding");
  assert.deepEqual(JSON.parse((await bodyOf(asked.body)).toString()), index);
});

test("gzip is sent as it is stored, each form with an ETag of its own", async () => {
  const tags = new Set<string | undefined>();
  for (const path of ["/index.yaml", "/index.json", "/api/charts"]) {
    const plain = await get(path);
    const packed = await get(path, { headers: { "accept-encoding": "gzip" } });
    assert.equal(packed.headers?.["content-encoding"], "gzip");
    assert.match(packed.headers?.["vary"] ?? "", /Accept-Encoding/);
    assert.equal(packed.headers?.["vary"], plain.headers?.["vary"]);
    const body = await bodyOf(packed.body);
    assert.equal(packed.headers?.["content-length"], String(body.byteLength));
    assert.deepEqual(gunzipSync(body), await bodyOf(plain.body));
    for (const { headers } of [plain, packed]) {
      tags.add(headers?.["etag"]);
      const accept = headers?.["content-encoding"] === "gzip" ? { "accept-encoding": "gzip" } : {};
      const again = await get(path, { headers: { ...accept, "if-none-match": headers?.["etag"] } });
      assert.equal(again.status, 304);
      assert.equal(again.headers?.["vary"], headers?.["vary"]);
    }
  }
  assert.equal(tags.size, 6);
});

test("HEAD has the fields of GET, whatever is asked for", async () => {
  for (const path of [
    "/index.yaml",
    "/index.json",
    "/charts/lantern-1.0.0.tgz.prov",
    "/api/charts",
    "/api/charts/beacon",
  ]) {
    for (const headers of [{}, { "accept-encoding": "gzip" }]) {
      const [full, head] = [await get(path, { headers }), await get(path, { method: "HEAD", headers })];
      await bodyOf(full.body);
      assert.deepEqual([head.status, head.headers, head.body], [full.status, full.headers, undefined], path);
    }
  }
});

test("a signed chart has a .prov beside it, an unsigned one has none", async () => {
  const answer = await get("/charts/lantern-1.0.0.tgz.prov");
  assert.equal(answer.headers?.["content-type"], "application/pgp-signature");
  assert.equal((await bodyOf(answer.body)).toString(), `signature of ${digestOf(archives.get("1.0.0")!)}`);
  assert.equal((await get("/charts/lantern-1.2.0+b7.tgz.prov")).status, 404);
});

test("each project has an index whose relative URLs lead to its charts", async () => {
  const url = "http://charts.example/team/index.yaml";
  const { entries } = parse(await read(new URL(url).pathname));
  assert.deepEqual(Object.keys(entries), ["beacon"]);
  const chart = new URL(entries.beacon[0].urls[0], url).pathname;
  assert.equal(await read(chart), "the archive of beacon 0.1.0");
  assert.equal((await get("/team/charts/lantern-1.0.0.tgz")).status, 404);
  assert.deepEqual(Object.keys(JSON.parse(await read("/team/index.json")).entries), ["beacon"]);
  assert.deepEqual(Object.keys(await json("/api/team/charts")), ["beacon"]);
  for (const path of [
    "/nobody/index.yaml",
    "/nobody/charts/beacon-0.1.0.tgz",
    "/..%2fteam/index.yaml",
    "/Team/index.yaml",
  ]) {
    assert.equal((await get(path)).status, 404, path);
  }
});

test("the charts are listed as ChartMuseum lists them", async () => {
  const { entries } = JSON.parse(await read("/index.json"));
  const { wrong: _, ...charts } = await json("/api/charts");
  assert.deepEqual(charts.lantern, entries.lantern);
  assert.deepEqual(Object.keys(charts), ["beacon", "lantern"]);
  assert.deepEqual(Object.keys(await json("/api/charts?limit=1")), ["beacon"]);
  assert.deepEqual(Object.keys(await json("/api/charts?offset=1&limit=1")), ["lantern"]);
  assert.deepEqual(await json("/api/charts?offset=10"), {});
  assert.deepEqual(await json("/api/charts/lantern"), entries.lantern);
  assert.deepEqual(await json("/api/charts/lantern/1.2.0+b7"), entries.lantern[1]);
  assert.deepEqual(await json("/api/charts/lantern/1.2.0%2Bb7"), entries.lantern[1]);
  assert.equal((await json("/api/charts/lantern/latest")).version, "1.2.0+b7");
  for (const [path, status, error] of [
    ["/api/charts/nope", 404, "chart not found"],
    ["/api/charts/constructor", 404, "chart not found"],
    ["/api/charts/nope/1.0.0", 404, "no chart name found"],
    ["/api/charts/lantern/9.9.9", 404, "no chart version found for lantern-9.9.9"],
    ["/api/charts?offset=-1", 400, "offset is not a valid non-negative integer"],
    ["/api/charts?limit=0", 400, "limit is not a valid positive integer"],
    ["/api/charts?limit=x", 400, "limit is not a valid positive integer"],
    ["/api/nobody/charts/x", 404, "chart not found"],
  ] as const) {
    assert.deepEqual([(await list(path)).status, await json(path)], [status, { error }], path);
  }
  for (const method of ["POST", "DELETE"]) assert.equal((await get("/api/charts", { method })).status, 405);
});

test("an empty repository lists nothing", async () => {
  const empty = new Harness();
  for (const [path, text] of [
    ["/api/charts", "{}"],
    ["/index.json", '{"apiVersion":"v1","generated":"1970-01-01T00:00:00.000Z","entries":{}}\n'],
  ] as const) {
    assert.equal((await bodyOf((await empty.request(serveCharts, path)).body)).toString(), text);
  }
  assert.equal((await empty.request(serveCharts, "/api/charts/lantern/latest")).status, 404);
});

test("part of a chart comes as 206, for who goes on with a download of the same bytes", async () => {
  const whole = archives.get("1.0.0")!;
  const { headers: about } = await get("/charts/lantern-1.0.0.tgz", { method: "HEAD" });
  assert.equal(about?.["accept-ranges"], "bytes");
  const range = { range: "bytes=6-", "if-range": about?.["etag"] };
  const part = await get("/charts/lantern-1.0.0.tgz", { headers: range });
  assert.equal(part.status, 206);
  assert.equal(part.headers?.["content-range"], `bytes 6-${whole.byteLength - 1}/${whole.byteLength}`);
  assert.deepEqual(await bodyOf(part.body), whole.subarray(6));
  assert.equal((await get("/charts/lantern-1.0.0.tgz", { headers: { range: "bytes=99-" } })).status, 416);
  const index = await read("/index.yaml");
  assert.equal(await read("/index.yaml", { range: "bytes=5-20" }), index.slice(5, 21));
});

test("only readers are let in, where there are any; health is open", async () => {
  const given = { STOWAGE_TEST_PASSWORD: "pass:word", STOWAGE_TEST_TOKEN: "token" };
  Object.assign(process.env, given);
  after(() => {
    for (const name of Object.keys(given)) delete process.env[name];
  });
  const readers = [
    { user: "anna", secret: { env: "STOWAGE_TEST_PASSWORD" } },
    { secret: { env: "STOWAGE_TEST_TOKEN" } },
  ];
  const closed = new Harness({ charts: { readers } }, endpoints);
  await push(closed, "charts/lantern", "1.0.0", { name: "lantern", version: "1.0.0" });
  const before = registry.requests.length;
  for (const path of ["/index.yaml", "/charts/lantern-1.0.0.tgz", "/api/charts", "/index.json"]) {
    const refused = await closed.request(serveCharts, path, { headers: { authorization: "Bearer wrong" } });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers?.["www-authenticate"], 'Basic realm="charts", charset="UTF-8", Bearer realm="charts"');
    assert.equal((await closed.request(serveCharts, path)).status, 401);
  }
  assert.equal(registry.requests.length, before);
  for (const authorization of ["Bearer token", `Basic ${btoa("anna:pass:word")}`]) {
    const answer = await closed.request(serveCharts, "/index.yaml", { headers: { authorization } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers?.["cache-control"], "private, no-cache");
    assert.equal(
      (await closed.request(serveCharts, "/charts/lantern-1.0.0.tgz", { headers: { authorization } })).status,
      200,
    );
  }
  delete process.env["STOWAGE_TEST_TOKEN"];
  const broken = await closed.request(serveCharts, "/index.yaml", { headers: { authorization: "Bearer token" } });
  assert.equal(broken.status, 503);
  assert.doesNotMatch((await bodyOf(broken.body)).toString(), /STOWAGE/);
});

test("CR-T7: a chart that is gone from its registry is 404, also before the index knows", async () => {
  await push(harness, "charts/gone", "1.0.0", { name: "gone", version: "1.0.0" });
  await rm(join(registry.directory, "docker/registry/v2/repositories/charts/gone"), { recursive: true });
  assert.equal((await get("/charts/gone-1.0.0.tgz")).status, 404);
});

test("CR-T28: another instance shows every push as soon as it is in the store", async () => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-serve-"));
  after(() => rm(directory, { recursive: true }));
  const instances = [0, 1].map(() => new Harness({ store: `file:${directory}` }, endpoints));
  for (let patch = 0; patch < 5; patch++) {
    await push(instances[0]!, "charts/twin", `1.0.${patch}`, { name: "twin", version: `1.0.${patch}` });
    const shown = await Promise.all(
      instances.map(async (instance) => {
        const chart = await instance.request(serveCharts, `/charts/twin-1.0.${patch}.tgz`);
        const { headers, body } = await instance.request(serveCharts, "/index.yaml");
        return [(await bodyOf(chart.body)).toString(), headers?.["etag"], (await bodyOf(body)).toString()];
      }),
    );
    assert.equal(shown[1]?.[0], `the archive of twin 1.0.${patch}`);
    assert.deepEqual(shown[0], shown[1]);
    assert.equal(parse(String(shown[1]?.[2])).entries.twin.length, patch + 1);
  }
});

test("CR-T29: whatever is read while pushes go on is one whole index, and its charts can be downloaded", async () => {
  const busy = new Harness({ charts: { memoryBytes: 0 } }, endpoints);
  await push(busy, "charts/busy", "1.0.0", { name: "busy", version: "1.0.0" });
  let isOver = false;
  const reading = Array.from({ length: 4 }, async (_, reader) => {
    let seen = 0;
    while (!isOver) {
      const accept = reader % 2 === 0 ? {} : { "accept-encoding": "gzip" };
      const { status, headers, body } = await busy.request(serveCharts, "/index.yaml", { headers: accept });
      assert.equal(status, 200);
      const bytes = await bodyOf(body);
      assert.equal(headers?.["etag"], `"${digestOf(bytes)}"`);
      const { entries } = parse((reader % 2 === 0 ? bytes : gunzipSync(bytes)).toString());
      assert.ok(entries.busy.length >= seen);
      seen = entries.busy.length;
      const { urls, version } = entries.busy[0];
      const chart = await bodyOf((await busy.request(serveCharts, `/${urls[0]}`)).body);
      assert.equal(chart.toString(), `the archive of busy ${version}`);
    }
  });
  for (let minor = 1; minor <= 8; minor++) {
    await push(busy, "charts/busy", `1.${minor}.0`, { name: "busy", version: `1.${minor}.0` });
  }
  isOver = true;
  await Promise.all(reading);
});

test("CR-T35: a chart flows while its registry still sends it, and who leaves ends it there", async () => {
  const archive = randomBytes(400_000);
  const slow = createServer((_, response) => {
    response.writeHead(200, { "content-length": archive.byteLength });
    response.write(archive.subarray(0, 200_000));
    response.on("close", () => left.resolve());
  }).listen(0, "127.0.0.1");
  const left = Promise.withResolvers<void>();
  await once(slow, "listening");
  after(() => slow.close());
  const store = await harness.store();
  await push(harness, "charts/slow", "1.0.0", { name: "slow", version: "1.0.0" }, { archive });
  const half = new Harness({}, { [HOST]: `http://127.0.0.1:${(slow.address() as AddressInfo).port}` });
  const copied = await half.store();
  for await (const { key } of store.list("")) await copied.put(key, (await store.get(key)).body);
  const { headers, body } = await half.request(serveCharts, "/charts/slow-1.0.0.tgz");
  assert.equal(headers?.["content-length"], String(archive.byteLength));
  const stream = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  const { value } = await stream.next();
  assert.ok(archive.subarray(0, value!.byteLength).equals(value!));
  await stream.return?.();
  await left.promise;
});
