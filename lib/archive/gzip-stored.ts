import { crc32 } from "node:zlib";
import { ActiveReads } from "./active-reads.ts";
import {
  blockContent,
  blockHeader,
  framedSize,
  header,
  placedRuns,
  runSizes,
  stride,
  trailerSize,
} from "./block-layout.ts";
import { joinCrc32 } from "./crc32.ts";
import { bytesSegment, checkRange, concat, exact, late, type Part, type Segment } from "./segments.ts";

export interface StoredGzip extends Segment {
  /** How its content is framed: sizes of what is in blocks of its own. `storedContent` finds its way by them. */
  readonly runs: readonly number[];
}

/**
 * A real gzip file (one member) that holds `content` as it is, in stored blocks: for content that is compressed already,
 * or that must keep a size known beforehand. It grows by 0.01 %.
 *
 * Each large part of the content begins a block and is followed by another one: it has the same bytes in every such file.
 *
 * Every range but the last 8 bytes is produced from its own part of the content. Those hold a CRC-32 of everything. Each
 * read that came to its end remembers the CRC of what went through it, in whatever order and however parallel, and the
 * trailer joins them: it waits for those under way, and what was not read by then is read for it.
 */
export function gzipStored(content: Segment): StoredGzip {
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
  const runs = runSizes(content.size, content.parts);
  const blocks = placedRuns(runs).map(({ at, size }) => storedBlocks(sums, at, size, at + size === content.size));
  // Even nothing needs a block that says it is the last.
  if (blocks.length === 0) blocks.push(storedBlocks(sums, 0, 0, true));
  const whole = concat([bytesSegment(header), ...blocks, trailer]);
  return {
    size: whole.size,
    runs,
    parts: framedParts(content, runs),
    read: whole.read,
  };
}

/** The parts as they lie in the file. The last block is like no other, since it says that nothing follows. */
function framedParts({ parts = [], size: whole }: Segment, runs: readonly number[]): readonly Part[] {
  const places = new Map(placedRuns(runs).map(({ at, place }) => [at, place]));
  return parts.flatMap(({ at, size, origin }) => {
    if (at + size === whole) return [];
    const framed = origin?.form === "framed" ? ({ ...origin, form: "plain" } as const) : undefined;
    return [{ at: places.get(at)!, size: framedSize(size), origin: framed }];
  });
}

/** `length` bytes of the content from `from` on, as blocks of their own. */
function storedBlocks(sums: Sums, from: number, length: number, isLast: boolean): Segment {
  const blocks = Math.max(1, Math.ceil(length / blockContent));
  const size = blocks * blockHeader + length;
  const headerOf = (block: number): Uint8Array => {
    const isEnd = block === blocks - 1;
    const bytesIn = isEnd ? length - block * blockContent : blockContent;
    const bytes = Buffer.alloc(blockHeader);
    bytes[0] = isEnd && isLast ? 1 : 0;
    bytes.writeUInt16LE(bytesIn, 1);
    bytes.writeUInt16LE(bytesIn ^ 0xffff, 3);
    return bytes;
  };
  const contentAt = (at: number): number =>
    from + Math.floor(at / stride) * blockContent + Math.max(0, (at % stride) - blockHeader);
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
