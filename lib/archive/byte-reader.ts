import type { Segment } from "./segments.ts";

/** Takes bytes apart by count, from front to end. */
export abstract class ByteReader {
  /** The next bytes, at least one and at most `most` of them; undefined at the end. */
  abstract some(most: number): Promise<Uint8Array | undefined>;

  /** The next `count` bytes in one piece; fewer only where they end. */
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
}

/** Reads a stream, without copying it. */
export class StreamReader extends ByteReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    super();
    this.#iterator = source[Symbol.asyncIterator]();
  }

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

  /** End the stream before its end. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** Most bytes that are read from a segment in one piece. */
const pieceSize = 64 * 1024;

/** Reads a segment, and only what is asked for: what lies between may be passed over. */
export class SegmentReader extends ByteReader {
  readonly #segment: Segment;
  readonly #signal: AbortSignal | undefined;
  /** Where the next byte lies. */
  position = 0;

  constructor(segment: Segment, signal?: AbortSignal) {
    super();
    this.#segment = segment;
    this.#signal = signal;
  }

  async some(most: number): Promise<Uint8Array | undefined> {
    this.#signal?.throwIfAborted();
    const start = this.position;
    const end = Math.min(start + Math.min(most, pieceSize), this.#segment.size);
    if (start >= end) return undefined;
    const bytes = await Array.fromAsync(this.#segment.read(start, end, this.#signal));
    this.position = end;
    return bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes);
  }
}
