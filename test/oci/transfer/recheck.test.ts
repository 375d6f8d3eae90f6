import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Descriptor } from "../../../lib/oci/descriptor.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { createTransfer } from "../../../lib/oci/transfer.ts";
import { indexPiece, putAll, read } from "../../contracts/image-fixture.ts";
import { startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "../registry/opened-registry.ts";
import { images } from "./sources.ts";

suite("looking again at what seems to be there", () => {
  const index = indexPiece(images.slice(0, 2).map(({ manifest }) => manifest));
  const pieces = [...images.slice(0, 2).flatMap((image) => image.pieces), index];

  /** What the second copy of a whole release asks of the target. */
  async function again(recheck: "nothing" | "parts" | "all" | undefined, reference: string) {
    const source = openMemory();
    await putAll(source, pieces);
    await source.tag("index", index.descriptor);
    await source.tag("image", images[0]!.manifest.descriptor);
    await using fake = await startFakeRegistry();
    await using opened = await openForTest();
    const target = opened.registries.repository(fake.host, "team/app");
    await createTransfer().copy(source, reference, target);
    fake.requests.length = 0;
    const result = await createTransfer().copy(source, reference, target, { recheck });
    assert.deepEqual(result.blobs, { moved: 0, mounted: 0, present: 0 });
    return fake.requests.map(({ method, path }) => `${method} ${path.replace(/^.*\/manifests\//, "").slice(0, 12)}`);
  }

  test("costs one HEAD for an image", async () => {
    for (const recheck of [undefined, "nothing", "parts"] as const) {
      assert.deepEqual(await again(recheck, "image"), ["HEAD image"]);
    }
  });

  test("costs one HEAD for an index too, where the tag is enough", async () => {
    assert.deepEqual(await again("nothing", "index"), ["HEAD index"]);
  });

  test("costs the index and one HEAD for each of its images, where it may have been copied for fewer platforms", async () => {
    const asked = await again(undefined, "index");
    const short = ({ digest }: Descriptor) => digest.slice(0, 12);
    assert.deepEqual(
      asked.toSorted(),
      [
        "HEAD index",
        `GET ${short(index.descriptor)}`,
        ...images.slice(0, 2).map((image) => `HEAD ${short(image.manifest.descriptor)}`),
      ].sort(),
    );
  });

  test("completes an index whose tag is there with fewer images", async () => {
    const source = openMemory();
    await putAll(source, pieces);
    await source.tag("index", index.descriptor);
    const target = openMemory();
    await createTransfer().copy(source, "index", target, { platforms: ["linux/amd64"] });
    assert.equal(await target.has(images[1]!.manifest.descriptor), false);
    await createTransfer().copy(source, "index", target);
    for (const { descriptor, bytes } of pieces) assert.deepEqual(await read(target, descriptor), bytes);
  });

  test("by digest: what has no tag is looked for by its digest", async () => {
    const source = openMemory();
    await putAll(source, pieces);
    await using fake = await startFakeRegistry();
    await using opened = await openForTest();
    const target = opened.registries.repository(fake.host, "team/app");
    const { digest } = index.descriptor;
    await createTransfer().copy(source, digest, target);
    fake.requests.length = 0;
    await createTransfer().copy(source, digest, target, { recheck: "nothing" });
    assert.deepEqual(
      fake.requests.map(({ method, path }) => `${method} ${path}`),
      [`HEAD /v2/team/app/manifests/${digest}`],
    );
  });
});
