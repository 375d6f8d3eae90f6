import { RejectedError } from "../errors.ts";

/**
 * Bytes of known length of which any range can be produced alone, any number of times, always the same.
 *
 * Archives are made of these: size and layout are known before the first byte is read, and a part of an upload is
 * produced without the parts before it. The chunks belong to the segment; whoever takes them must not change them.
 */
export interface Segment {
  /** How it is called in messages. */
  readonly name?: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes `start` to `end` (exclusive), within the segment. */
  read(start: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Large parts of it that may lie in other archives too, ascending and apart from each other. `gzipStored` frames each on its
   * own, so that it has the same bytes in every archive.
   */
  readonly parts?: readonly Part[] | undefined;
  /** Where a range of it lies already, of segments that are read from a store. */
  origin?(start: number, end: number): Origin | undefined;
}

/** A range of a segment that is dealt with as one. */
export interface Part {
  readonly at: number;
  readonly size: number;
  readonly origin?: Origin | undefined;
}

/** Where the bytes of a part lie already: a range of a stored object. */
export interface Origin {
  /** Of the object, as its store has it. */
  readonly url: string;
  /** The object's version: another one may hold other bytes. */
  readonly version: string;
  /** Where they begin in the object. */
  readonly start: number;
  /** "framed": in stored blocks, as `gzipStored` frames a part. */
  readonly form: "plain" | "framed";
}

/** A segment that is in memory. */
export const bytesSegment = (bytes: Uint8Array): Segment => ({
  size: bytes.byteLength,
  async *read(start, end) {
    checkRange(start, end, bytes.byteLength);
    if (start < end) yield bytes.subarray(start, end);
  },
});

/**
 * A small segment whose bytes are asked for when they are read, because they depend on the segments before it.
 *
 * `produce` runs once per read and must give the same bytes each time; what it throws breaks the read.
 * Reading throws RejectedError ARCHIVE_INVALID when the bytes are not `size` long.
 */
export const late = (
  size: number,
  produce: (signal?: AbortSignal) => Uint8Array | Promise<Uint8Array>,
  name = "late part",
): Segment => ({
  name,
  size,
  async *read(start, end, signal) {
    checkRange(start, end, size);
    if (start === end) return;
    const bytes = await produce(signal);
    if (bytes.byteLength !== size) throw wrongSize(name, bytes.byteLength, size);
    yield bytes.subarray(start, end);
  },
});

/**
 * Segments one after the other, as one segment.
 *
 * Reading throws RejectedError ARCHIVE_INVALID, naming the part, when a part gives more or fewer bytes than it promised:
 * nothing that follows a wrong part is ever produced.
 */
export function concat(parts: readonly Segment[]): Segment {
  const ends: number[] = [];
  const large: Part[] = [];
  let size = 0;
  for (const part of parts) {
    for (const { at, ...own } of part.parts ?? []) large.push({ at: at + size, ...own });
    size += part.size;
    ends.push(size);
  }
  return {
    size,
    parts: large,
    async *read(start, end, signal) {
      checkRange(start, end, size);
      let at = start;
      for (let index = firstAfter(ends, start); at < end; index++) {
        const part = parts[index]!;
        const offset = ends[index]! - part.size;
        const until = Math.min(end, ends[index]!);
        const name = part.name ?? `part ${index}`;
        yield* exact(part.read(at - offset, until - offset, signal), until - at, name, signal);
        at = until;
      }
    },
  };
}

/** Index of the first number that is greater than `position`; `ends` ascends. */
function firstAfter(ends: readonly number[], position: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ends[middle]! > position) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Pass bytes on and break the stream when they are not exactly `size`; the surplus is never passed on.
 *
 * @throws RejectedError ARCHIVE_INVALID
 */
export async function* exact(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
  name: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  let seen = 0;
  for await (const chunk of bytes) {
    signal?.throwIfAborted();
    seen += chunk.byteLength;
    if (seen > size) throw wrongSize(name, "more", size);
    yield chunk;
  }
  if (seen < size) throw wrongSize(name, seen, size);
}

const wrongSize = (name: string, seen: number | "more", size: number): RejectedError =>
  new RejectedError("ARCHIVE_INVALID", `Cannot archive "${name}": it gave ${seen} instead of ${size} bytes`);

/** @throws RangeError when a caller asks for bytes a segment does not have: a bug */
export function checkRange(start: number, end: number, size: number): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start || end > size) {
    throw new RangeError(`Cannot read bytes ${start} to ${end} of ${size}`);
  }
}

/** A range of a segment as one of its own. Of a plain origin, what lies within the range stays one. */
export function slice(whole: Segment, from: number, to: number, name?: string): Segment {
  checkRange(from, to, whole.size);
  const parts = (whole.parts ?? []).flatMap(({ at, size, origin }) => {
    const [start, end] = [Math.max(at, from), Math.min(at + size, to)];
    if (start >= end) return [];
    const isWhole = end - start === size;
    const kept =
      origin?.form === "plain" || isWhole ? origin && { ...origin, start: origin.start + start - at } : undefined;
    return [{ at: start - from, size: end - start, origin: kept }];
  });
  return {
    ...(name === undefined ? {} : { name }),
    size: to - from,
    parts,
    ...(whole.origin && { origin: (start, end) => whole.origin?.(from + start, from + end) }),
    read: (start, end, signal) => whole.read(from + start, from + end, signal),
  };
}
