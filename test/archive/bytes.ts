import fc from "fast-check";
import type { Segment } from "../../lib/archive/index.ts";

export async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const contentOf = (segment: Segment): Promise<Buffer> => collect(segment.read(0, segment.size));

/** A stream of these bytes in chunks of at most this size. */
export async function* inChunks(
  bytes: Uint8Array,
  size = bytes.byteLength,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

export interface Recorded extends Segment {
  /** Every range that was asked for. */
  readonly reads: (readonly [start: number, end: number])[];
}

/** A segment that gives its bytes in small chunks and remembers who asked for what. */
export function recorded(bytes: Uint8Array, chunkSize = 1000): Recorded {
  const reads: [number, number][] = [];
  return {
    size: bytes.byteLength,
    reads,
    read(start, end) {
      reads.push([start, end]);
      return inChunks(bytes.subarray(start, end), chunkSize);
    },
  };
}

/** The same segment, whose first read gives other bytes and breaks at its end: as a source does that verifies. */
export function brokenOnce(segment: Segment, error: Error): Segment {
  let first = true;
  return {
    size: segment.size,
    async *read(start, end) {
      const broken = first;
      first = false;
      for await (const chunk of segment.read(start, end)) yield broken ? chunk.map((byte) => byte ^ 1) : chunk;
      if (broken) throw error;
    },
  };
}

/** Bytes that differ everywhere and are the same in every run. */
export function noise(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** The parts that a text of this size falls into when it is cut at random places. */
export const cuts = (size: number): fc.Arbitrary<(readonly [start: number, end: number])[]> =>
  fc.array(fc.nat(size), { maxLength: 8 }).map((places) => {
    const bounds = [0, ...places.toSorted((a, b) => a - b), size];
    return bounds.slice(1).map((end, index) => [bounds[index]!, end] as const);
  });
