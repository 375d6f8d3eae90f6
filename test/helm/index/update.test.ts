import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { projectScope } from "../../../lib/helm/index/scope.ts";
import { Announcement, IndexReader, refreshRecords, toData, writeIndex } from "../../../lib/helm/index.ts";
import { buildImage, buildIndex, mediaTypes, type Registries, type Target } from "../../../lib/oci/index.ts";
import { openStore, type Store } from "../../../lib/store/index.ts";
import { chartArtifact } from "../../fixtures/chart-artifact.ts";
import { startEmbeddedRegistry } from "../../real/embedded-registry.ts";
import { readIndex, textOf } from "./read-index.ts";

const HOST = "registry.example.com";
const registry = await startEmbeddedRegistry();
after(() => registry[Symbol.asyncDispose]());
const { signal } = new AbortController();
let store: Store;
let repository: string;
let count = 0;
beforeEach(async () => {
  store = await openStore("memory:");
  repository = `r${count++}/lantern`;
});

const lantern = (version: string, rest: object = {}) => ({ name: "lantern", version, ...rest });
const push = (tag: string, ...chart: Parameters<typeof chartArtifact>) =>
  registry.push(repository, tag, chartArtifact(...chart));
const remove = (tag: string) => registry.registries.repository(HOST, repository).remove(tag);

/** What index-charts does for one event. */
async function update(
  tag?: string,
  by = "event-1",
  {
    registries = registry.registries,
    into = store,
    ...hint
  }: { registries?: Registries; into?: Store; digest?: string } = {},
) {
  const tags = await refreshRecords({ registry: HOST, repository, tag, ...hint }, by, into, registries, signal);
  const records = tags.map(({ record }) => record).filter((record) => record !== undefined);
  const broken = tags.filter((each) => each.broken !== undefined);
  if (records.length === 0) return { broken, data: undefined, conflicts: [] };
  const written = await writeIndex(records, "whole", into, signal);
  const announcement = new Announcement("whole");
  announcement.add(written);
  await announcement.addBrought(records, by, into, signal);
  return { broken, data: toData(announcement.toTold(), written.head), conflicts: written.conflicts };
}

async function versions(name = "lantern"): Promise<readonly string[]> {
  return ((await readIndex(store)).entries[name] ?? []).map(({ version }) => version);
}

/** The registry of the tests, with one repository that behaves in a way of its own. */
const withTarget = (change: (target: Target) => Partial<Target>): Registries => ({
  ...registry.registries,
  repository(host, name) {
    const target = registry.registries.repository(host, name);
    return { ...target, ...change(target) };
  },
});

test("CR-T1, CR-W2: three versions, one of them signed, are three entries in order", async () => {
  await push("1.0.0", lantern("1.0.0"));
  await push("1.1.0", lantern("1.1.0"), { signed: true });
  await push("1.2.0", lantern("1.2.0"));
  await update();
  assert.deepEqual(await versions(), ["1.2.0", "1.1.0", "1.0.0"]);
  const signed = await new IndexReader(store).findFile("lantern-1.1.0.tgz");
  assert.equal(signed?.provenance?.mediaType, mediaTypes.helmProvenance);
});

test("CR-T2: what is no chart is ignored, tag by tag", async () => {
  await push("1.0.0", lantern("1.0.0"));
  await push(`sha256-${"a".repeat(64)}.sig`, lantern("2.0.0"), { layerType: "application/vnd.example.signature" });
  await registry.push(repository, "many", buildIndex([buildImage({ platform: "linux/amd64", layers: [] })]));
  await push("1.1.0", lantern("1.1.0"));
  const { broken } = await update();
  assert.deepEqual(broken, []);
  assert.deepEqual(await versions(), ["1.1.0", "1.0.0"]);
});

test("CR-T3: a version with + is tagged with _ and can be downloaded by its name", async () => {
  await push("1.2.0_b7", lantern("1.2.0+b7"));
  await update("1.2.0_b7");
  const { entries } = await readIndex(store);
  assert.deepEqual(entries["lantern"]?.[0]?.urls, ["charts/lantern-1.2.0+b7.tgz"]);
  assert.equal((await new IndexReader(store).findFile("lantern-1.2.0+b7.tgz"))?.tag, "1.2.0_b7");
});

test("CR-T4, CR-W1, CR-W2: a chart layer of helm 3.6 and older counts", async () => {
  await push("1.0.0", lantern("1.0.0"), { layerType: "application/tar+gzip" });
  await update("1.0.0");
  assert.deepEqual(await versions(), ["1.0.0"]);
});

