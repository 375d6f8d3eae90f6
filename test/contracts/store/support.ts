import assert from "node:assert/strict";
import fc from "fast-check";
import { RejectedError } from "../../../lib/errors.ts";
import type { Reader, Store } from "../../../lib/store/index.ts";

export type Promised = (title: string, run: (store: Store) => Promise<void>) => void;

export const once = async function* (bytes: Uint8Array) {
  yield bytes;
};

export const slowly = async function* (text: string) {
  for (const letter of text) {
    await new Promise(setImmediate);
    yield Buffer.from(letter);
  }
};

export async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

export async function read(store: Reader, key: string, options?: Parameters<Reader["get"]>[1]): Promise<Buffer> {
  return Buffer.concat(await collect((await store.get(key, options)).body));
}

export async function keys(store: Reader, prefix = "", signal?: AbortSignal): Promise<string[]> {
  return (await collect(store.list(prefix, signal))).map(({ key }) => key);
}

export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Sets of valid keys of which none is the directory of another; few letters, so that they meet. */
export const anyKeys: fc.Arbitrary<string[]> = fc
  .uniqueArray(
    fc
      .array(fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "0", " "), minLength: 1, maxLength: 3 }), {
        minLength: 1,
        maxLength: 4,
      })
      .filter((parts) => parts.every((part) => part !== "." && part !== ".."))
      .map((parts) => parts.join("/")),
    { minLength: 1, maxLength: 12 },
  )
  .map((some) => some.filter((key) => !some.some((other) => other.startsWith(`${key}/`))));

export const rejected = (code: string) => (error: unknown) => {
  assert.ok(error instanceof RejectedError, String(error));
  assert.equal(error.code, code);
  return true;
};
