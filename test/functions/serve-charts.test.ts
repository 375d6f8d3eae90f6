import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import indexCharts from "../../functions/index-charts.ts";
import serveCharts from "../../functions/serve-charts.ts";
import { hexOf } from "../../lib/oci/index.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { bodyOf, Harness } from "./harness.ts";

const HOST = "registry.example.com";
const registry = await startEmbeddedRegistry();
after(() => registry[Symbol.asyncDispose]());
const harness = new Harness({}, { [HOST]: `http://${registry.host}` });
const archives = new Map([
  ["1.0.0", Buffer.from("bytes of 1.0.0")],
  ["1.2.0+b7", Buffer.from("bytes of 1.2.0+b7")],
]);
const get = (path: string, rest = {}) => harness.request(serveCharts, path, rest);

before(async () => {
  for (const [version, archive] of archives) {
    const tag = version.replace("+", "_");
    await registry.push("charts/lantern", tag, chartArtifact({ name: "lantern", version }, { archive }));
    await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", {
      registry: HOST,
      repository: "charts/lantern",
      tag,
      artifactKind: "chart",
    });
  }
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
    ["1.2.0+b7", "1.0.0"],
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

test("CR-T22: a chart whose bytes are not the ones that were indexed breaks off", async () => {
  const archive = Buffer.from("bytes of 2.0.0");
  const built = chartArtifact({ name: "lantern", version: "2.0.0" }, { archive });
  await registry.push("charts/lantern", "2.0.0", built);
  await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", {
    registry: HOST,
    repository: "charts/lantern",
    tag: "2.0.0",
    artifactKind: "chart",
  });
  const layer = built.contents.find(({ descriptor }) => descriptor.size === archive.byteLength)!;
  const hex = hexOf(layer.descriptor.digest);
  await writeFile(
    join(registry.directory, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data"),
    "BYTES of 2.0.0",
  );
  const answer = await get("/charts/lantern-2.0.0.tgz");
  await assert.rejects(bodyOf(answer.body), { code: "CONTENT_MISMATCH" });
});

test("CR-T20: the index is served while the registry is down; a chart is not, and says that it may be later", async () => {
  const dead = new Harness({}, { [HOST]: "http://127.0.0.1:1" });
  const store = await dead.store();
  const source = await harness.store();
  for await (const { key } of source.list("")) await store.put(key, (await source.get(key)).body);
  assert.equal((await dead.request(serveCharts, "/index.yaml")).status, 200);
  assert.equal((await dead.request(serveCharts, "/charts/lantern-1.0.0.tgz")).status, 503);
});
