import { createHash } from "node:crypto";

/** Bytes that look random and depend on nothing but the seed: the same inputs must give the same rendering. */
export class Randomness {
  readonly #seed: string;
  #counter = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** The next bytes: a hash of any length, since one hash for 32 bytes each would take most of the time of a key. */
  bytes(count: number): Uint8Array {
    return createHash("shake256", { outputLength: count })
      .update(`${this.#seed}\n${this.#counter++}`)
      .digest();
  }
}