test("CR-T5: two tags of one digest are one entry, and the other one keeps it when one is deleted", async () => {
  for (const tag of ["1.2.0", "stable"]) await push(tag, lantern("1.2.0"));
  await update();
  assert.deepEqual(await versions(), ["1.2.0"]);
  await remove("1.2.0");
  assert.equal((await update("1.2.0", "event-2")).data, undefined);
  assert.deepEqual(await versions(), ["1.2.0"]);
});

test("CR-T6: a tag that was pushed again has the new digest after its event", async () => {
  await push("1.0.0", lantern("1.0.0"), { archive: Buffer.from("old") });
  await update("1.0.0", "event-1");
  await push("1.0.0", lantern("1.0.0"), { archive: Buffer.from("new") });
  const { data } = await update("1.0.0", "event-2");
  assert.deepEqual([data?.counts, data?.changed.length], [{ added: 0, changed: 1, removed: 0 }, 1]);
  const { entries } = await readIndex(store);
  assert.equal(`sha256:${entries["lantern"]?.[0]?.digest}`, data?.changed[0]?.digest);
});

test("CR-T7: a deleted tag leaves the index", async () => {
  await push("1.0.0", lantern("1.0.0"));
  await update("1.0.0");
  assert.deepEqual(await versions(), ["1.0.0"]);
  await remove("1.0.0");
  const { data } = await update("1.0.0", "event-2");
  assert.deepEqual(data?.removed, [{ name: "lantern", version: "1.0.0" }]);
  assert.equal(data?.charts, 0);
  assert.deepEqual((await readIndex(store)).entries, {});
  assert.equal(await new IndexReader(store).findFile("lantern-1.0.0.tgz"), undefined);
});

test("CR-T8: of two repositories with one chart version the first in name order is kept, and the conflict reported", async () => {
  const [first, second] = [`${repository}/a`, `${repository}/b`];
  for (const [each, archive] of [
    [second, "b"],
    [first, "a"],
  ] as const) {
    repository = each;
    await push("1.0.0", lantern("1.0.0"), { archive: Buffer.from(archive) });
  }
  repository = second;
  assert.deepEqual((await update("1.0.0")).conflicts, []);
  repository = first;
  const { conflicts, data } = await update("1.0.0", "event-2");
  const place = (name: string) => `${HOST}/${name}:1.0.0`;
  assert.deepEqual(conflicts, [{ name: "lantern", version: "1.0.0", kept: place(first), ignored: place(second) }]);
  assert.equal(data?.changed[0]?.reference, `oci://${place(first)}`);
  const file = await new IndexReader(store).findFile("lantern-1.0.0.tgz");
  assert.equal(file?.repository, first);
  assert.equal(file?.chart.digest, `sha256:${(await readIndex(store)).entries["lantern"]?.[0]?.digest}`);
  // what the other one had comes forth when it goes
  await remove("1.0.0");
  assert.equal((await update("1.0.0", "event-3")).data?.changed[0]?.reference, `oci://${place(second)}`);
});

test("CR-T9: a chart whose config cannot be read is left out and reported; the rest stays", async () => {
  await push("1.0.0", lantern("1.0.0"));
  await push("1.1.0", lantern("1.1.0"), { config: Buffer.from("{") });
  await push("1.2.0", { name: "../lantern", version: "1.2.0" });
  await push("1.3.0", lantern("1.3.0", { keywords: "no list" }));
  await push("1.4.0", lantern("1.4.0"), { config: Buffer.from(`${"[".repeat(10_000)}${"]".repeat(10_000)}`) });
  await push("1.5.0", lantern("1.5.0\u0000"));
  await push("1.6.0", { name: "låntern", version: "1.6.0" });
  const { broken } = await update();
  assert.deepEqual(broken.map(({ place }) => place.tag).sort(), ["1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0"]);
  assert.match(broken.find(({ place }) => place.tag === "1.3.0")!.broken!, /keywords/);
  assert.deepEqual(await versions(), ["1.0.0"]);
});

test("CR-T9: a chart whose config is missing, or has 100 MB, is left out and reported; what was there of it goes", async () => {
  await push("1.0.0", lantern("1.0.0"));
  await push("1.1.0", lantern("1.1.0"));
  await update();
  await push("1.1.0", lantern("1.1.0"), { archive: Buffer.from("again") });
  const blind = withTarget((target) => ({
    open: (descriptor, options) =>
      target.open(
        descriptor.mediaType === mediaTypes.helmConfig
          ? { ...descriptor, digest: `sha256:${"0".repeat(64)}` }
          : descriptor,
        options,
      ),
  }));
  const { broken, data } = await update("1.1.0", "event-2", { registries: blind });
  assert.equal(broken.length, 1);
  assert.deepEqual(data?.removed, [{ name: "lantern", version: "1.1.0" }]);
  assert.deepEqual(await versions(), ["1.0.0"]);
  await push("2.0.0", lantern("2.0.0"), { config: Buffer.alloc(100_000_000, 32) });
  const requests = registry.requests.length;
  assert.match((await update("2.0.0", "event-3")).broken[0]!.broken!, /100000000 bytes/);
  assert.ok(!registry.requests.slice(requests).some((line) => line.includes("/blobs/")), "nobody fetched it");
});

