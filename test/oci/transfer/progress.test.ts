import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { createTransfer, type Progress } from "../../../lib/oci/transfer.ts";
import { images, openSource, withFake } from "./sources.ts";

suite("the progress of a transfer", () => {
  test("is told blob by blob, and sums up to the result", async () => {
    const { source } = await openSource();
    const told: Progress[] = [];
    const transfer = createTransfer({ onProgress: (progress) => told.push(progress) });
    const target = openMemory("target:");
    const result = await transfer.copy(source, "v0", target);
    const [config, first, second] = [images[0]!.config, ...images[0]!.layers].map(({ descriptor }) => descriptor);
    assert.ok(
      told.every(({ copy }) => copy.source === "source:" && copy.reference === "v0" && copy.target === "target:"),
    );
    assert.deepEqual(
      told.filter(({ step }) => step === "planned").map((one) => "blobs" in one && [one.blobs, one.bytes]),
      [[3, config!.size + first!.size + second!.size]],
    );
    const moved = new Map<Descriptor["digest"], number>();
    for (const one of told) if (one.step === "moving") moved.set(one.descriptor.digest, one.bytes);
    assert.deepEqual(
      [config, first, second].map((blob) => moved.get(blob!.digest)),
      [config, first, second].map((blob) => blob!.size),
    );
    assert.equal(told.filter(({ step }) => step === "arrived").length, 3);
    const last = told.at(-1);
    assert.ok(last?.step === "done");
    assert.deepEqual(last.result, result);
  });

  test("ends with a copy that has failed", async () => {
    await withFake(async (fake, repository) => {
      const { source } = await openSource();
      fake.misbehave("PUT /v2/team/app/manifests", (_, response) => response.writeHead(400).end());
      const told: Progress["step"][] = [];
      const transfer = createTransfer({ onProgress: ({ step }) => told.push(step) });
      await assert.rejects(transfer.copy(source, "v0", repository("team/app")), { code: "REGISTRY_REFUSED" });
      assert.equal(told.filter((step) => step === "arrived").length, 3);
      assert.deepEqual([told.at(-1), told.includes("done")], ["failed", false]);
    });
  });

  test("begins again for a blob whose transfer breaks", async () => {
    await withFake(async (fake, repository) => {
      const { source } = await openSource();
      fake.misbehave("PUT /v2/team/app/blobs", (_, response) => response.writeHead(502).end());
      const first: number[] = [];
      const transfer = createTransfer({
        onProgress: (one) => {
          if (one.step === "moving" && one.bytes === one.descriptor.size) first.push(one.bytes);
        },
      });
      await transfer.copy(source, "v0", repository("team/app"));
      assert.ok(first.length >= 3 && first.length <= 4);
    });
  });
});
