import { TransientError } from "../errors.ts";
import { quoted } from "./keys.ts";
import { urlOfKey } from "./object-url.ts";
import type { RangeBody, Reader, StoredRange } from "./store.ts";

/** A range of an object of a store. */
export interface ObjectRange {
  readonly key: string;
  readonly start: number;
  readonly size: number;
  /** As {@linkcode Stat} gives it. */
  readonly version: string;
}

/**
 * One body out of pieces: bytes of one's own, and ranges of objects that a store holds.
 *
 * Put into the same store (or another part of the same bucket), an object store copies the ranges by itself as far as they
 * are large enough for it, and is not sent them; every other store writes what it reads. The result is the same.
 *
 * Reading throws TransientError STORE_UNAVAILABLE when an object has another version.
 */
export function assembled(store: Reader, pieces: readonly (RangeBody | ObjectRange)[]): RangeBody {
  const placed: { readonly at: number; readonly body: RangeBody }[] = [];
  const stored: StoredRange[] = [];
  let size = 0;
  for (const piece of pieces) {
    placed.push({ at: size, body: "key" in piece ? rangeIn(store, piece) : piece });
    if ("key" in piece) {
      const { key, start, version } = piece;
      if (piece.size > 0) stored.push({ at: size, size: piece.size, url: urlOfKey(store.url, key), start, version });
    } else {
      const base = size;
      stored.push(...(piece.stored ?? []).map((range) => ({ ...range, at: base + range.at })));
    }
    size += piece.size;
  }
  return {
    size,
    stored,
    async *read(start, end, signal) {
      for (const { at, body } of placed) {
        if (at >= end) return;
        const [from, to] = [Math.max(start - at, 0), Math.min(end - at, body.size)];
        if (from < to) yield* body.read(from, to, signal);
      }
    },
  };
}

const rangeIn = (store: Reader, { key, start, size, version }: ObjectRange): RangeBody => ({
  size,
  async *read(from, to, signal) {
    const object = await store.get(key, { start: start + from, end: start + to, signal });
    if (object.version !== version) {
      await object.body[Symbol.asyncIterator]().return?.();
      throw new TransientError("STORE_UNAVAILABLE", `Cannot read ${quoted(key)}: it was overwritten`);
    }
    yield* object.body;
  },
});