test("CR-T13: every field of Chart.yaml that helm knows is in the entry, with created; no other is", async () => {
  const metadata = lantern("1.0.0", {
    apiVersion: "v2",
    appVersion: "3.10",
    kubeVersion: ">=1.20",
    type: "application",
    description: "Lights the quay",
    home: "https://example.test",
    icon: "https://example.test/l.svg",
    keywords: ["harbour", "light"],
    sources: ["https://example.test/src"],
    maintainers: [{ name: "M", email: "m@example.test" }],
    dependencies: [
      { name: "d", version: "1.x", repository: "https://example.test", condition: "d.enabled", tags: ["t"] },
    ],
    annotations: { "example.test/a": "yes" },
    deprecated: true,
  });
  await push("1.0.0", { ...metadata, "x-foreign": 1 });
  await update("1.0.0");
  const [entry] = (await readIndex(store)).entries["lantern"]!;
  const { created, digest, urls, ...rest } = entry!;
  assert.deepEqual(rest, metadata);
  assert.equal(created, "2030-01-05T07:59:00.000Z");
  assert.match(digest, /^[a-f0-9]{64}$/);
  assert.deepEqual(urls, ["charts/lantern-1.0.0.tgz"]);
});

test("CR-W5: created without annotation is when the chart was first seen, and stays so", async () => {
  await push("1.0.0", lantern("1.0.0"), { created: null });
  await update("1.0.0");
  const first = (await readIndex(store)).entries["lantern"]?.[0]?.created;
  await push("1.0.0", lantern("1.0.0", { description: "same archive" }), { created: null });
  await update("1.0.0", "event-2");
  const [entry] = (await readIndex(store)).entries["lantern"]!;
  assert.deepEqual([entry?.created, entry?.description], [first, "same archive"]);
});

test("CR-T30: events twice, late or in reverse order give the same index as one full check", async () => {
  for (const version of ["1.0.0", "1.1.0", "1.2.0"]) await push(version, lantern(version));
  await remove("1.1.0");
  for (const tag of ["1.2.0", "1.1.0", "1.0.0", "1.2.0", "gone"]) await update(tag, `event-${tag}`);
  const byEvents = await textOf(store, "index.yaml");
  store = await openStore("memory:");
  await update();
  assert.deepEqual(byEvents, await textOf(store, "index.yaml"));
});

test("an event that is delivered again tells again what it brought; any other finds nothing new", async () => {
  await push("1.0.0", lantern("1.0.0"));
  const { data } = await update("1.0.0", "event-1");
  assert.equal(data?.added[0]?.reference, `oci://${HOST}/${repository}:1.0.0`);
  assert.deepEqual((await update("1.0.0", "event-1")).data, data);
  assert.equal((await update("1.0.0", "event-2")).data, undefined);
});

test("a deletion that is delivered again is told again, as is a tag that moved to another version", async () => {
  await push("stable", lantern("1.0.0"));
  await update("stable", "event-1");
  await push("stable", lantern("1.1.0"));
  const moved = await update("stable", "event-2");
  assert.deepEqual(
    [moved.data?.added.map(({ version }) => version), moved.data?.removed.map(({ version }) => version)],
    [["1.1.0"], ["1.0.0"]],
  );
  assert.deepEqual((await update("stable", "event-2")).data, moved.data);
  await remove("stable");
  const gone = await update("stable", "event-3");
  assert.deepEqual(gone.data?.removed, [{ name: "lantern", version: "1.1.0" }]);
  assert.deepEqual((await update("stable", "event-3")).data, gone.data);
  assert.equal((await update("stable", "event-4")).data, undefined);
});

test("a tag that moves to a chart of another name leaves the chart it held", async () => {
  await push("latest", lantern("1.0.0"));
  await update("latest");
  await push("latest", { name: "torch", version: "1.0.0" });
  await update("latest", "event-2");
  assert.deepEqual(Object.keys((await readIndex(store)).entries), ["torch"]);
});

