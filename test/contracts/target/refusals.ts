import assert from "node:assert/strict";
import { RejectedError } from "../../../lib/errors.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { imageFixture, inChunks, layerPiece, putAll, read } from "../image-fixture.ts";
import { isMismatch, isUnknown, type Promised, tagsOf } from "./support.ts";

export function refusals(promise: Promised): void {
  const blob = layerPiece("refused", 100_000);
  const other = layerPiece("other", 100_000);
  const wrong: Readonly<Record<string, Uint8Array>> = {
    "other bytes than promised": other.bytes,
    "fewer bytes than promised": blob.bytes.subarray(0, 70_000),
    "more bytes than promised": Buffer.concat([blob.bytes, Buffer.from("x")]),
    "no bytes where some were promised": Buffer.alloc(0),
  };
  for (const [what, bytes] of Object.entries(wrong)) {
    promise(`refuses a blob of ${what}, and takes the right one afterwards`, async (target) => {
      await assert.rejects(
        target.put(blob.descriptor, async () => inChunks(bytes)),
        isMismatch,
      );
      assert.equal(await target.has(blob.descriptor), false);
      await assert.rejects(read(target, blob.descriptor), isUnknown);
      assert.equal(await target.put(blob.descriptor, async () => inChunks(blob.bytes)), "written");
      assert.deepEqual(await read(target, blob.descriptor), blob.bytes);
    });
  }

  promise("refuses a manifest of other bytes than promised", async (target) => {
    const [image, changed] = [imageFixture("a"), imageFixture("b")];
    await putAll(target, [...image.layers, image.config, ...changed.layers, changed.config]);
    const lying: Descriptor = { ...image.manifest.descriptor, size: changed.manifest.bytes.byteLength };
    await assert.rejects(
      target.put(lying, async () => inChunks(changed.manifest.bytes)),
      isMismatch,
    );
    assert.equal(await target.has(image.manifest.descriptor), false);
    assert.equal(await target.has(changed.manifest.descriptor), false);
  });

  promise("breaks the stream when a descriptor lies about the size", async (target) => {
    await putAll(target, [blob]);
    const { size } = blob.descriptor;
    await assert.rejects(read(target, { ...blob.descriptor, size: size - 1 }), isMismatch);
    await assert.rejects(read(target, { ...blob.descriptor, size: size + 1 }), isMismatch);
  });

  promise("takes a manifest without its parts wholly or not at all", async (target) => {
    const { descriptor, bytes } = imageFixture("incomplete").manifest;
    const taken = await target
      .put(descriptor, async () => inChunks(bytes))
      .then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof RejectedError, String(error));
          return false;
        },
      );
    assert.equal(await target.has(descriptor), taken);
  });

  promise("does not tag what it does not hold", async (target) => {
    await assert.rejects(target.tag("v1", imageFixture("absent").manifest.descriptor), isUnknown);
    assert.deepEqual(await tagsOf(target), []);
  });

  promise("refuses a tag that cannot be one", async (target) => {
    const { pieces, manifest } = imageFixture("a");
    await putAll(target, pieces);
    for (const name of ["", "with blank", "-first", "../up", "a\nb", "é", manifest.descriptor.digest]) {
      await assert.rejects(target.tag(name, manifest.descriptor), RejectedError, JSON.stringify(name));
    }
    assert.deepEqual(await tagsOf(target), []);
  });
}
