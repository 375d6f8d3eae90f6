import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, type TestContext, test } from "node:test";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import type { Bytes, Source, Target } from "../../lib/oci/content.ts";
import { copy } from "../../lib/oci/copy.ts";
import { type Descriptor, isManifest, mediaTypes } from "../../lib/oci/descriptor.ts";
import { childrenOf, parseManifest } from "../../lib/oci/manifest.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { openRegistries } from "../../lib/oci/registry/registries.ts";
import type { BlobEvent } from "../../lib/oci/transfer.ts";
import {
  dockerImageFixture,
  imageFixture,
  indexPiece,
  layerPiece,
  noise,
  type Piece,
  piece,
  putAll,
  read,
} from "../contracts/image-fixture.ts";
import { type DockerRegistry, startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { temporaryLayout } from "./temporary.ts";

/** Two images of two platforms that share a layer, and their index. */
function release() {
  const shared = layerPiece("shared", 70_000);
  const images = ["a", "b"].map((seed) => imageFixture(seed, { layers: [shared, layerPiece(seed)] }));
  const index = indexPiece(images.map(({ manifest }) => manifest));
  const pieces = [...images.flatMap(({ pieces }) => pieces), index];
  const blobs = [shared, ...images.flatMap(({ config, layers }) => [config, layers[1]!])];
  return { images, index, pieces, blobs };
}

const total = (pieces: readonly Piece[]): number => pieces.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);

async function memoryWith(pieces: readonly Piece[], tags: Readonly<Record<string, Piece>>): Promise<Target> {
  const memory = openMemory();
  await putAll(memory, pieces);
  for (const [tag, { descriptor }] of Object.entries(tags)) await memory.tag(tag, descriptor);
  return memory;
}

/** A place that notes what was asked of it. */
function noting(place: Target) {
  const opened: string[] = [];
  const written: string[] = [];
  const target: Target = {
    name: place.name,
    resolve: (...asked) => place.resolve(...asked),
    tags: (...asked) => place.tags(...asked),
    has: (...asked) => place.has(...asked),
    remove: (...asked) => place.remove(...asked),
    open(descriptor, options) {
      opened.push(descriptor.digest);
      return place.open(descriptor, options);
    },
    async put(descriptor, bytes, options) {
      const outcome = await place.put(descriptor, bytes, options);
      if (outcome === "written") written.push(descriptor.digest);
      return outcome;
    },
    async tag(name, descriptor, signal) {
      await place.tag(name, descriptor, signal);
      written.push(name);
    },
  };
  return { target, opened, written };
}

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

