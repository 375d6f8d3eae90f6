import assert from "node:assert/strict";
import { after, test } from "node:test";
import indexCharts from "../../functions/index-charts.ts";
import type { Event } from "../../lib/events/index.ts";
import { projectScope } from "../../lib/helm/index.ts";
import { startFakeHarbor } from "../fakes/harbor.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { readIndex } from "../helm/index/read-index.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { Harness } from "./harness.ts";

const HOST = "registry.example.com";
const registry = await startEmbeddedRegistry();
after(() => registry[Symbol.asyncDispose]());
type Updated = Event<"dev.stowage.index.updated.v1">;

const open = (index: object = {}) =>
  new Harness({ index: { registries: [HOST], ...index } }, { [HOST]: `http://${registry.host}` });
const push = (repository: string, version: string, rest: object = {}) => {
  const metadata = { name: repository.split("/").at(-1)!, version, ...rest };
  return registry.push(
    repository,
    version,
    chartArtifact(metadata, { archive: Buffer.from(`${repository} ${version}`) }),
  );
};
const pushed = (repository: string, tag: string) => ({
  registry: HOST,
  repository,
  tag,
  artifactKind: "unknown" as const,
});

test("pushes that overlap end in an index that holds all of them, each told once; many of them are written at once", async () => {
  const versions = Array.from({ length: 60 }, (_, i) => `1.${i}.0`);
  for (const version of versions) await push("many/lantern", version);
  const harness = open();
  const outcomes = await Promise.all(
    versions.map((version) =>
      harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("many/lantern", version)),
    ),
  );
  const told = outcomes.flatMap(({ reply }) => (reply as Updated).data.added.map(({ version }) => version));
  assert.deepEqual(told.sort(), [...versions].sort());
  const store = await harness.store();
  assert.equal((await readIndex(store)).entries["lantern"]?.length, versions.length);
  const heads = (await Array.fromAsync(store.list("index/whole/heads/"))).length;
  assert.ok(heads <= 2, `${heads} heads are left`);
});

test("CR-W10: what the configuration leaves out is not even asked for", async () => {
  await push("hidden/lantern", "1.0.0");
  const harness = open({ exclude: [`${HOST}/hidden/**`] });
  const before = registry.requests.length;
  const { status } = await harness.run(
    indexCharts,
    "dev.stowage.artifact.pushed.v1",
    pushed("hidden/lantern", "1.0.0"),
  );
  assert.deepEqual([status, registry.requests.length], [204, before]);
});

test("CR-W5: an index that grows larger than its readers take is warned of; split by project it is one for each", async () => {
  for (const project of ["alpha", "beta"]) await push(`${project}/lantern`, "1.0.0", { description: project });
  const harness = open({ split: "both", maxBytes: 2000 });
  for (const project of ["alpha", "beta"]) {
    await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed(`${project}/lantern`, "1.0.0"));
  }
  const isWarned = () => harness.log.lines.some(({ message }) => message.includes("split it by project"));
  assert.ok(!isWarned());
  const store = await harness.store();
  for (const project of ["alpha", "beta"]) {
    const { entries } = await readIndex(store, projectScope(project)!);
    assert.deepEqual(
      entries["lantern"]?.map(({ description }) => description),
      [project],
    );
  }
  // in the index of everything both claim one chart version: that is a conflict, which the indexes of projects do not have
  assert.deepEqual(
    (await readIndex(store)).entries["lantern"]?.map(({ description }) => description),
    ["alpha"],
  );
  assert.ok(harness.log.lines.some(({ fields }) => fields["ignored"] === `${HOST}/beta/lantern:1.0.0`));

  await push("alpha/torch", "1.0.0", { description: "x".repeat(2000) });
  await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("alpha/torch", "1.0.0"));
  assert.ok(isWarned());
});

test("CR-W5: an index that is too large is warned of by each check, also where nothing changed", async () => {
  await push("wide/lantern", "1.0.0", { description: "x".repeat(2000) });
  const harness = open({ include: [`${HOST}/wide/*`], maxBytes: 2000 });
  for (const status of [200, 204]) {
    const before = harness.log.lines.length;
    assert.equal((await harness.run(indexCharts, "dev.knative.sources.ping", { task: "index-charts" })).status, status);
    const said = harness.log.lines.slice(before).map(({ message }) => message);
    assert.ok(said.some((message) => message.includes("split it by project")));
  }
});

test("CR-T14: while a Harbor answers 500 to its listing the check is tried again, and the index stays", async () => {
  await using harbor = await startFakeHarbor();
  const harness = new Harness({ index: { registries: [HOST] } }, { [HOST]: harbor.url });
  const built = chartArtifact({ name: "lantern", version: "1.0.0" });
  const { blobs, manifests, tags } = harbor.repository("charts/lantern");
  for (const content of built.contents) {
    const bytes = Buffer.concat(await Array.fromAsync(content.bytes()));
    const { digest, mediaType } = content.descriptor;
    if (digest === built.descriptor.digest) manifests.set(digest, { type: mediaType, bytes });
    else blobs.set(digest, bytes);
  }
  tags.set("1.0.0", built.descriptor.digest);
  harbor.names.add("charts/lantern");
  const check = () => harness.run(indexCharts, "dev.knative.sources.ping", { task: "index-charts" });
  assert.equal(((await check()).reply as Updated).data.counts.added, 1);
  harbor.misbehave("/api/v2.0/projects?", (_, response) => response.writeHead(500).end(), 3);
  assert.equal((await check()).status, 503);
  assert.deepEqual(Object.keys((await readIndex(await harness.store())).entries), ["lantern"]);
});

test("what is broken is reported with its place, and the rest of the check goes on", async () => {
  await registry.push(
    "bad/lantern",
    "1.0.0",
    chartArtifact({ name: "lantern", version: "1" }, { config: Buffer.from("{") }),
  );
  await push("good/candle", "1.0.0");
  const harness = open({ include: [`${HOST}/bad/*`, `${HOST}/good/*`] });
  const { reply } = await harness.run(indexCharts, "dev.knative.sources.ping", { task: "index-charts" });
  assert.deepEqual(
    (reply as Updated).data.added.map(({ name }) => name),
    ["candle"],
  );
  const [warning] = harness.log.lines.filter(({ level }) => level === "warn");
  assert.deepEqual([warning?.fields["repository"], warning?.fields["tag"]], ["bad/lantern", "1.0.0"]);
});
