import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import buildBundle from "../../functions/build-bundle.ts";
import bury from "../../functions/bury.ts";
import indexCharts from "../../functions/index-charts.ts";
import listImages from "../../functions/list-images.ts";
import { type Event, originate, parseEvent } from "../../lib/events/index.ts";
import { buildImage, buildIndex, buildLayer } from "../../lib/oci/index.ts";
import { type Deps, invoke } from "../../lib/runtime/index.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { openHelm } from "../real/helm.ts";
import { Harness } from "./harness.ts";

const HOST = "registry.example.com";
const work = await mkdtemp(join(tmpdir(), "stowage-functions-"));
const registry = await startEmbeddedRegistry();
after(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});
const open = () => new Harness({ index: { registries: [HOST] } }, { [HOST]: `http://${registry.host}` });
type Updated = Event<"dev.stowage.index.updated.v1">;

async function pushChart(name: string, version: string, files: Readonly<Record<string, string>>): Promise<void> {
  const directory = await writeChart(work, { name, version }, files);
  await using helm = await openHelm();
  await helm.run("package", directory, "--destination", work);
  const archive = await readFile(join(work, `${name}-${version}.tgz`));
  await registry.push(`charts/${name}`, version, chartArtifact({ name, version }, { archive }));
}
const pushed = (name: string, tag: string) => ({
  registry: HOST,
  repository: `charts/${name}`,
  tag,
  artifactKind: "unknown" as const,
});

test("a pushed chart leads to index.updated, that to images.listed, with the findings in the store", async () => {
  await pushChart("web", "0.1.0", { "templates/pod.yaml": podOf("nginx:1.27", "quay.io/a/b:1") });
  const harness = open();
  const { reply } = await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("web", "0.1.0"));
  assert.equal(reply?.type, "dev.stowage.index.updated.v1");
  assert.equal((reply as Updated).data.added[0]?.reference, `oci://${HOST}/charts/web:0.1.0`);

  assert.equal((await harness.deliver(listImages, reply)).status, 204);
  const [listed] = harness.published as Event<"dev.stowage.images.listed.v1">[];
  assert.equal(listed?.type, "dev.stowage.images.listed.v1");
  assert.deepEqual([listed.extensions["chart"], listed.extensions["version"], listed.data.images], ["web", "0.1.0", 2]);
  const store = await harness.store();
  const findings = JSON.parse(Buffer.concat(await Array.fromAsync((await store.get(listed.data.key)).body)).toString());
  assert.deepEqual(
    findings.images.map(({ image }: { image: string }) => image),
    ["docker.io/library/nginx:1.27", "quay.io/a/b:1"],
  );
});

test("a redelivered event gives the same reply and the same published events", async () => {
  await pushChart("again", "0.1.0", { "templates/pod.yaml": podOf("nginx:1.27") });
  const harness = open();
  const first = await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("again", "0.1.0"), "same");
  const second = await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("again", "0.1.0"), "same");
  assert.equal(second.reply?.id, first.reply?.id);
  await harness.deliver(listImages, first.reply!);
  await harness.deliver(listImages, second.reply!);
  assert.equal(harness.published.length, 2);
  assert.equal(harness.published[0]?.id, harness.published[1]?.id);
});

test("a push that is no chart, or of a chart that is there already, leads to nothing", async () => {
  await pushChart("quiet", "0.1.0", { "templates/pod.yaml": podOf("nginx:1.27") });
  const harness = open();
  await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("quiet", "0.1.0"));
  assert.equal(
    (await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("quiet", "0.1.0"))).status,
    204,
  );
  assert.equal((await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("nothing", "9"))).status, 204);
});

