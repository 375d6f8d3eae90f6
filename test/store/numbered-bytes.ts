import type { RangeBody } from "../../lib/store/index.ts";

const BLOCK = 64 * 1024;

interface NumberedBytes extends RangeBody {
  readonly all: () => Buffer;
  /** How many bytes were read so far. */
  readonly given: () => number;
}

/** A body of blocks that begin with their number: any range of it can be made and checked alone. Seeds tell bodies apart. */
export function numberedBytes(size: number, seed = 1): NumberedBytes {
  let given = 0;
  const block = (start: number, end: number): Buffer => {
    const bytes = Buffer.alloc(BLOCK, Buffer.from([seed, 1, 2, 3, 5, 7, 11]));
    bytes.writeUInt32LE(Math.floor(start / BLOCK));
    return bytes.subarray(start % BLOCK, ((end - 1) % BLOCK) + 1);
  };
  const blocks = function* (start: number, end: number) {
    for (let at = start; at < end; ) {
      const next = Math.min(end, at - (at % BLOCK) + BLOCK);
      yield block(at, next);
      at = next;
    }
  };
  return {
    size,
    all: () => Buffer.concat([...blocks(0, size)]),
    given: () => given,
    async *read(start, end) {
      for (const chunk of blocks(start, end)) {
        given += chunk.byteLength;
        yield chunk;
      }
    },
  };
}
