import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import reportRelease from "../../functions/report-release.ts";
import { type Event, type EventType, follow } from "../../lib/events/index.ts";
import { extensionOf, type ReleaseReference, readReleaseObject } from "../../lib/release/object.ts";
import type { outcomeTypes } from "../../lib/release/outcome.ts";
import type { ReleaseStatus } from "../../lib/release/status-schema.ts";
import { refuse, startKubeApi } from "../fakes/kube-api.ts";
import { description, hops, releaseOfSpec, said } from "../fixtures/release.ts";
import { Harness } from "./harness.ts";

const api = await startKubeApi();
process.env["KUBECONFIG"] = api.kubeconfig;
after(() => api[Symbol.asyncDispose]());

const NAME = "harbour-1.0.0";
const harness = new Harness();
const spec = { ...description, mirror: { hops } };
let release: ReleaseReference;
beforeEach(() => {
  api.remove("releases", NAME);
  release = readReleaseObject(api.put("releases", releaseOfSpec(spec)));
});

let count = 0;
function told(type: (typeof outcomeTypes)[number], reference = release): Event {
  const cause = { source: "/test", id: `${count++}`, extensions: extensionOf(reference) };
  return follow(cause, type as EventType, { source: "/test", subject: "s", data: said[type] as never }) as Event;
}
const report = (...args: Parameters<typeof told>) => harness.deliver(reportRelease, told(...args));
const status = (): ReleaseStatus | undefined =>
  [...api.objects.values()].find(({ metadata }) => metadata.name === NAME)?.["status"] as ReleaseStatus | undefined;
const writes = (): number => api.requests.filter((request) => request.startsWith("PATCH")).length;

test("an outcome becomes a condition, written to the status alone", async () => {
  assert.equal((await report("dev.stowage.images.requested.v1")).status, 204);
  assert.equal(status()?.phase, "Listing");
  assert.match(
    api.requests.at(-1) ?? "",
    /^PATCH \/apis\/stowage\.dev\/v1alpha1\/namespaces\/apps\/releases\/harbour-1\.0\.0\/status\?/,
  );
  await report("dev.stowage.images.listed.v1");
  assert.deepEqual([status()?.phase, status()?.images?.count], ["Building", 7]);
});

test("a redelivery writes nothing", async () => {
  await report("dev.stowage.images.listed.v1");
  const before = writes();
  await report("dev.stowage.images.listed.v1");
  await report("dev.stowage.images.requested.v1");
  assert.equal(writes(), before);
});

test("what is about an older spec, another object or no Release is dropped", async () => {
  api.put("releases", releaseOfSpec({ ...spec, attempt: 2 }));
  const before = api.requests.length;
  for (const reference of [release, { ...release, generation: 2, uid: "another" }]) {
    assert.equal((await report("dev.stowage.images.listed.v1", reference)).status, 204);
  }
  await harness.run(reportRelease, "dev.stowage.images.listed.v1", said["dev.stowage.images.listed.v1"]);
  assert.equal(status(), undefined);
  // the event that belongs to none costs no request
  assert.equal(api.requests.length, before + 2);
});

test("a Release that is gone stays gone, be it deleted before it is read or before it is written", async () => {
  api.before("PATCH", () => api.remove("releases", NAME));
  assert.equal((await report("dev.stowage.images.listed.v1")).status, 204);
  assert.equal((await report("dev.stowage.images.listed.v1")).status, 204);
  assert.equal(status(), undefined);
});

test("a Release that was deleted and made again meanwhile gets nothing of the old one", async () => {
  api.before("PATCH", () => {
    api.remove("releases", NAME);
    api.put("releases", releaseOfSpec(spec));
  });
  assert.equal((await report("dev.stowage.images.listed.v1")).status, 204);
  assert.equal(status(), undefined);
});

test("who writes at the same time loses nothing: the status is worked out again", async () => {
  const types = ["dev.stowage.images.listed.v1", "dev.stowage.bundle.built.v1"] as const;
  const [first, second] = await Promise.all(types.map((type) => report(type)));
  assert.deepEqual([first?.status, second?.status], [204, 204]);
  assert.deepEqual(
    status()?.conditions.map(({ type, status }) => `${type}=${status}`),
    ["ImagesListed=True", "BundleBuilt=True", "Ready=Unknown"],
  );
});

test("conflicts without end are left to the broker, which waits", async () => {
  const before = writes();
  for (let i = 0; i < 5; i++) api.before("PATCH", (response) => refuse(response, 409, "Conflict"));
  const { status, failure } = await report("dev.stowage.images.listed.v1");
  assert.deepEqual([status, failure?.code, writes() - before], [503, "KUBE_CONFLICT", 5]);
  assert.equal((await report("dev.stowage.images.listed.v1")).status, 204);
});

test("an account without the right to write is told so, and not tried again", async () => {
  api.before("PATCH", (response) => refuse(response, 403, "Forbidden"));
  const { status, failure } = await report("dev.stowage.images.listed.v1");
  assert.deepEqual([status, failure?.code], [422, "KUBE_DENIED"]);
});