test("a scheduled reconcile finds what no webhook told of, and what is gone", async () => {
  await pushChart("lost", "0.1.0", { "templates/pod.yaml": podOf("nginx:1.27") });
  const harness = open();
  const { reply } = await harness.run(indexCharts, "dev.knative.sources.ping", { task: "index-charts" });
  assert.ok((reply as Updated).data.added.some(({ name }) => name === "lost"));
  await registry.registries.repository(HOST, "charts/lost").remove("0.1.0");
  const again = await harness.run(indexCharts, "dev.knative.sources.ping", { task: "index-charts" });
  assert.deepEqual((again.reply as Updated).data.removed, [{ name: "lost", version: "0.1.0" }]);
});

test("a chart that does not render leads to images.incomplete, with what is not known about it", async () => {
  await pushChart("broken", "0.1.0", { "templates/pod.yaml": '{{ fail "no values given" }}' });
  const harness = open();
  const { reply } = await harness.run(indexCharts, "dev.stowage.artifact.pushed.v1", pushed("broken", "0.1.0"));
  await harness.deliver(listImages, reply!);
  const [told] = harness.published as Event<"dev.stowage.images.incomplete.v1">[];
  assert.equal(told?.type, "dev.stowage.images.incomplete.v1");
  assert.deepEqual([told.data.images, told.data.unresolved], [0, 1]);
  assert.match(told.data.reason, /no values given/);
  assert.ok(harness.log.lines.some(({ fields }) => String(fields["reason"]).includes("no values given")));
});

test("bundle.requested leads to bundle.built; a description that is not valid is rejected with every problem", async () => {
  const layer = await buildLayer([{ path: "content", content: "hello" }]);
  await registry.push("demo/hello", "1", buildIndex([buildImage({ platform: "linux/amd64", layers: [layer] })]));
  const harness = open();
  const release = { name: "harbour", version: "1.0.0", images: [`${HOST}/demo/hello:1`] };
  const { reply } = await harness.run(buildBundle, "dev.stowage.bundle.requested.v1", { release });
  const { data } = reply as Event<"dev.stowage.bundle.built.v1">;
  assert.equal(data.key, "releases/harbour/1.0.0/harbour-1.0.0.tar.gz");
  assert.equal((await (await harness.store()).stat(data.key))?.size, data.size);

  const refused = await harness.run(buildBundle, "dev.stowage.bundle.requested.v1", {
    release: { name: "../x", colour: 1 },
  });
  assert.equal(refused.status, 422);
  for (const part of ["name", "version", "colour"]) assert.match(refused.failure!.message, new RegExp(part));
});

test("what is missing leads to bundle.failed, naming all of it", async () => {
  const harness = open();
  const release = { name: "harbour", version: "1.0.1", images: [`${HOST}/demo/no:1`, `${HOST}/demo/nor:2`] };
  const { reply } = await harness.run(buildBundle, "dev.stowage.bundle.requested.v1", { release });
  assert.equal(reply?.type, "dev.stowage.bundle.failed.v1");
  const { data } = reply as Event<"dev.stowage.bundle.failed.v1">;
  assert.deepEqual([data.release, data.version, data.code], ["harbour", "1.0.1", "IMAGES_MISSING"]);
  assert.match(data.reason, /demo\/no:1.*demo\/nor:2/);
});

test("a delta is built from the bundle that the request names", async () => {
  const harness = open();
  const image = `${HOST}/demo/hello:1`;
  const to = `file:${join(work, "bundles")}`;
  const request = (version: string, more: object = {}) =>
    harness.run(buildBundle, "dev.stowage.bundle.requested.v1", {
      release: { name: "d", version, images: [image] },
      to,
      ...more,
    });
  const built = (await request("1")).reply as Event<"dev.stowage.bundle.built.v1">;
  const delta = (await request("2", { base: `${to}/${built.data.key}` })).reply as Event<"dev.stowage.bundle.built.v1">;
  assert.equal(delta.data.key, "d-2-from-1.tar.gz");
});

