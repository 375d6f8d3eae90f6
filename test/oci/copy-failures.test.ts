import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import type { Bytes, Source, Target } from "../../lib/oci/content.ts";
import { copy } from "../../lib/oci/copy.ts";
import { type Descriptor, isManifest } from "../../lib/oci/descriptor.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { imageFixture, layerPiece, read } from "../contracts/image-fixture.ts";
import { memoryWith, noting } from "./release-fixture.ts";
import { temporaryLayout } from "./temporary.ts";

suite("copy when something breaks", () => {
  const broken = new TransientError("REGISTRY_UNAVAILABLE", "Cannot read on: the connection was reset");
  const layers = Array.from({ length: 8 }, (_, number) => layerPiece(`${number}`, 100_000));
  const image = imageFixture("breaking", { layers });
  const victim = layers[3]!.descriptor.digest;

  /** A source that breaks in the middle of one blob, and counts the transfers that have not ended. */
  async function breakingSource(): Promise<{ source: Source; transfers: () => number }> {
    const memory = await memoryWith(image.pieces, { v1: image.manifest });
    let transfers = 0;
    async function* transfer({ digest }: Descriptor, bytes: Bytes): Bytes {
      transfers += 1;
      try {
        for await (const chunk of bytes) {
          if (digest !== victim) yield chunk;
          else {
            yield chunk.subarray(0, 10);
            throw broken;
          }
        }
      } finally {
        transfers -= 1;
      }
    }
    const source: Source = {
      ...noting(memory).target,
      open: async (descriptor, options) => transfer(descriptor, await memory.open(descriptor, options)),
    };
    return { source, transfers: () => transfers };
  }

  test("a source that breaks inside a blob: its error comes through, and nothing looks complete", async (t) => {
    for (const target of [openMemory(), await temporaryLayout(t)]) {
      const { source, transfers } = await breakingSource();
      await assert.rejects(copy(source, "v1", target), broken);
      assert.equal(transfers(), 0);
      assert.equal(await target.has(image.manifest.descriptor), false);
      assert.equal(await target.has(layers[3]!.descriptor), false);
      assert.deepEqual(await Array.fromAsync(target.tags()), []);

      const whole = await memoryWith(image.pieces, { v1: image.manifest });
      const { blobs } = await copy(whole, "v1", target);
      assert.ok(blobs.moved >= 1);
      assert.equal(blobs.moved + blobs.present, 9);
      for (const { descriptor, bytes } of image.pieces) assert.deepEqual(await read(target, descriptor), bytes);
    }
  });

  test("a target that breaks: its error comes through, and nothing new is begun", async () => {
    const memory = openMemory();
    let begun = 0;
    const target: Target = {
      ...noting(memory).target,
      async put() {
        begun += 1;
        throw broken;
      },
    };
    const source = await memoryWith(image.pieces, { v1: image.manifest });
    await assert.rejects(copy(source, "v1", target, { concurrency: 2 }), broken);
    assert.equal(begun, 2);
    assert.deepEqual(await Array.fromAsync(memory.tags()), []);
  });

  test("a target that takes no manifest gets no tag", async () => {
    const memory = openMemory();
    const refused = new RejectedError("REGISTRY_REFUSED", "Cannot write: the registry does not want it");
    const target: Target = {
      ...noting(memory).target,
      put: async (descriptor, ...more) => {
        if (isManifest(descriptor.mediaType)) throw refused;
        return memory.put(descriptor, ...more);
      },
    };
    await assert.rejects(copy(await memoryWith(image.pieces, { v1: image.manifest }), "v1", target), refused);
    assert.deepEqual(await Array.fromAsync(memory.tags()), []);
  });

  test("an abort on the way ends it without manifest or tag", async () => {
    const abort = new AbortController();
    const target = openMemory();
    const source = await memoryWith(image.pieces, { v1: image.manifest });
    const stopped = new Error("the host shuts down");
    const onBlob = () => abort.abort(stopped);
    await assert.rejects(copy(source, "v1", target, { onBlob, concurrency: 1, signal: abort.signal }), stopped);
    assert.equal(await target.has(image.manifest.descriptor), false);
    assert.deepEqual(await Array.fromAsync(target.tags()), []);
  });

  test("a manifest that lies about the size of a layer is refused", async () => {
    for (const by of [-1, 1]) {
      const layer = layerPiece("honest");
      const lied = { ...layer, descriptor: { ...layer.descriptor, size: layer.descriptor.size + by } };
      const { config, manifest } = imageFixture("lying", { layers: [lied] });
      const source = await memoryWith([layer, config, manifest], { v1: manifest });
      const target = openMemory();
      await assert.rejects(copy(source, "v1", target), { code: "CONTENT_MISMATCH" });
      assert.equal(await target.has(manifest.descriptor), false);
    }
  });

  test("a reference that nobody knows is refused before anything is written", async () => {
    const { target, written } = noting(openMemory());
    await assert.rejects(copy(openMemory(), "v1", target), { code: "CONTENT_UNKNOWN" });
    assert.deepEqual(written, []);
  });

  test("an image whose layer is missing at the source is refused", async () => {
    const source = await memoryWith([image.config, image.manifest], { v1: image.manifest });
    await assert.rejects(copy(source, "v1", openMemory()), { code: "CONTENT_UNKNOWN" });
  });
});
