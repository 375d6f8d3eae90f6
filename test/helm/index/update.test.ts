import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { hintsOf, indexChanges, indexKeys, readIndex, refreshRecords, writeIndex } from "../../lib/helm/index.ts";
import { describe, mediaTypes } from "../../lib/oci/index.ts";
import { openStore, readObject, type Store } from "../../lib/store/index.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";

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
const refresh = (tag?: string, by = "event-1") =>
  refreshRecords({ registry: HOST, repository, tag }, by, store, registry.registries, signal);
async function versions(): Promise<readonly string[]> {
  await writeIndex(store, signal);
  return ((await readIndex(store)).entries["lantern"] ?? []).map(({ version }) => version);
}

test("CR-T1: three versions, one of them signed, are three entries in order", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0")));
  await registry.push(repository, "1.1.0", chartArtifact(lantern("1.1.0"), { signed: true }));
  await registry.push(repository, "1.2.0", chartArtifact(lantern("1.2.0")));
  await refresh();
  assert.deepEqual(await versions(), ["1.2.0", "1.1.0", "1.0.0"]);
});

test("CR-T2: what is no chart is ignored, tag by tag", async () => {
  const bytes = Buffer.from("x");
  const built = chartArtifact(lantern("9.0.0"));
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0")));
  await registry.push(
    repository,
    `sha256-${"a".repeat(64)}.sig`,
    chartArtifact(lantern("2.0.0"), { layerType: "application/vnd.example.signature" }),
  );
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [built.descriptor] }),
  );
  await registry.push(repository, "many", {
    descriptor: describe(mediaTypes.ociIndex, index),
    contents: [
      ...built.contents,
      {
        descriptor: describe(mediaTypes.ociIndex, index),
        async *bytes() {
          yield index;
        },
      },
    ],
  });
  await registry.push(repository, "1.1.0", chartArtifact(lantern("1.1.0")));
  const { broken } = await refresh();
  assert.deepEqual(broken, []);
  assert.deepEqual(await versions(), ["1.1.0", "1.0.0"]);
  assert.equal(bytes.length, 1);
});

test("CR-T4: a chart layer of helm 3.6 and older counts", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0"), { layerType: "application/tar+gzip" }));
  await refresh("1.0.0");
  assert.deepEqual(await versions(), ["1.0.0"]);
});

test("CR-T6: a tag that was pushed again has the new digest after its event", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0"), { archive: Buffer.from("old") }));
  await refresh("1.0.0", "event-1");
  await writeIndex(store, signal);
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0"), { archive: Buffer.from("new") }));
  const { records } = await refresh("1.0.0", "event-2");
  const update = await writeIndex(store, signal);
  assert.deepEqual(update.added, []);
  assert.equal(update.changed.length, 1);
  assert.equal(update.changed[0]?.digest, records[0]?.chart.digest.slice(7));
});

test("CR-T7: a deleted tag leaves the index", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0")));
  await refresh("1.0.0");
  assert.deepEqual(await versions(), ["1.0.0"]);
  await registry.registries.repository(HOST, repository).remove("1.0.0");
  await refresh("1.0.0", "event-2");
  const update = await writeIndex(store, signal);
  assert.deepEqual(
    update.removed.map(({ version }) => version),
    ["1.0.0"],
  );
  assert.equal(update.charts, 0);
});

test("CR-T9: a chart whose config cannot be read is left out and reported; the rest stays", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0")));
  await registry.push(repository, "1.1.0", chartArtifact(lantern("1.1.0"), { config: Buffer.from("{") }));
  await registry.push(repository, "1.2.0", chartArtifact({ name: "../lantern", version: "1.2.0" }));
  await registry.push(repository, "1.3.0", chartArtifact(lantern("1.3.0", { keywords: "no list" })));
  const { broken } = await refresh();
  assert.deepEqual(broken.map(({ tag }) => tag).sort(), ["1.1.0", "1.2.0", "1.3.0"]);
  assert.match(broken.find(({ tag }) => tag === "1.3.0")!.reason, /keywords/);
  assert.deepEqual(await versions(), ["1.0.0"]);
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
  await registry.push(repository, "1.0.0", chartArtifact({ ...metadata, "x-foreign": 1 }));
  await refresh("1.0.0");
  await writeIndex(store, signal);
  const [entry] = (await readIndex(store)).entries["lantern"]!;
  const { created, digest, urls, ...rest } = entry!;
  assert.deepEqual(rest, metadata);
  assert.equal(created, "2030-01-05T07:59:00.000Z");
  assert.match(digest, /^[a-f0-9]{64}$/);
  assert.deepEqual(urls, ["charts/lantern-1.0.0.tgz"]);
});

