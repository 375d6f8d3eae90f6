import assert from "node:assert/strict";
import { mediaTypes } from "../../../lib/oci/descriptor.ts";
import {
  dockerImageFixture,
  imageFixture,
  inChunks,
  indexPiece,
  layerPiece,
  piece,
  putAll,
  read,
} from "../image-fixture.ts";
import { isUnknown, named, type Promised, resolved, tagsOf } from "./support.ts";

export function namesAndContent(promise: Promised): void {
  promise("knows nothing while it is empty", async (target) => {
    const { manifest, config } = imageFixture("absent");
    assert.deepEqual(await tagsOf(target), []);
    for (const { descriptor } of [manifest, config]) {
      assert.equal(await target.has(descriptor), false);
      await assert.rejects(read(target, descriptor), isUnknown);
    }
    await assert.rejects(target.resolve("v1"), isUnknown);
    await assert.rejects(target.resolve(manifest.descriptor.digest), isUnknown);
  });

  promise("gives back a blob as it was given", async (target) => {
    const { descriptor, bytes } = layerPiece("blob", 200_000);
    assert.equal(await target.put(descriptor, async () => inChunks(bytes)), "written");
    assert.equal(await target.has(descriptor), true);
    assert.deepEqual(await read(target, descriptor), bytes);
  });

  promise("takes a blob of no bytes", async (target) => {
    const { descriptor } = piece(mediaTypes.ociLayer, "");
    await target.put(descriptor, async () => inChunks(Buffer.alloc(0)));
    assert.equal(await target.has(descriptor), true);
    assert.equal((await read(target, descriptor)).byteLength, 0);
  });

  promise("resolves an image by tag and by digest, byte for byte", async (target) => {
    for (const image of [imageFixture("a"), imageFixture("b", { bare: true }), dockerImageFixture("c")]) {
      await putAll(target, image.pieces);
      await target.tag("v1", image.manifest.descriptor);
      assert.deepEqual(await resolved(target, "v1"), named(image.manifest));
      assert.deepEqual(await resolved(target, image.manifest.descriptor.digest), named(image.manifest));
      assert.equal(await target.has(image.manifest.descriptor), true);
      for (const { descriptor, bytes } of image.pieces) assert.deepEqual(await read(target, descriptor), bytes);
    }
  });

  promise("takes an index after its images", async (target) => {
    const oci = [imageFixture("a"), imageFixture("b")];
    const docker = [dockerImageFixture("c")];
    const indexes = [
      indexPiece(oci.map(({ manifest }) => manifest)),
      indexPiece(
        docker.map(({ manifest }) => manifest),
        mediaTypes.dockerIndex,
      ),
    ];
    await putAll(target, [...[...oci, ...docker].flatMap(({ pieces }) => pieces), ...indexes]);
    for (const index of indexes) {
      await target.tag("all", index.descriptor);
      assert.deepEqual(await resolved(target, "all"), named(index));
      assert.deepEqual(await resolved(target, index.descriptor.digest), named(index));
      assert.deepEqual(await read(target, index.descriptor), index.bytes);
    }
  });

  promise("keeps several tags, and moves one without the others", async (target) => {
    const [first, second] = [imageFixture("a"), imageFixture("b")];
    await putAll(target, [...first.pieces, ...second.pieces]);
    await target.tag("v1", first.manifest.descriptor);
    await target.tag("v1.0.0_x-Y", first.manifest.descriptor);
    await target.tag("v1", second.manifest.descriptor);
    assert.deepEqual(await tagsOf(target), ["v1", "v1.0.0_x-Y"]);
    assert.deepEqual(await resolved(target, "v1"), named(second.manifest));
    assert.deepEqual(await resolved(target, "v1.0.0_x-Y"), named(first.manifest));
    assert.deepEqual(await resolved(target, first.manifest.descriptor.digest), named(first.manifest));
  });

  promise("does not take a blob for a manifest", async (target) => {
    const { config, layers } = imageFixture("a");
    await putAll(target, [config, ...layers]);
    await assert.rejects(target.resolve(config.descriptor.digest), isUnknown);
    await assert.rejects(target.resolve(layers[0]!.descriptor.digest), isUnknown);
  });

  promise("reads parts of a blob", async (target) => {
    const { descriptor, bytes } = layerPiece("ranges", 150_000);
    await putAll(target, [{ descriptor, bytes }]);
    assert.deepEqual(await read(target, descriptor, { start: 0, end: 0 }), bytes.subarray(0, 1));
    assert.deepEqual(await read(target, descriptor, { start: 70_000 }), bytes.subarray(70_000));
    assert.deepEqual(await read(target, descriptor, { end: 99_999 }), bytes.subarray(0, 100_000));
    assert.deepEqual(await read(target, descriptor, { start: 65_535, end: 131_072 }), bytes.subarray(65_535, 131_073));
    assert.deepEqual(await read(target, descriptor, { start: 149_999, end: 149_999 }), bytes.subarray(149_999));
  });
}
