import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ReleaseStatus } from "../../lib/release/status-schema.ts";
import { startKubeApi } from "../fakes/kube-api.ts";
import { releaseOfSpec } from "../fixtures/release.ts";
import { HOST, MIRROR, startReleasePipeline } from "./release-pipeline.ts";

const api = await startKubeApi();
const pipeline = await startReleasePipeline(api.kubeconfig);
const { registry, mirror } = pipeline;
after(async () => {
  await pipeline[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** Make or change a Release and let everything happen that follows. */
async function run(version: string, spec: object): Promise<ReleaseStatus> {
  const name = `harbour-${version}`;
  await pipeline.tell("update", api.put("releases", releaseOfSpec({ name: "harbour", version, ...spec }, name)));
  const kept = [...api.objects.values()].find(({ metadata }) => metadata.name === name);
  return kept?.["status"] as ReleaseStatus;
}
const images = [`${HOST}/demo/hello:1`];
const reasons = ({ phase, conditions }: ReleaseStatus) => [
  phase,
  ...conditions.map(({ type, reason }) => `${type}=${reason}`),
];

test("a Release is listed, built and mirrored, and its status says where everything lies", async () => {
  const status = await run("1.0.0", { images, mirror: { hops: [{ to: MIRROR }] } });
  assert.deepEqual(reasons(status), [
    "Ready",
    "ImagesListed=Listed",
    "BundleBuilt=Built",
    "Mirrored=Mirrored",
    "Ready=Complete",
  ]);
  assert.deepEqual([status.images?.count, status.images?.list], [1, "releases/harbour/1.0.0/images.list"]);
  assert.match(status.images?.lockDigest ?? "", /^sha256:[0-9a-f]{64}$/);
  assert.equal(status.bundle?.key, "releases/harbour/1.0.0/harbour-1.0.0.tar.gz");
  assert.equal(status.mirror?.to, MIRROR);
  const mirrored = await mirror.registries.repository(mirror.host, "demo/hello").resolve("1");
  assert.equal(
    mirrored.digest,
    (await registry.registries.repository(registry.host, "demo/hello").resolve("1")).digest,
  );
});

test("over several hops, the status tells of the last one", async () => {
  const hops = [{ to: MIRROR }, { from: MIRROR, to: HOST }];
  const status = await run("1.0.1", { images, bundle: false, mirror: { hops } });
  assert.deepEqual([status.phase, status.mirror?.to], ["Ready", HOST]);
});

test("an image that is missing ends it, and putting the spec right begins anew", async () => {
  const failed = await run("1.0.2", { images: [`${HOST}/demo/none:1`] });
  assert.deepEqual(reasons(failed), ["Failed", "ImagesListed=Incomplete", "Ready=Incomplete"]);
  assert.equal(failed.images?.list, undefined);
  const right = await run("1.0.2", { images });
  assert.deepEqual([right.phase, right.observedGeneration], ["Ready", 2]);
});

test("a spec that is no description says so in the status", async () => {
  const status = await run("1.0.3", { images, split: "3 bytes" });
  assert.deepEqual(reasons(status), ["Failed", "ImagesListed=RELEASE_INVALID", "Ready=RELEASE_INVALID"]);
  assert.match(status.conditions[0]?.message ?? "", /split: must be a size/);
});

test("what ends as a dead letter is told too", async () => {
  const status = await run("1.0.4", { images, to: "ftp://nowhere/at/all" });
  assert.deepEqual(reasons(status), [
    "Failed",
    "ImagesListed=Listed",
    "BundleBuilt=STORE_URL_INVALID",
    "Ready=STORE_URL_INVALID",
  ]);
  assert.match(status.conditions[1]?.message ?? "", /ftp/);
});
