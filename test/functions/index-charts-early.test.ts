import assert from "node:assert/strict";
import { after, test } from "node:test";
import indexCharts from "../../functions/index-charts.ts";
import { type Event, originate } from "../../lib/events/index.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { readIndex } from "../helm/index/read-index.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { Harness } from "./harness.ts";

const HOST = "registry.example.com";
const registry = await startEmbeddedRegistry();
after(() => registry[Symbol.asyncDispose]());

const open = () => new Harness({ index: { registries: [HOST] } }, { [HOST]: `http://${registry.host}` });
const lantern = (text: string) => chartArtifact({ name: "lantern", version: "1.0.0" }, { archive: Buffer.from(text) });

/** What a registry tells of a push, `ago` milliseconds after it. */
function pushOf(repository: string, { descriptor }: ReturnType<typeof lantern>, ago = 0): Event {
  const time = new Date(Date.now() - ago).toISOString();
  const data = {
    registry: HOST,
    repository,
    tag: "1.0.0",
    digest: descriptor.digest,
    artifactKind: "unknown" as const,
  };
  return originate("dev.stowage.artifact.pushed.v1", "push", { source: "/test", subject: "test", time, data }) as Event;
}

test("a push told before the registry has written the tag is delivered again, and is in the index then", async () => {
  const harness = open();
  const event = pushOf("early/lantern", lantern("one"));
  const { status, failure } = await harness.deliver(indexCharts, event);
  assert.deepEqual([status, failure!.code], [503, "REGISTRY_UNAVAILABLE"]);
  assert.match(failure!.message, /early\/lantern:1\.0\.0 names nothing/);
  await registry.push("early/lantern", "1.0.0", lantern("one"));
  const { reply } = await harness.deliver(indexCharts, event);
  assert.equal((reply as Event<"dev.stowage.index.updated.v1">).data.added[0]?.name, "lantern");
});

test("so is a push told before the registry has moved the tag; what it shows until then is in the index", async () => {
  const harness = open();
  await registry.push("moved/lantern", "1.0.0", lantern("one"));
  const event = pushOf("moved/lantern", lantern("two"));
  assert.equal((await harness.deliver(indexCharts, event)).status, 503);
  const digest = async () => (await readIndex(await harness.store())).entries["lantern"]?.[0]?.["digest"];
  const before = await digest();
  await registry.push("moved/lantern", "1.0.0", lantern("two"));
  assert.equal((await harness.deliver(indexCharts, event)).status, 200);
  assert.ok(before !== undefined && before !== (await digest()));
});

test("a push of long ago that the registry does not show was followed by another, or by a deletion", async () => {
  const harness = open();
  assert.equal((await harness.deliver(indexCharts, pushOf("gone/lantern", lantern("one"), 120_000))).status, 204);
  // nor does a clock that is far ahead keep it coming back
  assert.equal((await harness.deliver(indexCharts, pushOf("gone/lantern", lantern("one"), -120_000))).status, 204);
});