test("created without annotation is when the chart was first seen, and stays so", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0"), { created: null }));
  const first = (await refresh("1.0.0")).records[0]?.created;
  await registry.push(
    repository,
    "1.0.0",
    chartArtifact(lantern("1.0.0", { description: "same archive" }), { created: null }),
  );
  await refresh("1.0.0", "event-2");
  await writeIndex(store, signal);
  assert.equal((await readIndex(store)).entries["lantern"]?.[0]?.created, first);
});

test("CR-T30: events twice, late or in reverse order give the same index as one full check", async () => {
  for (const version of ["1.0.0", "1.1.0", "1.2.0"])
    await registry.push(repository, version, chartArtifact(lantern(version)));
  await registry.registries.repository(HOST, repository).remove("1.1.0");
  for (const tag of ["1.2.0", "1.1.0", "1.0.0", "1.2.0", "gone"]) await refresh(tag, `event-${tag}`);
  await writeIndex(store, signal);
  const byEvents = await readObject(store, indexKeys.yaml, 1_000_000);
  store = await openStore("memory:");
  await refresh();
  await writeIndex(store, signal);
  assert.deepEqual(byEvents, await readObject(store, indexKeys.yaml, 1_000_000));
});

test("writers that overlap converge on an index that holds everything", async () => {
  const tags = Array.from({ length: 12 }, (_, i) => `1.${i}.0`);
  for (const tag of tags) await registry.push(repository, tag, chartArtifact(lantern(tag)));
  await Promise.all(
    tags.map(async (tag) => {
      await refresh(tag, `event-${tag}`);
      await writeIndex(store, signal);
    }),
  );
  assert.equal((await readIndex(store)).entries["lantern"]?.length, tags.length);
});

test("an event that is delivered again tells again what it brought; any other finds nothing new", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0")));
  const tell = async (by: string) => {
    const { records } = await refresh("1.0.0", by);
    return indexChanges(await writeIndex(store, signal), records);
  };
  const first = await tell("event-1");
  assert.equal(first?.added[0]?.reference, `oci://${HOST}/${repository}:1.0.0`);
  assert.deepEqual(await tell("event-1"), first);
  assert.equal(await tell("event-2"), undefined);
});

test("CR-T14: a registry that cannot be listed is an error; the records stay", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0")));
  await refresh();
  const dead = { ...registry.registries, repository: () => registry.registries.repository("127.0.0.1:1", repository) };
  await assert.rejects(refreshRecords({ registry: HOST, repository }, "e", store, dead, signal), {
    disposition: "retry",
  });
  assert.deepEqual(await versions(), ["1.0.0"]);
});

test("a reconcile walks every repository of the registries it is told", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0")));
  const hints = await Array.fromAsync(hintsOf([HOST], registry.registries, signal));
  assert.ok(hints.some((hint) => hint.registry === HOST && hint.repository === repository && hint.tag === undefined));
});

test("a vanished repository takes its charts out of the index", async () => {
  await registry.push(repository, "1.0.0", chartArtifact(lantern("1.0.0")));
  await refresh();
  repository = `${repository}-gone`;
  await refresh();
  repository = repository.replace("-gone", "");
  assert.deepEqual(await versions(), ["1.0.0"]);
  await registry.registries.repository(HOST, repository).remove("1.0.0");
  await refresh();
  assert.deepEqual(await versions(), []);
});