suite("copy for some platforms", () => {
  const images = {
    "linux/amd64": imageFixture("amd64"),
    "linux/arm64/v8": imageFixture("arm64"),
    "linux/arm/v6": imageFixture("v6"),
    "linux/arm/v7": imageFixture("v7"),
    "unknown/unknown": imageFixture("attestation"),
  };
  type Name = keyof typeof images;
  const index = piece(
    mediaTypes.ociIndex,
    JSON.stringify({
      schemaVersion: 2,
      manifests: Object.entries(images).map(([name, { manifest }]) => {
        const [os, architecture, variant] = name.split("/");
        return { ...manifest.descriptor, platform: { os, architecture, ...(variant && { variant }) } };
      }),
    }),
  );
  const pieces = [...Object.values(images).flatMap((image) => image.pieces), index];

  const cases: readonly (readonly [wanted: string[], arrive: Name[]])[] = [
    [["linux/amd64"], ["linux/amd64"]],
    [["linux/amd64/v1"], ["linux/amd64"]],
    [["linux/arm64"], ["linux/arm64/v8"]],
    [
      ["linux/arm64/v8", "linux/amd64"],
      ["linux/amd64", "linux/arm64/v8"],
    ],
    [["linux/arm/v7"], ["linux/arm/v7"]],
    [["linux/arm"], ["linux/arm/v6", "linux/arm/v7"]],
    [["linux/amd64", "linux/s390x"], ["linux/amd64"]],
  ];
  for (const [platforms, arrive] of cases) {
    test(`${platforms.join(" and ")} brings ${arrive.join(" and ")} and the index as it was`, async () => {
      const target = openMemory();
      const { descriptor } = await copy(await memoryWith(pieces, { v1: index }), "v1", target, { platforms });
      assert.equal(descriptor.digest, index.descriptor.digest);
      assert.deepEqual(await read(target, descriptor), index.bytes);
      for (const [name, image] of Object.entries(images)) {
        const expected = arrive.includes(name as Name);
        for (const { descriptor } of image.pieces) assert.equal(await target.has(descriptor), expected, name);
      }
    });
  }

  test("a platform that nothing is for is refused, naming what there is", async () => {
    const target = openMemory();
    await assert.rejects(
      copy(await memoryWith(pieces, { v1: index }), "v1", target, { platforms: ["linux/s390x"] }),
      (error) =>
        error instanceof RejectedError &&
        error.code === "CONTENT_UNKNOWN" &&
        /for linux\/s390x: .*linux\/amd64, linux\/arm64\/v8/.test(error.message),
    );
    assert.deepEqual(await Array.fromAsync(target.tags()), []);
    assert.equal(await target.has(index.descriptor), false);
  });

  test("a text that is no platform is refused", async () => {
    const source = await memoryWith(pieces, { v1: index });
    await assert.rejects(copy(source, "v1", openMemory(), { platforms: ["amd64"] }), { code: "IMAGE_INVALID" });
  });

  test("a single image is judged by its config, also when it is there already", async () => {
    for (const image of [imageFixture("oci"), dockerImageFixture("docker")]) {
      const source = await memoryWith(image.pieces, { v1: image.manifest });
      const target = openMemory();
      await copy(source, "v1", target, { platforms: ["linux/arm64", "linux/amd64"] });
      for (const { descriptor } of image.pieces) assert.equal(await target.has(descriptor), true);
      await assert.rejects(copy(source, "v1", target, { platforms: ["linux/arm64"] }), { code: "CONTENT_UNKNOWN" });
    }
  });

  test("images without platform in a nested index are judged by their configs", async () => {
    const amd64 = imageFixture("amd64");
    const inner = piece(
      mediaTypes.ociIndex,
      JSON.stringify({
        schemaVersion: 2,
        manifests: [amd64.manifest.descriptor, images["linux/arm64/v8"].manifest.descriptor],
      }),
    );
    const outer = piece(mediaTypes.ociIndex, JSON.stringify({ schemaVersion: 2, manifests: [inner.descriptor] }));
    const source = await memoryWith([...amd64.pieces, ...images["linux/arm64/v8"].pieces, inner, outer], { v1: outer });
    const target = openMemory();
    await copy(source, "v1", target, { platforms: ["linux/amd64"] });
    assert.equal(await target.has(amd64.manifest.descriptor), true);
    await assert.rejects(copy(source, "v1", openMemory(), { platforms: ["linux/s390x"] }), { code: "CONTENT_UNKNOWN" });
  });

  test("what has no platform, like a chart, is for all of them", async () => {
    const config = piece(mediaTypes.helmConfig, '{"name":"web","version":"1.0.0"}');
    const layer = piece(mediaTypes.helmChart, noise("chart", 100));
    const manifest = piece(
      mediaTypes.ociManifest,
      JSON.stringify({ schemaVersion: 2, config: config.descriptor, layers: [layer.descriptor] }),
    );
    const target = openMemory();
    const source = await memoryWith([config, layer, manifest], { "1.0.0": manifest });
    const { blobs } = await copy(source, "1.0.0", target, { platforms: ["linux/amd64"] });
    assert.equal(blobs.moved, 2);
  });

  test(
    "a target that wants whole indexes refuses with an error of its own",
    requiring("docker-registry"),
    async (t) => {
      const registry = await startDockerRegistry();
      t.after(() => registry[Symbol.asyncDispose]());
      const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test" });
      const target = registries.repository(registry.host, "sparse");
      const source = await memoryWith(pieces, { v1: index });
      await assert.rejects(copy(source, "v1", target, { platforms: ["linux/amd64"] }), { code: "REGISTRY_REFUSED" });
      assert.deepEqual(await Array.fromAsync(target.tags()), []);
    },
  );
});

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