test("a bundle goes to the store that the request names", async () => {
  const harness = open();
  const release = { name: "harbour", version: "1.0.0", images: [`${HOST}/demo/hello:1`] };
  const to = `file:${join(work, "elsewhere")}`;
  const { reply } = await harness.run(buildBundle, "dev.stowage.bundle.requested.v1", { release, to });
  const { key, size } = (reply as Event<"dev.stowage.bundle.built.v1">).data;
  assert.equal((await readFile(join(work, "elsewhere", key))).byteLength, size);
});

test("bury keeps whatever it is given, with the reason, and once", async () => {
  const harness = open();
  const letter = {
    ...originate("dev.knative.sources.ping", "a", { source: "/s", subject: "x", data: { task: "t" } }),
    type: "com.example.unknown",
    extensions: {
      knativeerrordest: "list-images",
      knativeerrorcode: "422",
      knativeerrordata: Buffer.from('{"code":"EVENT_UNKNOWN","message":"Cannot"}').toString("base64"),
    },
    data: Buffer.from([0, 1, 255]),
  };
  assert.throws(() => parseEvent(letter));
  for (let i = 0; i < 2; i++)
    assert.equal((await invoke(bury, letter, harness.deps, AbortSignal.timeout(5000))).status, 204);
  const store = await harness.store();
  const kept = await Array.fromAsync(store.list("dead/"));
  assert.equal(kept.length, 1);
  const text = Buffer.concat(await Array.fromAsync((await store.get(kept[0]!.key)).body)).toString();
  const { to, status, reason, event } = JSON.parse(text);
  assert.deepEqual(
    [to, status, JSON.parse(reason).code, event.data_base64],
    ["list-images", "422", "EVENT_UNKNOWN", "AAH/"],
  );
});

test("bury tells a Release of the cluster that what it waits for failed, and nobody else; nor that this could not be told", async () => {
  const harness = new Harness();
  const event = originate("dev.knative.sources.ping", "b", { source: "/s", subject: "x", data: { task: "t" } });
  const letter = (resource: string, data = '{"code":"LIST_INVALID","message":"Cannot"}', type: string = event.type) => {
    const extensions = {
      resource,
      knativeerrordest: "http://list-images.apps.svc.cluster.local/",
      knativeerrorcode: "422",
      knativeerrordata: Buffer.from(data).toString("base64"),
    };
    return invoke(bury, { ...event, type, extensions }, harness.deps, AbortSignal.timeout(5000));
  };
  const release = "releases.stowage.dev/apps/harbour-1.0.0/u-1/1";
  for (const [resource, data, type] of [
    [release],
    [release, "upstream connect error"],
    [release, '{"code":"LIST_INVALID","mess'],
    ["issues.example.com/1"],
    ["releases.stowage.dev/garbled"],
    [release, undefined, "dev.stowage.run.failed.v1"],
  ] as const) {
    assert.equal((await letter(resource, data, type)).status, 204);
  }
  const told = harness.published as Event<"dev.stowage.run.failed.v1">[];
  assert.deepEqual(
    told.map(({ data }) => [data.function, data.code, data.reason, data.again]),
    [
      ["list-images", "LIST_INVALID", "Cannot", false],
      ["list-images", "STATUS_422", "upstream connect error", false],
      ["list-images", "STATUS_422", '{"code":"LIST_INVALID","mess', false],
    ],
  );
  assert.ok(told.every(({ extensions }) => extensions["resource"] === release));
});

test("a letter is buried although nobody can be told", async () => {
  const harness = new Harness();
  const ports: Deps["ports"] = async (names) => ({
    ...(await harness.deps.ports(names)),
    publish: async () => assert.fail("the sink is gone"),
  });
  const event = originate("dev.knative.sources.ping", "c", { source: "/s", subject: "x", data: { task: "t" } });
  const extensions = { resource: "releases.stowage.dev/apps/harbour-1.0.0/u-1/1" };
  const letter = { ...event, extensions };
  assert.equal((await invoke(bury, letter, { ...harness.deps, ports }, AbortSignal.timeout(5000))).status, 204);
  assert.equal((await Array.fromAsync((await harness.store()).list("dead/"))).length, 1);
});
