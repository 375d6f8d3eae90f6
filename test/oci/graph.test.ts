import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { RejectedError } from "../../lib/errors.ts";
import type { Bytes, Source, Target } from "../../lib/oci/content.ts";
import { copy } from "../../lib/oci/copy.ts";
import { type Descriptor, type Digest, digestOf, mediaTypes } from "../../lib/oci/descriptor.ts";
import { readGraph } from "../../lib/oci/graph.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import {
  imageFixture,
  inChunks,
  indexPiece,
  layerPiece,
  type Piece,
  piece,
  putAll,
  read,
} from "../contracts/image-fixture.ts";

async function memoryWith(pieces: readonly Piece[]): Promise<Target> {
  const memory = openMemory();
  await putAll(memory, pieces);
  return memory;
}

/** A source that promises nothing: it gives the bytes it was told to give, whatever their digest. */
function unverified(contents: Readonly<Record<Digest, object>>): Source {
  const bytesOf = (digest: Digest): Uint8Array => Buffer.from(JSON.stringify(contents[digest]));
  return {
    name: "liar:",
    resolve: () => assert.fail("resolved"),
    open: async ({ digest }): Promise<Bytes> => inChunks(bytesOf(digest)),
    async *tags() {},
  };
}

const indexOf = (...digests: readonly Digest[]) => ({
  schemaVersion: 2,
  manifests: digests.map((digest) => named(digest)),
});
const named = (digest: Digest): Descriptor => ({ mediaType: mediaTypes.ociIndex, digest, size: 100 });
const [A, B, C] = [digestOf("a"), digestOf("b"), digestOf("c")] as const;

suite("readGraph", () => {
  test("lists children before parents, and each part once", async () => {
    const [one, two] = [imageFixture("1"), imageFixture("2", { layers: imageFixture("1").layers.slice(0, 1) })];
    const inner = indexPiece([one.manifest, two.manifest]);
    const outer = indexPiece([one.manifest, inner, two.manifest]);
    const source = await memoryWith([...one.pieces, ...two.pieces, inner, outer]);
    const graph = await readGraph(source, outer.descriptor);
    assert.deepEqual(
      graph.manifests.map(({ bytes }) => bytes),
      [one.manifest.bytes, two.manifest.bytes, inner.bytes, outer.bytes],
    );
    const digests = graph.blobs.map(({ digest }) => digest);
    assert.equal(digests.length, 4);
    assert.equal(new Set(digests).size, 4);
  });

  test("puts a manifest that is named on two levels before both", async () => {
    const image = imageFixture("low");
    const low = indexPiece([image.manifest]);
    const middle = indexPiece([low]);
    const top = indexPiece([low, middle]);
    const source = await memoryWith([...image.pieces, low, middle, top]);
    const { manifests } = await readGraph(source, top.descriptor);
    assert.deepEqual(
      manifests.map(({ bytes }) => bytes),
      [image.manifest, low, middle, top].map(({ bytes }) => bytes),
    );
  });

  test("takes other things in an index for blobs, as build caches have them", async () => {
    const [layer, config] = [layerPiece("cache"), piece("application/vnd.buildkit.cacheconfig.v0", "{}")];
    const index = piece(
      mediaTypes.ociIndex,
      JSON.stringify({ schemaVersion: 2, manifests: [layer.descriptor, config.descriptor] }),
    );
    const { blobs } = await readGraph(await memoryWith([layer, config, index]), index.descriptor);
    assert.deepEqual(
      blobs.map(({ digest }) => digest),
      [layer.descriptor.digest, config.descriptor.digest],
    );
  });

  test("allows an index in an index four times, and no more", async () => {
    const image = imageFixture("deep");
    const chain = [image.manifest];
    for (let depth = 0; depth < 5; depth++) chain.push(indexPiece([chain.at(-1)!]));
    const source = await memoryWith([...image.pieces, ...chain]);
    const { manifests } = await readGraph(source, chain[4]!.descriptor);
    assert.equal(manifests.length, 5);
    await assert.rejects(readGraph(source, chain[5]!.descriptor), { code: "MANIFEST_INVALID" });
  });

  const hostile: Readonly<Record<string, Readonly<Record<Digest, object>>>> = {
    "an index that contains itself": { [A]: indexOf(A) },
    "an index that contains itself further down": { [A]: indexOf(B), [B]: indexOf(A) },
    "two indexes that contain each other": { [A]: indexOf(B, C), [B]: indexOf(C), [C]: indexOf(B) },
    "a digest that is said to have two sizes": {
      [A]: { schemaVersion: 2, manifests: [named(B), { ...named(B), size: 101 }] },
      [B]: indexOf(),
    },
    "a digest that is said to be manifest and blob": {
      [A]: { schemaVersion: 2, manifests: [named(B), { ...named(B), mediaType: mediaTypes.ociLayer }] },
      [B]: indexOf(),
    },
    "a manifest of more than 4 MiB": { [A]: { schemaVersion: 2, manifests: [{ ...named(B), size: 5_000_000 }] } },
    "manifests of more than 64 MiB together": {
      [A]: {
        schemaVersion: 2,
        manifests: Array.from({ length: 20 }, (_, number) => ({ ...named(digestOf(`${number}`)), size: 4_000_000 })),
      },
    },
    "a child whose bytes are of another kind than its media type": {
      [A]: { schemaVersion: 2, manifests: [{ ...named(B), mediaType: mediaTypes.ociManifest }] },
      [B]: indexOf(),
    },
    "a child that is no JSON object": { [A]: indexOf(B), [B]: [] },
  };
  for (const [what, contents] of Object.entries(hostile)) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(readGraph(unverified(contents), named(A)), { code: "MANIFEST_INVALID" });
    });
  }

  test("refuses what is neither image nor index", async () => {
    const { config } = imageFixture("a");
    const source = await memoryWith([config]);
    await assert.rejects(readGraph(source, config.descriptor), { code: "MANIFEST_INVALID" });
    await assert.rejects(readGraph(source, config.descriptor, { except: source }), { code: "MANIFEST_INVALID" });
  });

  test("takes 10,000 layers, and refuses 100,000", async () => {
    const wide = (name: string, layers: number): Piece =>
      piece(
        mediaTypes.ociManifest,
        JSON.stringify({
          schemaVersion: 2,
          config: { ...named(A), mediaType: mediaTypes.ociConfig },
          layers: Array.from({ length: layers }, (_, number) => ({
            ...named(digestOf(`${name}/${number}`)),
            mediaType: "x",
          })),
        }),
      );
    const images = Array.from({ length: 10 }, (_, number) => wide(`${number}`, 10_000));
    const index = indexPiece(images);
    const source = await memoryWith([...images, index]);
    const { blobs } = await readGraph(source, images[0]!.descriptor);
    assert.equal(blobs.length, 10_001);
    await assert.rejects(
      readGraph(source, index.descriptor),
      (error) => error instanceof RejectedError && error.code === "MANIFEST_INVALID" && /parts/.test(error.message),
    );
  });
});

