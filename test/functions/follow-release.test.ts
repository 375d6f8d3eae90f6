import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import followRelease from "../../functions/follow-release.ts";
import { type Event, type EventData, follow } from "../../lib/events/index.ts";
import { extensionOf, readReleaseObject } from "../../lib/release/object.ts";
import { NAMESPACE, refuse, startKubeApi } from "../fakes/kube-api.ts";
import { description, hops, releaseOfSpec, said } from "../fixtures/release.ts";
import { Harness } from "./harness.ts";

const api = await startKubeApi();
process.env["KUBECONFIG"] = api.kubeconfig;
after(() => api[Symbol.asyncDispose]());

const ADDED = "dev.knative.apiserver.resource.add";
const UPDATED = "dev.knative.apiserver.resource.update";
const LISTED = "dev.stowage.images.listed.v1";
let harness: Harness;
let count = 0;
beforeEach(() => {
  harness = new Harness();
});

/** A Release that no other test has. */
function put(spec: object = {}) {
  const version = `1.0.${count++}`;
  return api.put("releases", releaseOfSpec({ ...description, version, ...spec }, `harbour-${version}`));
}
const hint = (object: { metadata: object; status?: object }): EventData<typeof ADDED> =>
  ({ apiVersion: "stowage.dev/v1alpha1", kind: "Release", ...object }) as never;
const asked = (): readonly string[] => harness.published.map(({ type }) => type);

/** What list-images says once a Release at a generation is listed. */
const listedFor = (object: ReturnType<typeof put>): Event =>
  follow({ source: "/test", id: `${count++}`, extensions: extensionOf(readReleaseObject(object)) }, LISTED, {
    source: "/stowage/list-images",
    subject: "harbour",
    data: said[LISTED],
  }) as Event;

test("a new Release leads to the request for its images, and a redelivery to the same one", async () => {
  const object = put();
  for (let i = 0; i < 2; i++) assert.equal((await harness.run(followRelease, ADDED, hint(object))).status, 204);
  assert.deepEqual(asked(), ["dev.stowage.images.requested.v1", "dev.stowage.images.requested.v1"]);
  const [first, second] = harness.published;
  assert.equal(first?.id, second?.id);
  const { uid, name } = object.metadata;
  assert.equal(first?.extensions["resource"], `releases.stowage.dev/${NAMESPACE}/${name}/${uid}/1`);
});

test("a late event of an older spec leads to what the present one asks for", async () => {
  const before = put();
  api.put("releases", { ...releaseOfSpec({ ...description, images: ["a:2"] }, before.metadata.name) });
  await harness.run(followRelease, UPDATED, hint(before));
  const [request] = harness.published as [Event<"dev.stowage.images.requested.v1">];
  assert.deepEqual(request.data.release["images"], ["a:2"]);
  assert.match(request.extensions["resource"] ?? "", /\/2$/);
});

test("a change of nothing but the status is no reason to ask, not even the API server", async () => {
  const object = put();
  const before = api.requests.length;
  await harness.run(followRelease, UPDATED, hint({ ...object, status: { observedGeneration: 1 } }));
  assert.deepEqual([asked(), api.requests.length], [[], before]);
});

test("what is under way already is not asked for again by a late event", async () => {
  const object = put();
  const path = [...api.objects].find(([, one]) => one === object)![0];
  (api.objects as Map<string, unknown>).set(path, {
    ...object,
    status: { observedGeneration: 1, phase: "Listing", conditions: [] },
  });
  await harness.run(followRelease, ADDED, hint(object));
  assert.deepEqual(asked(), []);
});

test("a Release that is gone, or going, leads to nothing", async () => {
  const gone = put();
  api.remove("releases", gone.metadata.name);
  assert.equal((await harness.run(followRelease, ADDED, hint(gone))).status, 204);
  const going = put();
  api.put("releases", {
    ...going,
    metadata: { ...going.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
  } as never);
  assert.equal((await harness.run(followRelease, ADDED, hint(going))).status, 204);
  assert.equal((await harness.deliver(followRelease, listedFor(gone))).status, 204);
  assert.deepEqual(asked(), []);
  api.remove("releases", going.metadata.name);
});

test("once the images are listed, bundle and mirror are asked for", async () => {
  const object = put({ mirror: { hops } });
  await harness.deliver(followRelease, listedFor(object));
  assert.deepEqual(asked(), ["dev.stowage.bundle.requested.v1", "dev.stowage.mirror.requested.v1"]);
});

test("a list of an older spec, of another object, or of no Release asks for nothing", async () => {
  const object = put();
  const late = listedFor(object);
  api.put("releases", { ...releaseOfSpec({ ...description, images: ["a:2"] }, object.metadata.name) });
  await harness.deliver(followRelease, late);
  const other = put();
  await harness.deliver(followRelease, listedFor({ ...other, metadata: { ...other.metadata, uid: "another" } }));
  await harness.run(followRelease, LISTED, said[LISTED]);
  assert.deepEqual(asked(), []);
});

test("a spec that is no description is refused for all to see, and the event is done", async () => {
  const { status } = await harness.run(followRelease, ADDED, hint(put({ split: "3 bytes" })));
  assert.deepEqual([status, asked()], [204, ["dev.stowage.release.refused.v1"]]);
});

test("on schedule, everything unfinished is asked for", async () => {
  for (const { metadata } of api.objects.values()) api.remove("releases", metadata.name);
  const objects = [put(), put(), put()];
  await harness.run(followRelease, "dev.knative.sources.ping", { task: "follow-release" });
  assert.deepEqual(
    harness.published.map(({ extensions }) => extensions["resource"]?.split("/")[2]),
    objects.map(({ metadata }) => metadata.name),
  );
});

test("an API server that cannot answer now is asked again by whoever delivers again", async () => {
  const object = put();
  for (const [code, reason, status] of [
    [503, "ServiceUnavailable", 503],
    [410, "Expired", 503],
    [403, "Forbidden", 422],
  ] as const) {
    api.before("GET", (response) => refuse(response, code, reason));
    assert.equal((await harness.run(followRelease, ADDED, hint(object))).status, status, reason);
  }
  assert.deepEqual(asked(), []);
});
