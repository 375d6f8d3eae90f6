import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import followRelease from "../../functions/follow-release.ts";
import reportRelease from "../../functions/report-release.ts";
import { type Event, type EventType, follow, originate } from "../../lib/events/index.ts";
import type { Kube, KubeObject } from "../../lib/kube/index.ts";
import { extensionOf, type ReleaseReference, readReleaseObject, releases } from "../../lib/release/object.ts";
import type { outcomeTypes } from "../../lib/release/outcome.ts";
import type { ReleaseStatus } from "../../lib/release/status-schema.ts";
import { type AnyEventFunction, invoke, type Outcome } from "../../lib/runtime/index.ts";
import { silent } from "../contracts/host.ts";
import { description, hops, releaseOfSpec, said } from "../fixtures/release.ts";
import { openAccount } from "./account.ts";
import { newNamespace, openCluster } from "./cluster.ts";

const cluster = await openCluster();
const namespace = await newNamespace(cluster, "release");
const group = { apiGroups: ["stowage.dev"] };
const followed = await openAccount(cluster, namespace, "follow-release", [
  { ...group, resources: ["releases"], verbs: ["get", "list"] },
]);
const reported = await openAccount(cluster, namespace, "report-release", [
  { ...group, resources: ["releases"], verbs: ["get"] },
  { ...group, resources: ["releases/status"], verbs: ["patch"] },
]);

const kubectl = (...args: readonly string[]): Promise<string> => cluster.kubectl([`--namespace=${namespace}`, ...args]);
const applied = (object: object): Promise<string> =>
  cluster.kubectl(["apply", "--server-side", `--namespace=${namespace}`, "--filename=-"], JSON.stringify(object));
/** Why the API server does not take it. */
const refusalOf = (object: object): Promise<string> =>
  applied(object).then(
    () => assert.fail("it was taken"),
    ({ stderr }: { stderr: string }) => stderr,
  );

let count = 0;
/** A Release that no other test has. */
async function make(spec: object = {}): Promise<KubeObject> {
  const version = `1.${count++}.0`;
  const name = `harbour-${version}`;
  await applied(releaseOfSpec({ ...description, version, ...spec }, name));
  return read(name);
}
const read = (name: string): Promise<KubeObject> => cluster.kube.get(releases, name, { namespace });
const statusOf = async (name: string): Promise<ReleaseStatus | undefined> =>
  (await read(name))["status"] as ReleaseStatus | undefined;

const run = (
  fn: AnyEventFunction,
  kube: Kube,
  event: Event,
  publish?: (events: readonly Event[]) => void,
): Promise<Outcome> =>
  invoke(fn, event, { log: silent, ports: async () => ({ kube, publish }) as never }, AbortSignal.timeout(30_000));

function told(type: (typeof outcomeTypes)[number], reference: ReleaseReference, data: object = {}): Event {
  const cause = { source: "/test", id: `${count++}`, extensions: extensionOf(reference) };
  return follow(cause, type as EventType, {
    source: "/test",
    subject: "s",
    data: { ...said[type], ...data } as never,
  }) as Event;
}
const report = async (
  object: KubeObject,
  type: (typeof outcomeTypes)[number],
  data: object = {},
  kube = reported,
): Promise<Outcome> => run(reportRelease, kube, told(type, readReleaseObject(object), data));

test("what cannot be a Release is not taken, and told why", async () => {
  const named = (spec: object, name = "harbour-2.0.0") =>
    releaseOfSpec({ name: "harbour", version: "2.0.0", images: ["a:1"], ...spec }, name);
  for (const [object, reason] of [
    [named({}, "harbour"), /metadata\.name must be harbour-2\.0\.0/],
    [named({ version: "2.0.0_RC+1" }), /metadata\.name must be harbour-2\.0\.0-rc-1/],
    [named({ images: [] }), /names neither charts, images nor files/],
    [named({ images: ["a:1", "a:1"] }), /duplicate entries/],
    [named({ charts: ["nginx"] }), /spec\.charts\[0\].*should match/],
    [named({ platforms: ["x86"] }), /spec\.platforms\[0\]/],
    [named({ colour: "red" }), /colour: field not declared/],
    [named({ bundle: false, base: "s3://old/a.tar" }), /base is of a bundle/],
    [named({ mirror: {} }), /spec\.mirror\.hops: Required/],
    [named({ mirror: { hops: [] } }), /spec\.mirror\.hops/],
    [named({ lists: [{ list: "a", form: "project" }] }), /the form project needs a registry/],
    [named({ lists: [{ list: "a", registry: "b.example" }] }), /the form reference has none/],
    [named({ name: "x".repeat(64) }), /Too long|spec\.name/],
  ] as const) {
    assert.match(await refusalOf(object), reason);
  }
});

