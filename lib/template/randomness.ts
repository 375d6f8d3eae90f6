import { createHash } from "node:crypto";

/** Bytes that look random and depend on nothing but the seed: the same inputs must give the same rendering. */
export class Randomness {
  readonly #seed: string;
  #counter = 0;
  #rest: Uint8Array = new Uint8Array();

  constructor(seed: string) {
    this.#seed = seed;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      if (this.#rest.length === 0) {
        this.#rest = createHash("sha256")
          .update(`${this.#seed}\n${this.#counter++}`)
          .digest();
      }
      const piece = this.#rest.subarray(0, count - at);
      bytes.set(piece, at);
      at += piece.length;
      this.#rest = this.#rest.subarray(piece.length);
    }
    return bytes;
  }
}
