import { crc32 } from "node:zlib";
import { RejectedError } from "../errors.ts";
import { StreamReader } from "./byte-reader.ts";
import { blockContent, blockHeader, header, stride, trailerSize } from "./gzip-stored.ts";
import { checkRange, type Segment } from "./segments.ts";

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
  const take = async (count: number): Promise<Buffer> => {
    const bytes = await reader.exactly(count);
    if (bytes.byteLength < count) throw refused("it is cut short");
    return Buffer.from(bytes.buffer, bytes.byteOffset, count);
  };
  try {
    if (!(await take(header.byteLength)).equals(header)) throw refused("its header is not one that stowage writes");
    let crc = 0;
    let size = 0;
    for (let last = false; !last; ) {
      const block = await take(blockHeader);
      last = isLastBlock(block);
      for (let left = block.readUInt16LE(1); left > 0; ) {
        const chunk = await reader.some(left);
        if (chunk === undefined) throw refused("it is cut short");
        left -= chunk.byteLength;
        size += chunk.byteLength;
        crc = crc32(chunk, crc);
        yield chunk;
      }
    }
    const trailer = await take(trailerSize);
    if (trailer.readUInt32LE(0) !== crc) throw refused("its bytes do not have the CRC-32 of its end");
    if (trailer.readUInt32LE(4) !== size % 2 ** 32) throw refused("it does not have the size that its end says");
    if ((await reader.some(1)) !== undefined) throw refused("something follows its end");
  } finally {
    await reader.close();
  }
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
 */
export function storedContent(file: Segment): Segment {
  const framing = header.byteLength + trailerSize;
  const blocks = Math.ceil((file.size - framing) / stride);
  const size = file.size - framing - blocks * blockHeader;
  const placeOf = (at: number): number =>
    header.byteLength + Math.floor(at / blockContent) * stride + blockHeader + (at % blockContent);
  return {
    ...(file.name === undefined ? {} : { name: file.name }),
    size,
    async *read(start, end, signal) {
      checkRange(start, end, size);
      if (start === end) return;
      let at = placeOf(start);
      for await (const chunk of file.read(at, placeOf(end - 1) + 1, signal)) {
        for (let rest = chunk; rest.byteLength > 0; ) {
          const within = (at - header.byteLength) % stride;
          const skipped = Math.min(rest.byteLength, Math.max(0, blockHeader - within));
          const piece = rest.subarray(skipped, skipped + stride - Math.max(within, blockHeader));
          at += skipped + piece.byteLength;
          rest = rest.subarray(skipped + piece.byteLength);
          if (piece.byteLength > 0) yield piece;
        }
      }
    },
  };
}

const refused = (why: string): RejectedError => new RejectedError("ARCHIVE_INVALID", `Cannot inflate archive: ${why}`);
