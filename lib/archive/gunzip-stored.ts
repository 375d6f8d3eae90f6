import { crc32 } from "node:zlib";
import { RejectedError } from "../errors.ts";
import {
  blockContent,
  blockHeader,
  framedSize,
  header,
  placedRuns,
  type Run,
  stride,
  trailerSize,
} from "./block-layout.ts";
import { StreamReader } from "./byte-reader.ts";
import { checkRange, type Origin, type Segment } from "./segments.ts";

/** Bytes that tell {@linkcode isStored}. */
export const storedHeadSize = header.byteLength + 1;

/** Whether a file that begins with these bytes is gzip as `gzipStored` writes it. */
export const isStored = (head: Uint8Array): boolean =>
  head.byteLength >= storedHeadSize &&
  Buffer.from(header).equals(head.subarray(0, header.byteLength)) &&
  head[header.byteLength]! <= 1;

/** Whether a file that begins with these bytes is gzip whose first block is stored: of a tar, only on purpose. */
export const beginsStored = (head: Uint8Array): boolean =>
  head.byteLength >= storedHeadSize &&
  head[0] === header[0] &&
  head[1] === header[1] &&
  (head[header.byteLength]! & blockType) === 0;

/** The bits of a block's first byte that say of what type it is; 0 is stored. */
const blockType = 0b110;

/**
 * The content of gzip as `gzipStored` writes it, as it flows in. Nothing in it is passed over: where zlib leaves bits unread,
 * a changed one is found here.
 *
 * @throws RejectedError ARCHIVE_INVALID; errors of the source pass as they are
 */
export async function* gunzipStored(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new StreamReader(source);
  try {
    if (!(await exactly(reader, header.byteLength)).equals(header))
      throw refused("its header is not one that stowage writes");
    let crc = 0;
    let size = 0;
    for (let last = false; !last; ) {
      const block = await exactly(reader, blockHeader);
      last = isLastBlock(block);
      for (let left = block.readUInt16LE(1); left > 0; ) {
        const chunk = await some(reader, left);
        left -= chunk.byteLength;
        size += chunk.byteLength;
        crc = crc32(chunk, crc);
        yield chunk;
      }
    }
    const trailer = await exactly(reader, trailerSize);
    if (trailer.readUInt32LE(0) !== crc) throw refused("its bytes do not have the CRC-32 of its end");
    if (trailer.readUInt32LE(4) !== size % 2 ** 32) throw refused("it does not have the size that its end says");
    if ((await reader.some(1)) !== undefined) throw refused("something follows its end");
  } finally {
    await reader.close();
  }
}

async function exactly(reader: StreamReader, count: number): Promise<Buffer> {
  const bytes = await reader.exactly(count);
  if (bytes.byteLength < count) throw refused("it is cut short");
  return Buffer.from(bytes.buffer, bytes.byteOffset, count);
}

async function some(reader: StreamReader, most: number): Promise<Uint8Array> {
  const bytes = await reader.some(most);
  if (bytes === undefined) throw refused("it is cut short");
  return bytes;
}

function isLastBlock(block: Buffer): boolean {
  if (block[0]! > 1) throw refused("a block is not a stored one");
  if (block.readUInt16LE(1) !== (block.readUInt16LE(3) ^ 0xffff)) throw refused("the length of a block is damaged");
  return block[0] === 1;
}

/**
 * The content of a file that `gzipStored` wrote, as a segment: any range is found without what is before it. Headers of
 * blocks are passed over and the CRC-32 is not looked at; who reads checks the bytes in another way. The file is one for
 * which `isStored` holds.
 *
 * @param runs as `gzipStored` told them; without them, or where they do not fit the file, it is read once to find them
 * @throws RejectedError ARCHIVE_INVALID
 */
export async function storedContent(file: Segment, runs?: readonly number[], signal?: AbortSignal): Promise<Segment> {
  const framed = file.size - header.byteLength - trailerSize;
  const fits = runs !== undefined && runs.length > 0 && sum(runs.map(framedSize)) === framed;
  const placed = placedRuns(fits ? runs : await findRuns(file, signal));
  const size = sum(placed.map((run) => run.size));
  return {
    ...(file.name === undefined ? {} : { name: file.name }),
    size,
    origin: (start, end) => (end === size ? undefined : framedOrigin(file, placed, start, end)),
    async *read(start, end, signal) {
      checkRange(start, end, size);
      for (let index = firstEndingAfter(placed, start); index < placed.length && placed[index]!.at < end; index++) {
        const run = placed[index]!;
        yield* unframed(file, run, Math.max(0, start - run.at), Math.min(run.size, end - run.at), signal);
      }
    },
  };
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** Sizes of the runs in a file: each ends with a block that is not full. */
async function findRuns(file: Segment, signal: AbortSignal | undefined): Promise<readonly number[]> {
  const reader = new StreamReader(file.read(header.byteLength, file.size, signal));
  const sizes: number[] = [];
  let size = 0;
  try {
    for (let last = false; !last; ) {
      const block = await exactly(reader, blockHeader);
      last = isLastBlock(block);
      const length = block.readUInt16LE(1);
      for (let left = length; left > 0; ) left -= (await some(reader, left)).byteLength;
      size += length;
      if (length === blockContent && !last) continue;
      sizes.push(size);
      size = 0;
    }
  } finally {
    await reader.close();
  }
  return sizes;
}

/** The index of the first run that ends behind a place in the content. */
function firstEndingAfter(runs: readonly Run[], at: number): number {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]!.at + runs[middle]!.size > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Bytes `start` to `end` of a run. */
async function* unframed(
  file: Segment,
  { place }: Run,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const placeOf = (at: number): number =>
    place + Math.floor(at / blockContent) * stride + blockHeader + (at % blockContent);
  if (start === end) return;
  let at = placeOf(start);
  for await (const chunk of file.read(at, placeOf(end - 1) + 1, signal)) {
    for (let rest = chunk; rest.byteLength > 0; ) {
      const within = (at - place) % stride;
      const skipped = Math.min(rest.byteLength, Math.max(0, blockHeader - within));
      const piece = rest.subarray(skipped, skipped + stride - Math.max(within, blockHeader));
      at += skipped + piece.byteLength;
      rest = rest.subarray(skipped + piece.byteLength);
      if (piece.byteLength > 0) yield piece;
    }
  }
}

/** Where a range lies that is a run of its own. */
function framedOrigin(file: Segment, runs: readonly Run[], start: number, end: number): Origin | undefined {
  const run = runs[firstEndingAfter(runs, start)];
  if (run?.at !== start || run.size !== end - start) return undefined;
  const origin = file.origin?.(run.place, run.place + framedSize(run.size));
  return origin && { ...origin, form: "framed" };
}

const refused = (why: string): RejectedError => new RejectedError("ARCHIVE_INVALID", `Cannot inflate archive: ${why}`);
