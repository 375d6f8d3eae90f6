import type { FileHandle } from "node:fs/promises";

/** Bytes that are written at once. */
const BUFFER_BYTES = 256 * 1024;
/** Bytes after which what was written begins to reach the disk: waiting for all of it at the end takes longer. */
const SYNC_BYTES = 32 * 1024 * 1024;

/**
 * Writes a new file from front to end, in large pieces. One is on its way while the next is gathered in a second buffer.
 *
 * Methods throw what the system throws; of what could not be written, the next call hears.
 */
export class FileWriter {
  readonly #handle: FileHandle;
  #gathering: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #gathered = 0;
  /** What is being written, and used again then. */
  #other: Buffer | undefined;
  #at = 0;
  #synced = 0;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.byteLength > 0; ) {
      const piece = rest.subarray(0, BUFFER_BYTES - this.#gathered);
      this.#gathering.set(piece, this.#gathered);
      this.#gathered += piece.byteLength;
      rest = rest.subarray(piece.byteLength);
      if (this.#gathered === BUFFER_BYTES) await this.#flush();
    }
  }

  /** Until all is on the disk. */
  async finish(): Promise<void> {
    await this.#writing;
    await this.#put(this.#gathering.subarray(0, this.#gathered));
    await this.#syncing;
    await this.#handle.sync();
  }

  /** Until nothing is under way any more, well or not: then the file may be closed. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
  }

  async #flush(): Promise<void> {
    await this.#writing;
    this.#writing = heardLater(this.#put(this.#gathering));
    [this.#gathering, this.#other] = [this.#other ?? Buffer.allocUnsafeSlow(BUFFER_BYTES), this.#gathering];
    this.#gathered = 0;
    if (this.#at - this.#synced < SYNC_BYTES) return;
    // one at a time: a disk that is slower than what is written to it must be waited for
    await this.#syncing;
    this.#synced = this.#at;
    this.#syncing = heardLater(this.#handle.datasync());
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, this.#at);
      done += bytesWritten;
      this.#at += bytesWritten;
    }
  }
}

/** Somebody waits for it later: until then it is no unhandled failure. */
function heardLater(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}