/** Images over a common pool of layers, and indexes over these and over earlier indexes. The last is the root. */
const graphs = fc
  .record({
    images: fc.array(fc.array(fc.nat(5), { maxLength: 4 }), { minLength: 1, maxLength: 4 }),
    indexes: fc.array(fc.array(fc.nat(6), { maxLength: 4 }), { maxLength: 3 }),
  })
  .map(({ images, indexes }) => {
    const parts = new Map<Digest, readonly Digest[]>();
    const pieces = new Map<Digest, Piece>();
    const manifests: Piece[] = [];
    const add = (piece: Piece, children: readonly Piece[]) => {
      pieces.set(piece.descriptor.digest, piece);
      parts.set(
        piece.descriptor.digest,
        children.map(({ descriptor }) => descriptor.digest),
      );
    };
    for (const [number, layers] of images.entries()) {
      const image = imageFixture(`${number}`, {
        layers: layers.map((layer) => layerPiece(`${layer}`, layer * 1000)),
      });
      for (const blob of [...image.layers, image.config]) add(blob, []);
      add(image.manifest, [...image.layers, image.config]);
      manifests.push(image.manifest);
    }
    for (const chosen of indexes) {
      const children = chosen.map((number) => manifests[number % manifests.length]!);
      const index = indexPiece(children);
      add(index, children);
      manifests.push(index);
    }
    const reachable = (digest: Digest): Digest[] => [digest, ...parts.get(digest)!.flatMap(reachable)];
    return { root: manifests.at(-1)!, manifests, pieces, reachable };
  });

suite("copy, for any graph", () => {
  test("brings everything reachable and nothing else, moves each part once, and nothing the second time", async () => {
    await fc.assert(
      fc.asyncProperty(graphs, fc.nat(), fc.nat(), async ({ root, manifests, pieces, reachable }, chosen, bits) => {
        const source = await memoryWith([...pieces.values()]);
        await source.tag("v1", root.descriptor);
        const moved: Digest[] = [];
        const watched: Source = {
          name: "watched:",
          resolve: (...asked) => source.resolve(...asked),
          tags: (...asked) => source.tags(...asked),
          open(descriptor, options) {
            moved.push(descriptor.digest);
            return source.open(descriptor, options);
          },
        };
        // one image or index with all below it is there already, and some blobs
        const target = openMemory();
        const there = new Set(reachable(manifests[chosen % manifests.length]!.descriptor.digest));
        for (const [position, digest] of [...pieces.keys()].entries()) {
          if ((bits >> (position % 30)) & 1 && !manifests.includes(pieces.get(digest)!)) there.add(digest);
        }
        await putAll(
          target,
          [...there].toReversed().map((digest) => pieces.get(digest)!),
        );

        await copy(watched, "v1", target);
        const wanted = new Set(reachable(root.descriptor.digest));
        for (const digest of wanted) {
          const { descriptor, bytes } = pieces.get(digest)!;
          assert.deepEqual(await read(target, descriptor), bytes);
        }
        for (const [digest, { descriptor }] of pieces) {
          assert.equal(await target.has(descriptor), wanted.has(digest) || there.has(digest));
        }
        assert.deepEqual(moved.toSorted(), [...wanted].filter((digest) => !there.has(digest)).sort());

        moved.length = 0;
        await copy(watched, "v1", target);
        assert.deepEqual(moved, []);
      }),
      { numRuns: 100 },
    );
  });
});