test("a description is taken whole, and left as it is written", async () => {
  const spec = {
    profiles: { hello: [{}, { replicas: 3, nested: { any: ["thing", 1, true] } }] },
    rules: { exclude: [{ image: "docker.io/*", reason: "not ours" }] },
    lists: [{ list: "team/images.list", form: "project", registry: "registry.example.com" }],
    sets: [{ path: "extra", form: "per-image", images: [{ image: "a:1", path: "a.tar" }] }],
    files: [{ path: "README.md", from: "docs/README.md" }],
    package: { exact: true },
    mirror: { hops },
    split: "4GiB",
  };
  const object = await make(spec);
  assert.deepEqual(object["spec"], { ...description, ...(object["spec"] as object), ...spec });
  assert.deepEqual(Object.keys(object["spec"] as object).sort(), Object.keys({ ...description, ...spec }).sort());
});

test("the example in docs/releases.md is taken", async () => {
  const page = await readFile(join(import.meta.dirname, "../../docs/releases.md"), "utf8");
  const own = await newNamespace(cluster, "example");
  await cluster.kubectl(
    ["create", "--dry-run=server", `--namespace=${own}`, "--filename=-"],
    /```yaml\n(.*?)```/s.exec(page)![1],
  );
});

test("name and version never change, the rest does, and counts as a generation", async () => {
  const { metadata, ...object } = await make();
  const changed = (spec: object) => releaseOfSpec({ ...(object["spec"] as object), ...spec }, metadata.name);
  assert.match(await refusalOf(changed({ version: "9" })), /version never changes/);
  assert.match(await refusalOf(changed({ name: "other" })), /name never changes/);
  await applied(changed({ attempt: 2 }));
  assert.equal((await read(metadata.name)).metadata.generation, 2);
});

test("kubectl get releases tells the story", async () => {
  const object = await make({ mirror: { hops } });
  const { name } = object.metadata;
  const row = async (...wide: string[]): Promise<readonly string[]> => {
    const [header = "", line = ""] = (await kubectl("get", "releases", name, ...wide)).split("\n");
    assert.match(header, /^NAME +VERSION +PHASE +IMAGES +BUNDLE +AGE/);
    return line.split(/ {2,}/);
  };
  await report(object, "dev.stowage.images.requested.v1");
  assert.deepEqual((await row()).slice(0, 3), [name, "1.2.0", "Listing"]);
  await report(object, "dev.stowage.images.listed.v1");
  assert.deepEqual((await row()).slice(1, 4), ["1.2.0", "Building", "7"]);
  await report(object, "dev.stowage.mirror.incomplete.v1");
  const failed = await row("--output=wide");
  assert.deepEqual(
    [failed[2], failed[5], failed[6]],
    ["Failed", "mirror.example.com", "To mirror.example.com: 1 is missing"],
  );
  await report(object, "dev.stowage.images.mirrored.v1");
  await report(object, "dev.stowage.bundle.built.v1");
  assert.deepEqual((await row()).slice(2, 5), ["Ready", "7", "releases/harbour/1.0.0/harbour-1.0.0.tar.gz"]);
  await kubectl("wait", `release/${name}`, "--for=condition=Ready", "--timeout=10s");
  assert.match(await kubectl("get", "stowage"), new RegExp(name));
});

test("a status that somebody else wrote is ours again, and a change of it no generation", async () => {
  const object = await make();
  const { name } = object.metadata;
  await report(object, "dev.stowage.images.requested.v1");
  const patch = JSON.stringify({ status: { phase: "Ready", observedGeneration: 1, conditions: [] } });
  await kubectl("patch", "release", name, "--subresource=status", "--type=merge", `--patch=${patch}`);
  assert.equal((await report(object, "dev.stowage.images.listed.v1")).status, 204);
  const { metadata, ...now } = await read(name);
  assert.equal(metadata.generation, 1);
  const { phase, conditions } = now["status"] as ReleaseStatus;
  assert.deepEqual([phase, conditions.map(({ type }) => type)], ["Building", ["ImagesListed", "Ready"]]);
});

