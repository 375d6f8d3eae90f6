import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RejectedError } from "../../lib/errors.ts";
import type { Target } from "../../lib/oci/content.ts";
import { copy } from "../../lib/oci/copy.ts";
import { isIndex, mediaTypes } from "../../lib/oci/descriptor.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { imageFixture, type Piece, piece, putAll, read } from "../contracts/image-fixture.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { openForTest } from "./registry/opened-registry.ts";

const images = { amd64: imageFixture("amd64"), arm64: imageFixture("arm64"), s390x: imageFixture("s390x") };
const attestation = imageFixture("attestation");

const entry = ({ descriptor }: Piece, architecture: string, more: object = {}) => ({
  ...descriptor,
  platform: { os: "linux", architecture },
  ...more,
});

/** An index as BuildKit makes it, with fields and annotations of all kinds. */
const index = piece(
  mediaTypes.ociIndex,
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    "x-unknown": { kept: true },
    manifests: [
      entry(images.amd64.manifest, "amd64", { annotations: { first: "1" }, "x-also": "kept" }),
      entry(images.arm64.manifest, "arm64"),
      {
        ...attestation.manifest.descriptor,
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.type": "attestation-manifest",
          "vnd.docker.reference.digest": images.amd64.manifest.descriptor.digest,
        },
      },
      entry(images.s390x.manifest, "s390x"),
    ],
    annotations: { "org.opencontainers.image.version": "1.2.3" },
  }),
);
const pieces = [...Object.values(images).flatMap((image) => image.pieces), ...attestation.pieces, index];

async function openSource(tag = index, more: readonly Piece[] = []): Promise<Target> {
  const source = openMemory();
  await putAll(source, [...pieces, ...more]);
  await source.tag("v1", tag.descriptor);
  return source;
}

const parsed = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());

suite("an index that is rewritten", () => {
  test("names the images that were chosen and what it says about them, and keeps all else", async () => {
    const target = openMemory();
    const result = await copy(await openSource(), "v1", target, { platforms: ["linux/amd64"], rewriteIndex: true });
    assert.equal(result.descriptor.digest, index.descriptor.digest);
    assert.notEqual(result.copied.digest, index.descriptor.digest);
    assert.equal((await target.resolve("v1")).digest, result.copied.digest);
    assert.equal(await target.has(index.descriptor), false);
    const original = parsed(index.bytes);
    assert.deepEqual(parsed(await read(target, result.copied)), {
      ...original,
      manifests: [original.manifests[0], original.manifests[2]],
    });
    for (const { descriptor } of attestation.pieces) assert.equal(await target.has(descriptor), true);
    for (const { descriptor } of images.arm64.pieces) assert.equal(await target.has(descriptor), false);
  });

  test("is the same each time, and is not written again", async () => {
    const target = openMemory();
    const options = { platforms: ["linux/arm64", "linux/s390x"], rewriteIndex: true };
    const [first, second] = [
      await copy(await openSource(), "v1", target, options),
      await copy(await openSource(), "v1", target, options),
    ];
    assert.deepEqual(second.copied, first.copied);
    assert.deepEqual(second.blobs, { moved: 0, mounted: 0, present: 0 });
  });

  test("stays as it is when nothing is left out", async () => {
    for (const platforms of [undefined, ["linux/amd64", "linux/arm64", "linux/s390x"]]) {
      const target = openMemory();
      const { copied } = await copy(await openSource(), "v1", target, { platforms, rewriteIndex: true });
      assert.equal(copied.digest, index.descriptor.digest);
    }
  });

  test("a single image stays what it is", async () => {
    const target = openMemory();
    const source = await openSource(images.amd64.manifest);
    const { copied } = await copy(source, "v1", target, { platforms: ["linux/amd64"], rewriteIndex: true });
    assert.equal(copied.digest, images.amd64.manifest.descriptor.digest);
  });

  test("has rewritten indexes in it, and none that nothing is left of", async () => {
    const inner = (name: string, ...children: readonly object[]) =>
      piece(mediaTypes.ociIndex, JSON.stringify({ schemaVersion: 2, manifests: children, annotations: { name } }));
    const first = inner("first", entry(images.amd64.manifest, "amd64"), entry(images.arm64.manifest, "arm64"));
    const second = inner("second", entry(images.s390x.manifest, "s390x"));
    const outer = inner("outer", first.descriptor, second.descriptor);
    const target = openMemory();
    const source = await openSource(outer, [first, second, outer]);
    const { copied } = await copy(source, "v1", target, { platforms: ["linux/arm64"], rewriteIndex: true });
    const top = parsed(await read(target, copied));
    assert.equal(top.manifests.length, 1);
    assert.ok(isIndex(top.manifests[0].mediaType));
    const below = parsed(await read(target, top.manifests[0]));
    assert.deepEqual(below.annotations, { name: "first" });
    assert.deepEqual(
      below.manifests.map(({ digest }: { digest: string }) => digest),
      [images.arm64.manifest.descriptor.digest],
    );
  });

  test("is judged by the configs where an index does not say what its images are for", async () => {
    const bare = piece(
      mediaTypes.ociIndex,
      JSON.stringify({
        schemaVersion: 2,
        manifests: [images.amd64, other].map(({ manifest }) => manifest.descriptor),
      }),
    );
    const target = openMemory();
    const source = await openSource(bare, [...other.pieces, bare]);
    const { copied } = await copy(source, "v1", target, { platforms: ["linux/amd64"], rewriteIndex: true });
    assert.deepEqual(
      parsed(await read(target, copied)).manifests.map(({ digest }: { digest: string }) => digest),
      [images.amd64.manifest.descriptor.digest],
    );
  });

  test(
    "is taken by a registry that refuses one with images missing, whose error says so",
    requiring("docker-registry"),
    async () => {
      await using registry = await startDockerRegistry();
      await using opened = await openForTest();
      const target = opened.registries.repository(registry.host, "team/app");
      const platforms = ["linux/arm64"];
      await assert.rejects(
        copy(await openSource(), "v1", target, { platforms }),
        (error) =>
          error instanceof RejectedError &&
          error.code === "REGISTRY_REFUSED" &&
          /; the index names images that were left out: copy all platforms, or have it rewritten/.test(error.message),
      );
      const { copied } = await copy(await openSource(), "v1", target, { platforms, rewriteIndex: true });
      assert.equal((await target.resolve("v1")).digest, copied.digest);
    },
  );
});

/** An image of another architecture, which only its config tells. */
const other = (() => {
  const config = piece(mediaTypes.ociConfig, JSON.stringify({ os: "linux", architecture: "riscv64" }));
  const manifest = piece(
    mediaTypes.ociManifest,
    JSON.stringify({ schemaVersion: 2, config: config.descriptor, layers: [] }),
  );
  return { manifest, pieces: [config, manifest] };
})();

test("a chosen image brings what its index says about it, also where the index stays whole", async () => {
  const target = openMemory();
  await copy(await openSource(), "v1", target, { platforms: ["linux/amd64"] });
  for (const { descriptor } of [...images.amd64.pieces, ...attestation.pieces]) {
    assert.equal(await target.has(descriptor), true);
  }
  const without = openMemory();
  await copy(await openSource(), "v1", without, { platforms: ["linux/arm64"] });
  assert.equal(await without.has(attestation.manifest.descriptor), false);
});
