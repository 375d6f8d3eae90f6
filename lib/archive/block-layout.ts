import type { Part } from "./segments.ts";

/** Magic, deflate, no flags, no time, no hints, system unknown (RFC 1952, 2.3). */
export const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
/** CRC-32 and size of the content (RFC 1952, 2.3.1). */
export const trailerSize = 8;

/** Content of the largest stored block, and the bytes before it: last flag, length, complement (RFC 1951, 3.2.4). */
export const blockContent = 65_535;
export const blockHeader = 5;
export const stride = blockHeader + blockContent;

/** Content in blocks that begin with it: all of them are full but the last. */
export interface Run {
  /** Where it begins in the content. */
  readonly at: number;
  readonly size: number;
  /** Where its first block begins in the file. */
  readonly place: number;
}

/** Bytes of content and of the headers of its blocks. */
export const framedSize = (size: number): number => size + Math.ceil(size / blockContent) * blockHeader;

/**
 * Sizes of the runs that content is framed in: each of its parts is one of its own, and so is what lies between them. So a
 * part has the same bytes in whatever file it lies.
 */
export function runSizes(size: number, parts: readonly Part[] = []): readonly number[] {
  const sizes: number[] = [];
  let at = 0;
  for (const part of parts) {
    sizes.push(part.at - at, part.size);
    at = part.at + part.size;
  }
  return [...sizes, size - at].filter((each) => each > 0);
}

/** Where runs of these sizes lie, one behind the other. */
export function placedRuns(sizes: readonly number[]): readonly Run[] {
  let [at, place] = [0, header.byteLength];
  return sizes.map((size) => {
    const run = { at, size, place };
    at += size;
    place += framedSize(size);
    return run;
  });
}
