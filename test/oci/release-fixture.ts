import type { Target } from "../../lib/oci/content.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { imageFixture, indexPiece, layerPiece, type Piece, putAll } from "../contracts/image-fixture.ts";

/** Two images of two platforms that share a layer, and their index. */
export function release() {
  const shared = layerPiece("shared", 70_000);
  const images = ["a", "b"].map((seed) => imageFixture(seed, { layers: [shared, layerPiece(seed)] }));
  const index = indexPiece(images.map(({ manifest }) => manifest));
  const pieces = [...images.flatMap(({ pieces }) => pieces), index];
  const blobs = [shared, ...images.flatMap(({ config, layers }) => [config, layers[1]!])];
  return { images, index, pieces, blobs };
}

export const total = (pieces: readonly Piece[]): number => pieces.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);

export async function memoryWith(pieces: readonly Piece[], tags: Readonly<Record<string, Piece>>): Promise<Target> {
  const memory = openMemory();
  await putAll(memory, pieces);
  for (const [tag, { descriptor }] of Object.entries(tags)) await memory.tag(tag, descriptor);
  return memory;
}

/** A place that notes what was asked of it. */
export function noting(place: Target) {
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
