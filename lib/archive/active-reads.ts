interface ActiveRead {
  readonly start: number;
  readonly end: number;
  readonly ended: Promise<void>;
}

/** The reads of a segment that are under way: what they will have read need not be read once more. */
export class ActiveReads {
  readonly #reads = new Set<ActiveRead>();

  /** @returns what to call when the read has ended, well or not */
  begin(start: number, end: number): () => void {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const read = { start, end, ended };
    this.#reads.add(read);
    return () => {
      this.#reads.delete(read);
      resolve();
    };
  }

  /** The end of a read that gives the byte at `position`; undefined when there is none. */
  covering(position: number): Promise<void> | undefined {
    for (const { start, end, ended } of this.#reads) if (start <= position && position < end) return ended;
    return undefined;
  }
}
