import { RejectedError } from "../errors.ts";
import { type ByteReader, StreamReader } from "./byte-reader.ts";
import { paddingOf } from "./header.ts";
import { quoted } from "./paths.ts";
import { type EntryHead, type ReadLimits, readBlocks, tarEntries, truncated } from "./tar-entries.ts";

/** An entry as it was read and found acceptable. */
export interface ReadEntry extends EntryHead {
  /** To be read before the next entry is asked for; what is left then is skipped and can no longer be read. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Read a tar strictly, as it flows in: ustar, GNU (long names, base 256), PAX (path, linkpath, size), and the form before
 * them.
 *
 * Refused are: absolute paths, `..`, names that come twice or lie below a file or link, links that lead out, devices and
 * everything else that is not file, directory or link, sparse files, contradictory descriptions, more than the limits
 * allow, a wrong checksum, a missing end, and anything but zeros behind the end. The source is read to its end.
 *
 * @throws RejectedError ARCHIVE_INVALID; errors of the source pass as they are
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  limits: ReadLimits,
): AsyncGenerator<ReadEntry, void, undefined> {
  const reader = new StreamReader(source);
  try {
    for await (const entry of tarEntries(reader, limits)) {
      const body = new Body(reader, entry.path, entry.size);
      yield { ...entry, body };
      const padding = await body.skip();
      if (limits.canonical && padding.some((byte) => byte !== 0)) throw garbled(entry.path);
    }
  } finally {
    await reader.close();
  }
}

/** The content of one file, as far as nobody has moved on. */
class Body implements AsyncIterable<Uint8Array> {
  readonly #reader: ByteReader;
  readonly #path: string;
  #left: number;
  readonly #padding: number;
  #skipped = false;

  constructor(reader: ByteReader, path: string, size: number) {
    this.#reader = reader;
    this.#path = path;
    this.#left = size;
    this.#padding = paddingOf(size);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      if (this.#skipped) throw new Error(`Cannot read entry ${quoted(this.#path)}: the next one was asked for`);
      if (this.#left === 0) return;
      yield await this.#some();
    }
  }

  /** @returns what fills the last block */
  async skip(): Promise<Uint8Array> {
    this.#skipped = true;
    while (this.#left > 0) await this.#some();
    return readBlocks(this.#reader, this.#padding);
  }

  async #some(): Promise<Uint8Array> {
    const chunk = await this.#reader.some(this.#left);
    if (chunk === undefined) throw truncated();
    this.#left -= chunk.byteLength;
    return chunk;
  }
}

const garbled = (path: string): RejectedError =>
  new RejectedError(
    "ARCHIVE_INVALID",
    `Cannot read archive: what fills the last block of ${quoted(path)} is not zeros`,
  );
