import { type ByteReader, StreamReader } from "./byte-reader.ts";
import { paddingOf } from "./header.ts";
import { quoted } from "./paths.ts";
import { checkPadding, type EntryHead, type ReadLimits, tarEntries, truncated, walkTar, whole } from "./tar-entries.ts";

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
      checkPadding(await body.skip(), entry.path, limits);
    }
  } finally {
    await reader.close();
  }
}

/** An entry of a tar that lies in memory. */
export interface EntryInMemory extends EntryHead {
  /** A view of the archive's bytes. */
  readonly content: Uint8Array;
}

/**
 * Read a tar that lies in memory: as strict as {@linkcode readTar}, by the same code, without waiting and without copying.
 *
 * @throws RejectedError ARCHIVE_INVALID
 */
export function* readTarInMemory(archive: Uint8Array, limits: ReadLimits): Generator<EntryInMemory, void, undefined> {
  let at = 0;
  const next = (size: number): Uint8Array => {
    at += size;
    return archive.subarray(at - size, at);
  };
  const walk = walkTar(limits);
  for (let step = walk.next(); !step.done; ) {
    if (typeof step.value === "number") step = walk.next(next(step.value));
    else {
      const { type, path, written, size, mode, target } = step.value;
      yield { type, path, written, size, mode, target, content: whole(next(size), size) };
      const padding = paddingOf(size);
      checkPadding(whole(next(padding), padding), path, limits);
      step = walk.next();
    }
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
    return whole(await this.#reader.exactly(this.#padding), this.#padding);
  }

  async #some(): Promise<Uint8Array> {
    const chunk = await this.#reader.some(this.#left);
    if (chunk === undefined) throw truncated();
    this.#left -= chunk.byteLength;
    return chunk;
  }
}
