import { gunzipBounded, type Segment } from "../../archive/index.ts";

/** Bytes `start` to `end` (exclusive). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a URL shows to a client that asks in a certain way: https://www.rfc-editor.org/rfc/rfc9110#section-3.2 */
export interface Representation {
  readonly type: string;
  /** Absent: the bytes are as they are. */
  readonly encoding?: "gzip";
  /** Strong and with its quotes: other bytes have another one. */
  readonly etag: string;
  /** Bytes, as they are sent. */
  readonly size: number;
  /** When it came to be, where that is known. */
  readonly modified?: Date | undefined;
  /** The request's fields it was chosen by. */
  readonly vary?: string;
  /** Whether {@linkcode open} takes a range. */
  readonly ranges: boolean;
  /** @param range absent: all of it */
  open(range?: ByteRange, signal?: AbortSignal): Promise<Uint8Array | AsyncIterable<Uint8Array>>;
}

/** Small text that is made for the answer. */
export const textOf = (type: string, text: string, etag: string): Representation => {
  const bytes = Buffer.from(text);
  return { type, etag, size: bytes.byteLength, ranges: false, open: async () => bytes };
};

/** Bytes that are sent as they are. @param tag what no other bytes have */
export const asStored = (size: number, tag: string, segment: () => Promise<Segment>) => ({
  etag: `"${tag}"`,
  size,
  ranges: true,
  open: async ({ start, end }: ByteRange = { start: 0, end: size }, signal?: AbortSignal) =>
    begun((await segment()).read(start, end, signal)),
});

/** What a gzip file holds. Its size is what the last four bytes say (RFC 1952, 2.3.1): texts are shorter than 4 GiB. */
export async function inflated(
  packed: Segment,
  digest: string,
  about: Pick<Representation, "type" | "modified" | "vary">,
): Promise<Representation> {
  const last = Buffer.concat(await Array.fromAsync(packed.read(packed.size - 4, packed.size)));
  const size = last.readUInt32LE();
  return {
    ...about,
    etag: `"${digest}-inflated"`,
    size,
    ranges: false,
    open: (_, signal) => inflate(packed, size, signal),
  };
}

/** @param size of what comes out */
export const inflate = (packed: Segment, size: number, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> =>
  begun(gunzipBounded(packed.read(0, packed.size, signal), { bytes: size, ratio: Number.POSITIVE_INFINITY }));

/** Bytes whose first have come: what is gone from the store by now shows before anything was answered. */
async function begun(bytes: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = bytes[Symbol.asyncIterator]();
  let first: Promise<IteratorResult<Uint8Array>> | undefined = iterator.next();
  await first;
  // by hand: a generator that is ended before it began would not end what is behind it
  const rest: AsyncIterableIterator<Uint8Array> = {
    next: () => {
      const next = first ?? iterator.next();
      first = undefined;
      return next;
    },
    return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
    [Symbol.asyncIterator]: () => rest,
  };
  return rest;
}