test("many who report at once lose nothing", async () => {
  const object = await make({ mirror: { hops } });
  const types = [
    "dev.stowage.images.listed.v1",
    "dev.stowage.bundle.built.v1",
    "dev.stowage.images.mirrored.v1",
  ] as const;
  const outcomes = await Promise.all(types.map((type) => report(object, type)));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [204, 204, 204],
  );
  assert.equal((await statusOf(object.metadata.name))?.phase, "Ready");
});

/** Something happens between reading and writing. */
const meanwhile = (kube: Kube, happen: () => Promise<unknown>): Kube => ({
  ...kube,
  async get(...args) {
    const object = await kube.get(...args);
    await happen();
    return object;
  },
});

test("a Release that is deleted before its status is written stays deleted", async () => {
  const object = await make();
  const { name } = object.metadata;
  const late = meanwhile(reported, () => kubectl("delete", "release", name, "--ignore-not-found"));
  assert.equal((await report(object, "dev.stowage.images.listed.v1", {}, late)).status, 204);
  assert.equal((await report(object, "dev.stowage.images.listed.v1")).status, 204);
  await assert.rejects(read(name), { code: "KUBE_NOT_FOUND" });
});

test("one that is made again under its name gets nothing of the old one", async () => {
  const object = await make();
  const { name } = object.metadata;
  let once: Promise<unknown> | undefined;
  const late = meanwhile(reported, () => {
    once ??= kubectl("delete", "release", name).then(() => applied(releaseOfSpec(object["spec"] as object, name)));
    return once;
  });
  assert.equal((await report(object, "dev.stowage.images.listed.v1", {}, late)).status, 204);
  assert.notEqual((await read(name)).metadata.uid, object.metadata.uid);
  assert.equal(await statusOf(name), undefined);
});

test("what was learnt of an older spec is dropped", async () => {
  const object = await make();
  const { name } = object.metadata;
  await applied(releaseOfSpec({ ...(object["spec"] as object), attempt: 2 }, name));
  await report(object, "dev.stowage.images.listed.v1");
  assert.equal(await statusOf(name), undefined);
  await report(await read(name), "dev.stowage.images.listed.v1");
  assert.equal((await statusOf(name))?.observedGeneration, 2);
});

test("the longest status there can be is taken", async () => {
  const object = await make({ mirror: { hops } });
  const key = "k".repeat(1024);
  await report(object, "dev.stowage.images.listed.v1", { key, list: key, lock: key });
  await report(object, "dev.stowage.bundle.failed.v1", { code: "a b", reason: "x".repeat(4000) });
  assert.equal((await report(object, "dev.stowage.mirror.incomplete.v1", { report: key })).status, 204);
  assert.equal((await statusOf(object.metadata.name))?.phase, "Failed");
});

test("follow-release asks for what the API server has, by hint and by schedule", async () => {
  const object = await make();
  const { name } = object.metadata;
  const asked: Event[] = [];
  const publish = (events: readonly Event[]): void => void asked.push(...events);
  const data = { ...object, metadata: { name, namespace } };
  const hint = originate("dev.knative.apiserver.resource.add", "1", { source: "/api", subject: name, data });
  assert.equal((await run(followRelease, followed, hint as Event, publish)).status, 204);
  const tick = originate("dev.knative.sources.ping", "2", {
    source: "/ping",
    subject: "s",
    data: { task: "follow-release" },
  });
  assert.equal((await run(followRelease, followed, tick as Event, publish)).status, 204);
  const ofThis = asked.filter(({ extensions }) => extensions["resource"]?.includes(`/${name}/`));
  assert.deepEqual(
    ofThis.map(({ type }) => type),
    ["dev.stowage.images.requested.v1", "dev.stowage.images.requested.v1"],
  );
  assert.equal(ofThis[0]?.id, ofThis[1]?.id);
  await kubectl("delete", "release", name);
  assert.equal((await run(followRelease, followed, hint as Event, () => assert.fail("asked"))).status, 204);
});
