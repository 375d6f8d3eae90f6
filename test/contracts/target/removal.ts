import assert from "node:assert/strict";
import type { Target } from "../../../lib/oci/content.ts";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { imageFixture, inChunks, type Piece, putAll, read, referrerFixture } from "../image-fixture.ts";
import { isUnknown, named, type Promised, resolved, tagsOf } from "./support.ts";

export function referrals(promise: Promised): void {
  const listOf = async (target: Target, subject: Piece) => {
    const listed = await Array.fromAsync(target.referrers!(subject.descriptor.digest));
    return listed.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  };
  const inOrder = (...all: readonly { readonly listed: Descriptor }[]) =>
    all.map(({ listed }) => listed).toSorted((a, b) => (a.digest < b.digest ? -1 : 1));

  promise("finds what refers to a manifest, whichever came first, and nothing else", async (target) => {
    const [image, other] = [imageFixture("subject"), imageFixture("other")];
    const [early, late] = [referrerFixture("early", image.manifest), referrerFixture("late", image.manifest)];
    const elsewhere = referrerFixture("elsewhere", other.manifest);
    assert.deepEqual(await listOf(target, image.manifest), []);
    await putAll(target, [...early.pieces, ...image.pieces, ...other.pieces]);
    assert.deepEqual(await listOf(target, image.manifest), inOrder(early));
    await putAll(target, [...late.pieces, ...elsewhere.pieces]);
    await putAll(target, early.pieces);
    assert.deepEqual(await listOf(target, image.manifest), inOrder(early, late));
    assert.deepEqual(await listOf(target, other.manifest), inOrder(elsewhere));
    assert.deepEqual(await listOf(target, early.manifest), []);
  });

  promise("loses none of many referrers that come at once", async (target) => {
    const image = imageFixture("subject");
    const referrers = Array.from({ length: 8 }, (_, number) => referrerFixture(`${number}`, image.manifest));
    // docker-registry 2.8 reads links that it is just writing: what they share must not arrive at the same time
    await putAll(target, [...image.pieces, referrers[0]!.config]);
    await Promise.all(referrers.map(({ pieces }) => putAll(target, pieces)));
    assert.deepEqual(await listOf(target, image.manifest), inOrder(...referrers));
  });
}

export function removal(promise: Promised): void {
  promise("forgets a tag and nothing else", async (target) => {
    const { pieces, manifest } = imageFixture("a");
    await putAll(target, pieces);
    await target.tag("v1", manifest.descriptor);
    await target.tag("v2", manifest.descriptor);
    await target.remove("v1");
    await assert.rejects(target.resolve("v1"), isUnknown);
    assert.deepEqual(await tagsOf(target), ["v2"]);
    for (const { descriptor, bytes } of pieces) assert.deepEqual(await read(target, descriptor), bytes);
  });

  promise("forgets a manifest by its digest, and the tags that name it", async (target) => {
    const [image, other] = [imageFixture("a"), imageFixture("b")];
    await putAll(target, [...image.pieces, ...other.pieces]);
    await target.tag("v1", image.manifest.descriptor);
    await target.tag("v2", other.manifest.descriptor);
    await target.remove(image.manifest.descriptor.digest);
    assert.equal(await target.has(image.manifest.descriptor), false);
    await assert.rejects(target.resolve(image.manifest.descriptor.digest), isUnknown);
    await assert.rejects(target.resolve("v1"), isUnknown);
    assert.deepEqual(await resolved(target, "v2"), named(other.manifest));
    assert.equal(await target.put(image.manifest.descriptor, async () => inChunks(image.manifest.bytes)), "written");
  });

  promise("does not mind forgetting what is not there", async (target) => {
    const { pieces, manifest, config } = imageFixture("a");
    await target.remove("v1");
    await target.remove(manifest.descriptor.digest);
    await putAll(target, pieces);
    await target.remove("v1");
    await target.remove(config.descriptor.digest);
    assert.deepEqual(await read(target, config.descriptor), config.bytes);
  });
}
