import assert from "node:assert/strict";
import { after, test } from "node:test";
import { releases } from "../../lib/release/object.ts";
import type { ReleaseStatus } from "../../lib/release/status-schema.ts";
import { releaseOfSpec } from "../fixtures/release.ts";
import { HOST, startReleasePipeline } from "../functions/release-pipeline.ts";
import { newNamespace, openCluster } from "./cluster.ts";

const cluster = await openCluster();
const namespace = await newNamespace(cluster, "pipeline");
const pipeline = await startReleasePipeline(cluster.kubeconfig);
after(() => pipeline[Symbol.asyncDispose]());

const NAME = "harbour-1.0.0";
const read = () => cluster.kube.get(releases, NAME, { namespace });
const statusOf = async (): Promise<ReleaseStatus> => (await read())["status"] as ReleaseStatus;
const apply = (image: string): Promise<string> => {
  const object = releaseOfSpec({ name: "harbour", version: "1.0.0", images: [image] }, NAME);
  const args = ["apply", "--server-side", `--namespace=${namespace}`, "--filename=-"];
  return cluster.kubectl(args, JSON.stringify(object));
};

test("a Release that somebody applies comes true once it is right, and deleting it leads to nothing", async () => {
  await apply(`${HOST}/demo/none:1`);
  await pipeline.tell("add", await read());
  const failed = await statusOf();
  assert.deepEqual([failed.phase, failed.conditions.at(-1)?.reason], ["Failed", "Incomplete"]);

  await apply(`${HOST}/demo/hello:1`);
  await pipeline.tell("update", await read());
  const { phase, observedGeneration, images, bundle } = await statusOf();
  assert.deepEqual([phase, observedGeneration, images?.count], ["Ready", 2, 1]);
  assert.equal(bundle?.key, "releases/harbour/1.0.0/harbour-1.0.0.tar.gz");

  const object = await read();
  await cluster.kubectl(["delete", "release", NAME, `--namespace=${namespace}`]);
  await pipeline.tell("update", object);
  await pipeline.tell("delete", object);
  await assert.rejects(read(), { code: "KUBE_NOT_FOUND" });
});
