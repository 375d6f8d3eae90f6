import type { Digest } from "../../oci/index.ts";

interface Held {
  readonly size: number;
  readonly bytes: Promise<Uint8Array>;
}

/** Texts in memory, up to so many bytes together; those that were asked for last. */
export class TextMemory {
  readonly #limit: number;
  readonly #held = new Map<Digest, Held>();
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  fits(size: number): boolean {
    return size <= this.#limit;
  }

  /**
   * @param read asked once for all who want it at the time
   * @returns undefined when it takes more than all there is
   */
  get(digest: Digest, size: number, read: () => Promise<Uint8Array>): Promise<Uint8Array> | undefined {
    if (!this.fits(size)) return undefined;
    const held = this.#held.get(digest);
    if (held !== undefined) {
      this.#held.delete(digest);
      this.#held.set(digest, held);
      return held.bytes;
    }
    this.#used += size;
    for (const [oldest] of this.#held) {
      if (this.#used <= this.#limit) break;
      this.#forget(oldest);
    }
    const bytes = read();
    this.#held.set(digest, { size, bytes });
    bytes.catch(() => {
      if (this.#held.get(digest)?.bytes === bytes) this.#forget(digest);
    });
    return bytes;
  }

  #forget(digest: Digest): void {
    this.#used -= this.#held.get(digest)?.size ?? 0;
    this.#held.delete(digest);
  }
}
