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
 * parts and when a part comes again; bytes that are read ahead of the front pass unhashed. Only reads that came to their end
 * count.
 */
export function hashing(segment: Segment): HashingSegment {
  const { size } = segment;
  /** The hash of everything before `front`. */
  let hashed = { hash: createHash("sha256"), front: 0 };

  async function* read(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    checkRange(start, end, size);
    // Of its own until it is complete: what a read gave that failed later may have been wrong.
    const own = start <= hashed.front ? { hash: hashed.hash.copy(), front: hashed.front } : undefined;
    let at = start;
    for await (const chunk of exact(segment.read(start, end, signal), end - start, segment.name ?? "part", signal)) {
      const next = at + chunk.byteLength;
      if (own !== undefined && next > own.front) {
        own.hash.update(chunk.subarray(Math.max(0, own.front - at)));
        own.front = next;
      }
      at = next;
      yield chunk;
    }
    if (own !== undefined && own.front > hashed.front) hashed = own;
  }

  return {
    ...(segment.name === undefined ? {} : { name: segment.name }),
    size,
    read,
    async sha256(signal) {
      if (hashed.front < size) for await (const _ of read(hashed.front, size, signal));
      return hashed.hash.copy().digest("hex");
    },
  };
}
