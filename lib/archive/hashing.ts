import { createHash } from "node:crypto";
import { ActiveReads } from "./active-reads.ts";
import { checkRange, exact, type Segment } from "./segments.ts";

export interface HashingSegment extends Segment {
  /**
   * The sha256 of the whole segment, in lower-case hex. It waits for reads that are under way; what has not been hashed then
   * is read for it.
   */
  sha256(signal?: AbortSignal): Promise<string>;
}

/** Bytes that were read before their turn and are kept until then: what an upload has on its way. */
const mostAhead = 48 * 1024 * 1024;

/**
 * The same segment, hashed while it is read.
 *
 * Unlike a CRC, a sha256 grows only from front to end: reads that follow each other are hashed as they pass, also in parts
 * and when a part comes again. Parts that are read at the same time, as uploads do, are kept until those before them have
 * been hashed; beyond some megabytes, bytes that are read ahead of the front pass unhashed. Only reads that came to their
 * end count.
 */
export function hashing(segment: Segment): HashingSegment {
  const { size } = segment;
  const active = new ActiveReads();
  /** The hash of everything before `front`. */
  let hashed = { hash: createHash("sha256"), front: 0 };
  /** Complete reads ahead of the front, by their first byte. */
  const ahead = new Map<number, Uint8Array>();
  /** Bytes of those, and of the ones that are being filled. */
  let kept = 0;

  function catchUp(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const [start, bytes] of ahead) {
        if (start > hashed.front) continue;
        const fresh = bytes.subarray(Math.min(bytes.byteLength, hashed.front - start));
        hashed = { hash: hashed.hash.update(fresh), front: hashed.front + fresh.byteLength };
        ahead.delete(start);
        kept -= bytes.byteLength;
        moved = true;
      }
    }
  }

  /** Room for a read that came before its turn; undefined when it must pass unhashed. */
  function roomFor(start: number, end: number): Uint8Array | undefined {
    if (ahead.has(start) || kept + end - start > mostAhead) return undefined;
    kept += end - start;
    return Buffer.allocUnsafeSlow(end - start);
  }

  async function* read(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    checkRange(start, end, size);
    // Of its own until it is complete: what a read gave that failed later may have been wrong.
    const own = start <= hashed.front ? { hash: hashed.hash.copy(), front: hashed.front } : undefined;
    const early = own === undefined ? roomFor(start, end) : undefined;
    const ended = active.begin(start, end);
    let complete = false;
    try {
      let at = start;
      for await (const chunk of exact(segment.read(start, end, signal), end - start, segment.name ?? "part", signal)) {
        const next = at + chunk.byteLength;
        if (own !== undefined && next > own.front) {
          own.hash.update(chunk.subarray(Math.max(0, own.front - at)));
          own.front = next;
        }
        early?.set(chunk, at - start);
        at = next;
        yield chunk;
      }
      complete = true;
      if (own !== undefined && own.front > hashed.front) hashed = own;
      if (early !== undefined && !ahead.has(start)) ahead.set(start, early);
      else if (early !== undefined) kept -= early.byteLength;
      catchUp();
    } finally {
      if (!complete && early !== undefined) kept -= early.byteLength;
      ended();
    }
  }

  return {
    ...(segment.name === undefined ? {} : { name: segment.name }),
    size,
    parts: segment.parts,
    read,
    async sha256(signal) {
      while (hashed.front < size) {
        const under = active.covering(hashed.front);
        if (under !== undefined) await under;
        else for await (const _ of read(hashed.front, nextOf(ahead, hashed.front, size), signal));
      }
      return hashed.hash.copy().digest("hex");
    },
  };
}

function nextOf(ahead: ReadonlyMap<number, Uint8Array>, front: number, size: number): number {
  let next = size;
  for (const start of ahead.keys()) if (start > front && start < next) next = start;
  return next;
}