test("a manifest that is deleted by its digest takes the tags along that held it", async () => {
  for (const tag of ["1.0.0", "stable"]) await push(tag, lantern("1.0.0"));
  await push("2.0.0", lantern("2.0.0"));
  await update();
  const { digest } = await registry.registries.repository(HOST, repository).resolve("1.0.0");
  await remove(digest);
  for (const tag of ["1.0.0", "stable"]) await remove(tag);
  for (const _ of ["delivered", "delivered again"]) {
    const { data } = await update(undefined, "event-2", { digest });
    assert.deepEqual(data?.removed, [{ name: "lantern", version: "1.0.0" }]);
  }
  assert.deepEqual(await versions(), ["2.0.0"]);
});

test("a manifest that is pushed without tag is none of the index's business", async () => {
  await push("1.0.0", lantern("1.0.0"));
  const { digest } = await registry.registries.repository(HOST, repository).resolve("1.0.0");
  const requests = registry.requests.length;
  assert.equal((await update(undefined, "event-1", { digest })).data, undefined);
  assert.equal(registry.requests.length, requests);
});

test("of two pushes of one tag a moment apart the index ends with the second, in whatever order they are written", async () => {
  await push("1.0.0", lantern("1.0.0"), { archive: Buffer.from("first") });
  const slow = withTarget((target) => ({
    async resolve(reference, stop) {
      const found = await target.resolve(reference, stop);
      if (reference !== "1.0.0" || second !== undefined) return found;
      // between the look of the first writer and his record, the second push is indexed by another one
      second = push("1.0.0", lantern("1.0.0"), { archive: Buffer.from("second") });
      await second;
      await update("1.0.0", "event-2");
      return found;
    },
  }));
  let second: Promise<unknown> | undefined;
  await update("1.0.0", "event-1", { registries: slow });
  const wanted = await registry.registries.repository(HOST, repository).resolve("1.0.0");
  const [entry] = (await readIndex(store)).entries["lantern"]!;
  const file = await new IndexReader(store).findFile("lantern-1.0.0.tgz");
  assert.equal(file?.chart.digest, `sha256:${entry?.digest}`);
  const claim = await store.get(`index/entries/${HOST}/${repository}/_tags/1.0.0.json`);
  assert.equal(JSON.parse(Buffer.concat(await Array.fromAsync(claim.body)).toString()).manifest, wanted.digest);
});

test("CR-T14: a registry that cannot be listed is an error; the index stays", async () => {
  await push("1.0.0", lantern("1.0.0"));
  await update();
  const dead = { ...registry.registries, repository: () => registry.registries.repository("127.0.0.1:1", repository) };
  await assert.rejects(update(undefined, "event-2", { registries: dead }), { disposition: "retry" });
  assert.deepEqual(await versions(), ["1.0.0"]);
});

test("CR-W3: chart web-2 of version 1.0.0 and chart web of version 2-1.0.0 are told apart as far as their names allow", async () => {
  await push("a", { name: "web-2", version: "1.0.0" });
  await update("a");
  await push("b", { name: "web", version: "1.0.0" });
  await update("b", "event-2");
  assert.equal((await new IndexReader(store).findFile("web-2-1.0.0.tgz"))?.tag, "a");
  assert.equal((await new IndexReader(store).findFile("web-1.0.0.tgz"))?.tag, "b");
  for (const file of ["web-3.0.0.tgz", "web", "-", "constructor-1.0.0.tgz"]) {
    assert.equal(await new IndexReader(store).findFile(file), undefined, file);
  }
});

test("one index per project holds that project's charts; both kinds are kept where both are asked for", async () => {
  await push("1.0.0", lantern("1.0.0"));
  await update("1.0.0");
  const first = repository.split("/")[0]!;
  repository = `${first}x/torch`;
  await push("1.0.0", { name: "torch", version: "1.0.0" });
  const refreshed = await refreshRecords(
    { registry: HOST, repository, tag: "1.0.0" },
    "e",
    store,
    registry.registries,
    signal,
  );
  await writeIndex(
    refreshed.map(({ record }) => record!),
    "both",
    store,
    signal,
  );
  assert.deepEqual(Object.keys((await readIndex(store)).entries), ["lantern", "torch"]);
  assert.deepEqual(Object.keys((await readIndex(store, projectScope(`${first}x`)!)).entries), ["torch"]);
  // an index that is asked for later begins with what was known before
  const again = await refreshRecords(
    { registry: HOST, repository: `${first}/lantern`, tag: "1.0.0" },
    "f",
    store,
    registry.registries,
    signal,
  );
  await writeIndex(
    again.map(({ record }) => record!),
    "projects",
    store,
    signal,
  );
  assert.deepEqual(Object.keys((await readIndex(store, projectScope(first)!)).entries), ["lantern"]);
});
