import { createHash } from "node:crypto";
import { checkRange, exact, type Segment } from "./segments.ts";

export interface HashingSegment extends Segment {
  /**
   * The sha256 of the whole segment, in lower-case hex. It costs nothing once the segment was read from front to end; what
   * has not been hashed by then is read for it.
   */
  sha256(signal?: AbortSignal): Promise<string>;
}

/**
 * The same segment, hashed while it is read.
 *
 * Unlike a CRC, a sha256 grows only from front to end: reads that follow each other are hashed as they pass, also in
 * parts and when a part comes again; bytes that are read ahead of the front pass unhashed.
 */
export function hashing(segment: Segment): HashingSegment {
  const { size } = segment;
  const hash = createHash("sha256");
  let front = 0;
  let digest: string | undefined;

  async function* read(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    checkRange(start, end, size);
    let at = start;
    for await (const chunk of exact(segment.read(start, end, signal), end - start, segment.name ?? "part", signal)) {
      // Reads may overlap in time: whoever holds the next bytes moves the front, at once and only once.
      const next = at + chunk.byteLength;
      if (at <= front && next > front) {
        hash.update(chunk.subarray(front - at));
        front = next;
      }
      at = next;
      yield chunk;
    }
  }

  return {
    ...(segment.name === undefined ? {} : { name: segment.name }),
    size,
    read,
    async sha256(signal) {
      if (front < size) for await (const _ of read(front, size, signal));
      digest ??= hash.digest("hex");
      return digest;
    },
  };
}
