/**
 * Memory for the parts of one upload. A part that arrived gives its memory to the next one, so that an upload needs as much
 * of it at its end as at its beginning. One whose request failed does not: the connection might still read from it.
 */
export class PartBuffers {
  readonly #free: Buffer[] = [];

  take(size: number): Buffer {
    const buffer = this.#free.pop();
    return buffer !== undefined && buffer.byteLength >= size ? buffer : Buffer.allocUnsafeSlow(size);
  }

  give(buffer: Buffer): void {
    this.#free.push(buffer);
  }
}
