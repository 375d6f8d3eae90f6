import { crc32, deflateRawSync, constants as zlib } from "node:zlib";
import { joinCrc32 } from "../../archive/index.ts";

/** A text, and what is needed to make it a piece of a gzip file. */
export interface Packed {
  /** Bytes of the text. */
  readonly size: number;
  readonly crc: number;
  /** Deflated, ending on a byte (a full flush), with no block that says it is the last: pieces can follow each other. */
  readonly deflated: Uint8Array;
}

/** What a generation remembers of a packed text. */
export interface PackedSizes {
  readonly size: number;
  readonly crc: number;
  /** Bytes of the deflated piece. */
  readonly deflated: number;
}

export function pack(text: Uint8Array): Packed {
  return {
    size: text.byteLength,
    crc: crc32(text),
    deflated: deflateRawSync(text, { finishFlush: zlib.Z_FULL_FLUSH }),
  };
}

/** A short text as it is, in a stored block (RFC 1951, 3.2.4): the same bytes whoever's zlib makes them. */
export function store(text: Uint8Array): Packed {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(text.byteLength, 1);
  header.writeUInt16LE(text.byteLength ^ 0xffff, 3);
  return { size: text.byteLength, crc: crc32(text), deflated: Buffer.concat([header, text]) };
}

export const sizesOf = ({ size, crc, deflated }: Packed): PackedSizes => ({ size, crc, deflated: deflated.byteLength });

/** Magic, deflate, no flags, no time, no hints, system unknown (RFC 1952, 2.3). */
export const GZIP_HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/** An empty block that says it is the last (RFC 1951, 3.2.6), then CRC and size of all pieces. */
export function gzipTrailer(pieces: Iterable<Pick<PackedSizes, "size" | "crc">>): Uint8Array {
  let crc = 0;
  let total = 0;
  for (const piece of pieces) {
    crc = joinCrc32(crc, piece.crc, piece.size);
    total += piece.size;
  }
  const bytes = Buffer.from([0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32LE(crc, 2);
  bytes.writeUInt32LE(total % 2 ** 32, 6);
  return bytes;
}
