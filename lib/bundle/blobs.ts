import { type HashingSegment, hashing, type Segment } from "../archive/index.ts";
import { RejectedError, StowageError } from "../errors.ts";
import { contentSegment, type Descriptor, type Digest, hexOf, type Source } from "../oci/index.ts";

/**
 * Bytes of the smallest content that is a part of its own, wherever it lies: below, a store would not copy it either, or it
 * would cost more requests than it saves. Another number gives bundles other bytes.
 */
const PART = 1024 * 1024;

/**
 * The layers, configs and charts of a bundle, wherever they are read. Every one of them is checked against its digest,
 * also where it is read in pieces: see {@linkcode Blobs.check}.
 */
export class Blobs {
  /** Bytes read from registries. */
  moved = 0;
  /** Bytes read from a bundle that is there already. */
  reused = 0;
  /** What a bundle at hand has. */
  readonly #held: ReadonlyMap<Digest, Segment>;
  readonly #inPieces = new Map<HashingSegment, Digest>();

  constructor(held: ReadonlyMap<Digest, Segment> = new Map()) {
    this.#held = held;
  }

  segment(source: Source, descriptor: Descriptor): Segment {
    const { digest, size } = descriptor;
    const held = this.#heldOf(digest, size);
    const content = contentSegment(source, descriptor);
    const counted: Segment = {
      name: digest,
      size,
      read: (start, end, signal) =>
        held === undefined ? this.#moved(content, start, end, signal) : this.#reused(held, content, start, end, signal),
    };
    const hashed = hashing(counted);
    return this.part(digest, {
      name: digest,
      size,
      read: (start, end, signal) => {
        // the source has checked a whole read when it comes to its end
        if (held === undefined && start === 0 && end === size) return counted.read(start, end, signal);
        this.#inPieces.set(hashed, digest);
        return hashed.read(start, end, signal);
      },
    });
  }

  /** Content that is known by its digest, as a part of archives where it is large, and with where it lies already. */
  part(digest: Digest, content: Segment): Segment {
    const { size } = content;
    if (size < PART) return content;
    return { ...content, parts: [{ at: 0, size, origin: this.#heldOf(digest, size)?.origin?.(0, size) }] };
  }

  /**
   * Check what was read in pieces: to be called when all has been read, before any of it is shown to anybody.
   *
   * @throws RejectedError CONTENT_MISMATCH
   */
  async check(signal?: AbortSignal): Promise<void> {
    for (const [hashed, digest] of this.#inPieces) {
      const actual = await hashed.sha256(signal);
      if (actual !== hexOf(digest)) {
        throw new RejectedError("CONTENT_MISMATCH", `Cannot bundle ${digest}: its bytes have digest sha256:${actual}`);
      }
      this.#inPieces.delete(hashed);
    }
  }

  #heldOf(digest: Digest, size: number): Segment | undefined {
    const held = this.#held.get(digest);
    return held?.size === size ? held : undefined;
  }

  async *#moved(content: Segment, start: number, end: number, signal: AbortSignal | undefined) {
    for await (const chunk of content.read(start, end, signal)) {
      this.moved += chunk.byteLength;
      yield chunk;
    }
  }

  /** A bundle that is overwritten or taken away meanwhile is no reason to fail: the registry has the rest. */
  async *#reused(held: Segment, content: Segment, start: number, end: number, signal: AbortSignal | undefined) {
    let at = start;
    try {
      for await (const chunk of held.read(start, end, signal)) {
        this.reused += chunk.byteLength;
        at += chunk.byteLength;
        yield chunk;
      }
    } catch (error) {
      if (!(error instanceof StowageError)) throw error;
      if (at < end) yield* this.#moved(content, at, end, signal);
    }
  }
}

/** A segment whose last byte is given only after `check` has passed. */
export const gated = (content: Segment, check: (signal?: AbortSignal) => Promise<void>): Segment => ({
  ...content,
  async *read(start, end, signal) {
    if (end < content.size || start === end) return yield* content.read(start, end, signal);
    yield* content.read(start, end - 1, signal);
    await check(signal);
    yield* content.read(end - 1, end, signal);
  },
});
