import { crc32 } from "node:zlib";
import { ActiveReads } from "./active-reads.ts";
import { joinCrc32 } from "./crc32.ts";
import { bytesSegment, checkRange, concat, exact, late, type Segment } from "./segments.ts";

/** Magic, deflate, no flags, no time, no hints, system unknown (RFC 1952, 2.3). */
export const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
export const trailerSize = 8;

/** Content of the largest stored block, and the bytes before it: last flag, length, complement (RFC 1951, 3.2.4). */
export const blockContent = 65_535;
export const blockHeader = 5;
export const stride = blockHeader + blockContent;

/** Bytes of the chunks that come out. */
const chunkSize = 256 * 1024;

/**
 * A real gzip file (one member) that holds `content` as it is, in stored blocks: for content that is compressed already,
 * or that must keep a size known beforehand. It grows by 0.01 %.
 *
 * Every range but the last 8 bytes is produced from its own part of the content. Those hold a CRC-32 of everything. Each
 * read that came to its end remembers the CRC of what went through it, in whatever order and however parallel, and the
 * trailer joins them: it waits for those under way, and what was not read by then is read for it.
 */
export function gzipStored(content: Segment): Segment {
  const sums = new Sums(content);
  const trailer = late(
    trailerSize,
    async (signal) => {
      const bytes = Buffer.alloc(trailerSize);
      bytes.writeUInt32LE(await sums.total(signal), 0);
      bytes.writeUInt32LE(content.size % 2 ** 32, 4);
      return bytes;
    },
    "gzip trailer",
  );
  const whole = concat([bytesSegment(header), storedBlocks(content, sums), trailer]);
  return { size: whole.size, read: (start, end, signal) => joined(whole.read(start, end, signal)) };
}

function storedBlocks(content: Segment, sums: Sums): Segment {
  // Even nothing needs a block that says it is the last.
  const blocks = Math.max(1, Math.ceil(content.size / blockContent));
  const size = blocks * blockHeader + content.size;
  const headerOf = (block: number): Uint8Array => {
    const last = block === blocks - 1;
    const length = last ? content.size - block * blockContent : blockContent;
    const bytes = Buffer.alloc(blockHeader);
    bytes[0] = last ? 1 : 0;
    bytes.writeUInt16LE(length, 1);
    bytes.writeUInt16LE(length ^ 0xffff, 3);
    return bytes;
  };
  const contentAt = (at: number): number =>
    Math.floor(at / stride) * blockContent + Math.max(0, (at % stride) - blockHeader);
  return {
    size,
    async *read(start, end, signal) {
      checkRange(start, end, size);
      let at = start;
      for await (const chunk of sums.read(contentAt(start), contentAt(end), signal)) {
        for (let rest = chunk; rest.byteLength > 0; ) {
          const within = at % stride;
          if (within < blockHeader) {
            const bytes = headerOf(Math.floor(at / stride)).subarray(within);
            at += bytes.byteLength;
            yield bytes;
          }
          const piece = rest.subarray(0, stride - (at % stride));
          at += piece.byteLength;
          rest = rest.subarray(piece.byteLength);
          yield piece;
        }
      }
      // A range that ends within a block header, and the one header of an empty content.
      if (at < end) yield headerOf(Math.floor(at / stride)).subarray(at % stride, (at % stride) + end - at);
    },
  };
}

/** The CRC-32 of a segment, put together from those of the ranges that were read. */
class Sums {
  readonly #content: Segment;
  /** By first byte: the longest range read from there. */
  readonly #known = new Map<number, { readonly end: number; readonly crc: number }>();
  readonly #active = new ActiveReads();

  constructor(content: Segment) {
    this.#content = content;
  }

  async *read(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    let crc = 0;
    const bytes = this.#content.read(start, end, signal);
    const ended = this.#active.begin(start, end);
    try {
      for await (const chunk of exact(bytes, end - start, this.#content.name ?? "gzip content", signal)) {
        crc = crc32(chunk, crc);
        yield chunk;
      }
      // Not before: what a read gave that failed later may have been wrong.
      if (end > (this.#known.get(start)?.end ?? start)) this.#known.set(start, { end, crc });
    } finally {
      ended();
    }
  }

  async total(signal?: AbortSignal): Promise<number> {
    let crc = 0;
    for (let at = 0; at < this.#content.size; ) {
      const range = this.#known.get(at);
      const under = range === undefined ? this.#active.covering(at) : undefined;
      if (range !== undefined) {
        crc = joinCrc32(crc, range.crc, range.end - at);
        at = range.end;
      } else if (under !== undefined) {
        await under;
      } else {
        for await (const _ of this.read(at, this.#nextKnown(at), signal));
      }
    }
    return crc;
  }

  #nextKnown(at: number): number {
    let next = this.#content.size;
    for (const start of this.#known.keys()) if (start > at && start < next) next = start;
    return next;
  }
}

/** The same bytes in chunks of {@linkcode chunkSize}. */
async function* joined(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let buffer = Buffer.allocUnsafeSlow(chunkSize);
  let filled = 0;
  for await (const chunk of bytes) {
    for (let rest = chunk; rest.byteLength > 0; ) {
      const piece = rest.subarray(0, chunkSize - filled);
      buffer.set(piece, filled);
      filled += piece.byteLength;
      rest = rest.subarray(piece.byteLength);
      if (filled < chunkSize) continue;
      yield buffer;
      buffer = Buffer.allocUnsafeSlow(chunkSize);
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
