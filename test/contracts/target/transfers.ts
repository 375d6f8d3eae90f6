import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { RejectedError } from "../../../lib/errors.ts";
import type { Bytes } from "../../../lib/oci/content.ts";
import { mediaTypes } from "../../../lib/oci/descriptor.ts";
import { imageFixture, inChunks, layerPiece, noise, putAll, read } from "../image-fixture.ts";
import { causes, type Promised, tagsOf } from "./support.ts";

export function transfers(promise: Promised): void {
  promise("does not open the bytes of what is there", async (target) => {
    const { pieces } = imageFixture("a");
    await putAll(target, pieces);
    for (const { descriptor } of pieces) {
      const outcome = await target.put(descriptor, async () => assert.fail("opened"));
      assert.equal(outcome, "present");
    }
  });

  promise("takes one blob from many at once", async (target) => {
    const { descriptor, bytes } = layerPiece("contended", 300_000);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => target.put(descriptor, async () => inChunks(bytes))),
    );
    assert.ok(outcomes.includes("written"));
    assert.deepEqual(await read(target, descriptor), bytes);
  });

  promise("takes and gives many blobs at once", async (target) => {
    const blobs = Array.from({ length: 20 }, (_, number) => layerPiece(`many/${number}`, 10_000));
    await Promise.all(blobs.map(({ descriptor, bytes }) => target.put(descriptor, async () => inChunks(bytes, 3000))));
    const given = await Promise.all([...blobs, ...blobs].map(({ descriptor }) => read(target, descriptor)));
    assert.deepEqual(
      given,
      [...blobs, ...blobs].map(({ bytes }) => bytes),
    );
  });

  promise("tags many images at once and loses none", async (target) => {
    const image = imageFixture("a");
    await putAll(target, image.pieces);
    const tags = Array.from({ length: 12 }, (_, number) => `v${number + 10}`);
    await Promise.all(tags.map((tag) => target.tag(tag, image.manifest.descriptor)));
    assert.deepEqual(await tagsOf(target), tags);
  });

  promise("streams a large blob", async (target) => {
    const block = noise("large", 64 * 1024);
    const blocks = 128;
    async function* generated(): Bytes {
      for (let number = 0; number < blocks; number++) yield Buffer.from(block).fill(number, 0, 8);
    }
    const hash = createHash("sha256");
    for await (const chunk of generated()) hash.update(chunk);
    const digest = `sha256:${hash.digest("hex")}` as const;
    const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest, size: blocks * block.byteLength };
    assert.equal(await target.put(descriptor, async () => generated()), "written");
    const back = createHash("sha256");
    for await (const chunk of await target.open(descriptor)) back.update(chunk);
    assert.equal(`sha256:${back.digest("hex")}`, digest);
  });

  promise("lets a reader stop early", async (target) => {
    const { descriptor, bytes } = layerPiece("early", 1_000_000);
    await putAll(target, [{ descriptor, bytes }]);
    for await (const chunk of await target.open(descriptor)) {
      assert.ok(chunk.byteLength > 0);
      break;
    }
    assert.deepEqual(await read(target, descriptor), bytes);
  });

  promise("passes on why a source broke, shows nothing of it and takes the blob afterwards", async (target) => {
    const { descriptor, bytes } = layerPiece("broken", 200_000);
    const broken = new RejectedError("REGISTRY_DENIED", "Cannot read on: the source denies it");
    async function* breaking(): Bytes {
      yield bytes.subarray(0, 100_000);
      throw broken;
    }
    await assert.rejects(
      target.put(descriptor, async () => breaking()),
      (error) => causes(error).includes(broken),
    );
    await assert.rejects(
      target.put(descriptor, () => Promise.reject(broken)),
      (error) => causes(error).includes(broken),
    );
    assert.equal(await target.has(descriptor), false);
    assert.equal(await target.put(descriptor, async () => inChunks(bytes)), "written");
  });

  promise("does nothing for a signal that was aborted before", async (target) => {
    const image = imageFixture("a");
    const fresh = layerPiece("fresh");
    await putAll(target, image.pieces);
    await target.tag("v1", image.manifest.descriptor);
    const signal = AbortSignal.abort();
    const { descriptor } = image.manifest;
    await assert.rejects(target.resolve("v1", signal));
    await assert.rejects(target.has(descriptor, signal));
    await assert.rejects(read(target, image.config.descriptor, { signal }));
    await assert.rejects(target.put(fresh.descriptor, async () => inChunks(fresh.bytes), { signal }));
    await assert.rejects(target.tag("v2", descriptor, signal));
    await assert.rejects(target.remove("v1", signal));
    await assert.rejects(Array.fromAsync(target.tags(signal)));
    assert.equal(await target.has(fresh.descriptor), false);
    assert.deepEqual(await tagsOf(target), ["v1"]);
  });

  promise(
    "leaves it to bytes that check themselves to be right, but shows nothing before their end",
    async (target) => {
      const { descriptor, bytes } = layerPiece("checked", 200_000);
      const wrong = new RejectedError("CONTENT_MISMATCH", "Cannot take it: the source found it to be wrong");
      async function* failing(): Bytes {
        yield* inChunks(bytes);
        throw wrong;
      }
      await assert.rejects(
        target.put(descriptor, async () => failing(), { verified: true }),
        (error) => causes(error).includes(wrong),
      );
      assert.equal(await target.has(descriptor), false);
      const known = { verified: true, absent: true };
      assert.equal(await target.put(descriptor, async () => inChunks(bytes), known), "written");
      assert.deepEqual(await read(target, descriptor), bytes);
    },
  );

  promise("stops a put that is aborted on its way, and ends the transfer behind it", async (target) => {
    const { descriptor, bytes } = layerPiece("aborted", 200_000);
    const abort = new AbortController();
    const ended = Promise.withResolvers<void>();
    async function* transfer(): Bytes {
      try {
        for await (const chunk of inChunks(bytes, 10_000)) {
          yield chunk;
          abort.abort();
        }
      } finally {
        ended.resolve();
      }
    }
    await assert.rejects(target.put(descriptor, async () => transfer(), { signal: abort.signal }));
    await ended.promise;
    assert.equal(await target.has(descriptor), false);
    assert.equal(await target.put(descriptor, async () => inChunks(bytes)), "written");
  });
}
