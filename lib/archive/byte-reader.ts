/** Takes a stream of bytes apart by count. */
export class ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** The next bytes, at least one and at most `most` of them, without a copy; undefined at the end of the stream. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.#rest.byteLength === 0) {
      const step = await this.#iterator.next();
      if (step.done) return undefined;
      this.#rest = step.value;
    }
    const bytes = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(most);
    return bytes;
  }

  /** The next `count` bytes in one piece; fewer only where the stream ends. */
  async exactly(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let missing = count; missing > 0; ) {
      const piece = await this.some(missing);
      if (piece === undefined) break;
      pieces.push(piece);
      missing -= piece.byteLength;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** End the stream before its end. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
