import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, type TestContext, test } from "node:test";
import type { Target } from "../../lib/oci/content.ts";
import { copy } from "../../lib/oci/copy.ts";
import { isManifest } from "../../lib/oci/descriptor.ts";
import { childrenOf, parseManifest } from "../../lib/oci/manifest.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { openRegistries } from "../../lib/oci/registry/registries.ts";
import type { BlobEvent } from "../../lib/oci/transfer.ts";
import { imageFixture, layerPiece, noise, piece, putAll, read } from "../contracts/image-fixture.ts";
import { type DockerRegistry, startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { memoryWith, noting, release, total } from "./release-fixture.ts";
import { temporaryLayout } from "./temporary.ts";

suite("copy between all places", () => {
  let registry: DockerRegistry | undefined;
  const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test" });
  const needs = requiring("docker-registry");
  before(async () => {
    if (needs.skip === undefined) registry = await startDockerRegistry();
  });
  after(() => registry?.[Symbol.asyncDispose]());

  const places: Readonly<Record<string, (t: TestContext) => Promise<Target>>> = {
    memory: async () => openMemory(),
    "an OCI layout": temporaryLayout,
    "a registry": async () => registries.repository(registry!.host, `copy/${randomUUID()}`),
  };
  for (const [from, openSource] of Object.entries(places)) {
    for (const [to, openTarget] of Object.entries(places)) {
      const options = [from, to].includes("a registry") ? needs : {};
      test(`from ${from} to ${to}: everything arrives once and as it was`, options, async (t) => {
        const { index, pieces, blobs } = release();
        const [source, target] = [await openSource(t), await openTarget(t)];
        await putAll(source, pieces);
        await source.tag("v1", index.descriptor);

        const first = await copy(source, "v1", target);
        const descriptor = await source.resolve("v1");
        assert.deepEqual(first, {
          descriptor,
          copied: descriptor,
          blobs: { moved: blobs.length, mounted: 0, present: 0 },
          bytes: { moved: total(blobs), reused: 0 },
          attached: 0,
          leftOut: [],
        });
        for (const { descriptor, bytes } of pieces) assert.deepEqual(await read(target, descriptor), bytes);
        assert.deepEqual(await Array.fromAsync(target.tags()), ["v1"]);
        assert.equal((await target.resolve("v1")).digest, index.descriptor.digest);

        const second = await copy(source, "v1", target);
        assert.deepEqual(second.blobs, { moved: 0, mounted: 0, present: 0 });
      });
    }
  }
});

suite("copy", () => {
  test("puts children before parents and the tag last", async () => {
    const { index, pieces } = release();
    const memory = openMemory();
    const { target, written } = noting(memory);
    const checking: Target = {
      ...target,
      async put(descriptor, bytes, options) {
        const outcome = await target.put(descriptor, bytes, options);
        if (isManifest(descriptor.mediaType)) {
          const manifest = parseManifest(await read(memory, descriptor), descriptor.mediaType);
          for (const child of childrenOf(manifest)) assert.equal(await memory.has(child), true);
        }
        return outcome;
      },
    };
    await copy(await memoryWith(pieces, { v1: index }), "v1", checking);
    assert.deepEqual(written.slice(-2), [index.descriptor.digest, "v1"]);
  });

  test("reads every part once from the source, and nothing when all is there", async () => {
    const { index, pieces } = release();
    const { target: source, opened } = noting(await memoryWith(pieces, { v1: index }));
    const { target, written } = noting(openMemory());
    await copy(source, "v1", target);
    assert.deepEqual(opened.toSorted(), [...new Set(pieces.map(({ descriptor }) => descriptor.digest))].sort());
    opened.length = 0;
    written.length = 0;
    await copy(source, "v1", target);
    assert.deepEqual({ opened, written }, { opened: [], written: [] });
  });

  test("copies the images that an index at the target lacks", async () => {
    const { images, index, pieces } = release();
    const target = openMemory();
    await putAll(target, [...images[0]!.pieces, index]);
    const result = await copy(await memoryWith(pieces, { v1: index }), "v1", target);
    assert.deepEqual(result.blobs, { moved: 2, mounted: 0, present: 1 });
    assert.equal(result.bytes.reused, 70_000);
    for (const { descriptor, bytes } of pieces) assert.deepEqual(await read(target, descriptor), bytes);
  });

  test("gives the tag that was asked for, and none for a digest", async () => {
    const { pieces, manifest } = imageFixture("a");
    const source = await memoryWith(pieces, { v1: manifest });
    const target = openMemory();
    await copy(source, manifest.descriptor.digest, target);
    assert.deepEqual(await Array.fromAsync(target.tags()), []);
    await copy(source, manifest.descriptor.digest, target, { as: "v2" });
    await copy(source, "v1", target, { as: "v3" });
    assert.deepEqual(await Array.fromAsync(target.tags()), ["v2", "v3"]);
    await assert.rejects(copy(source, "v1", target, { as: "" }), { code: "REFERENCE_INVALID" });
  });

  test("moves a tag that named something else", async () => {
    const [old, fresh] = [imageFixture("old"), imageFixture("new")];
    const target = await memoryWith(old.pieces, { v1: old.manifest });
    await copy(await memoryWith(fresh.pieces, { v1: fresh.manifest }), "v1", target);
    assert.equal((await target.resolve("v1")).digest, fresh.manifest.descriptor.digest);
  });

  test("says where the target may mount from, and counts what was mounted as reused", async () => {
    const { pieces, manifest, config, layers } = imageFixture("a");
    const memory = openMemory();
    const from: (string | undefined)[] = [];
    const target: Target = {
      ...noting(memory).target,
      async put(descriptor, bytes, options) {
        const outcome = await memory.put(descriptor, bytes, options);
        if (isManifest(descriptor.mediaType)) return outcome;
        from.push(options?.from);
        return "mounted";
      },
    };
    const events: BlobEvent[] = [];
    const onBlob = (event: BlobEvent) => void events.push(event);
    const result = await copy(await memoryWith(pieces, { v1: manifest }), "v1", target, { from: "other/app", onBlob });
    assert.deepEqual(from, ["other/app", "other/app", "other/app"]);
    assert.deepEqual(result.blobs, { moved: 0, mounted: 3, present: 0 });
    assert.deepEqual(result.bytes, { moved: 0, reused: total([config, ...layers]) });
    const told = events.map(({ descriptor, outcome }) => `${descriptor.digest} ${outcome}`);
    assert.deepEqual(told.sort(), [config, ...layers].map(({ descriptor }) => `${descriptor.digest} mounted`).sort());
  });

  test("moves as many blobs at once as it was told, and no more", async () => {
    const layers = Array.from({ length: 12 }, (_, number) => layerPiece(`${number}`));
    const { pieces, manifest } = imageFixture("wide", { layers });
    const memory = openMemory();
    let [now, most] = [0, 0];
    const target: Target = {
      ...noting(memory).target,
      async put(...asked) {
        now += 1;
        most = Math.max(most, now);
        const outcome = await memory.put(...asked);
        now -= 1;
        return outcome;
      },
    };
    await copy(await memoryWith(pieces, { v1: manifest }), "v1", target, { concurrency: 3 });
    assert.equal(most, 3);
  });

  test("copies an image of 10,000 layers", async () => {
    const layers = Array.from({ length: 10_000 }, (_, number) => layerPiece(`${number}`, 10));
    const { manifest, pieces } = imageFixture("layers", { layers });
    const source = openMemory("source:");
    await putAll(source, pieces);
    await source.tag("v1", manifest.descriptor);
    const target = openMemory("target:");
    const { blobs } = await copy(source, "v1", target);
    assert.deepEqual(blobs, { moved: 10_001, mounted: 0, present: 0 });
    for (const { descriptor, bytes } of layers.slice(-3))
      assert.deepEqual(await read(target, descriptor), Buffer.from(bytes));
  });

  test("leaves layers alone that may not be distributed", async () => {
    const foreign = piece("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", noise("foreign", 100));
    const nondistributable = piece("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", noise("nd", 100));
    const image = imageFixture("windows", { layers: [foreign, nondistributable, layerPiece("own")] });
    const source = await memoryWith([image.layers[2]!, image.config, image.manifest], { v1: image.manifest });
    const result = await copy(source, "v1", openMemory());
    assert.equal(result.blobs.moved, 2);
  });
});
