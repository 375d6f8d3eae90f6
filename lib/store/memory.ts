import { RejectedError } from "../errors.ts";
import { bytesOf } from "./body.ts";
import { checkKey, checkPrefix, invalid, quoted } from "./keys.ts";
import { rangeOf } from "./range.ts";
import type { Stat, Store } from "./store.ts";

interface Held {
  readonly bytes: Uint8Array;
  readonly modified: Date;
  readonly version: string;
}

const chunkSize = 64 * 1024;

/** A store that ends with the process. Each call opens another one. */
export function openMemoryStore(): Store {
  const objects = new Map<string, Held>();
  let writes = 0;
  /** How many keys lie below each directory. */
  const directories = new Map<string, number>();

  const count = (key: string, by: 1 | -1): void => {
    for (const directory of parentsOf(key)) {
      const left = (directories.get(directory) ?? 0) + by;
      if (left === 0) directories.delete(directory);
      else directories.set(directory, left);
    }
  };
  const checkPlace = (key: string): void => {
    if (directories.has(key)) throw invalid("key", key, "other keys lie below it");
    const parent = parentsOf(key).find((directory) => objects.has(directory));
    if (parent !== undefined) throw invalid("key", key, `${quoted(parent)} is an object`);
  };

  return {
    url: "memory:",

    async stat(key, signal) {
      checkKey(key);
      signal?.throwIfAborted();
      const held = objects.get(key);
      return held && statOf(key, held);
    },

    async get(key, options = {}) {
      checkKey(key);
      options.signal?.throwIfAborted();
      const held = objects.get(key);
      if (held === undefined) throw new RejectedError("STORE_NOT_FOUND", `Cannot get ${quoted(key)}: there is none`);
      const [start, end] = rangeOf(options, held.bytes.byteLength);
      const body = chunks(held.bytes, start, end, options.signal);
      return { ...statOf(key, held), body };
    },

    async *list(prefix, signal) {
      checkPrefix(prefix);
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
      for (const key of keys) {
        signal?.throwIfAborted();
        const held = objects.get(key);
        if (held !== undefined) yield statOf(key, held);
      }
    },

    async put(key, body, { ifAbsent = false, signal } = {}) {
      checkKey(key);
      signal?.throwIfAborted();
      checkPlace(key);
      if (ifAbsent && objects.has(key)) return "present";
      const pieces: Uint8Array[] = [];
      // Copies as well; a Buffer's own slice() would be none.
      for await (const chunk of bytesOf(body, signal)) pieces.push(Uint8Array.from(chunk));
      checkPlace(key);
      const before = objects.get(key);
      if (ifAbsent && before !== undefined) return "present";
      objects.set(key, { bytes: Buffer.concat(pieces), modified: new Date(), version: String(++writes) });
      if (before === undefined) count(key, 1);
      return "written";
    },

    async delete(key, signal) {
      checkKey(key);
      signal?.throwIfAborted();
      if (objects.delete(key)) count(key, -1);
    },
  };
}

const statOf = (key: string, { bytes, modified, version }: Held): Stat => ({
  key,
  size: bytes.byteLength,
  modified,
  version,
});

/** The directories a key lies in, the deepest last. */
function parentsOf(key: string): string[] {
  const parts = key.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** Copies: whoever changes what was handed out must not change the store. */
async function* chunks(
  bytes: Uint8Array,
  start: number,
  end: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = start; at < end; at += chunkSize) {
    signal?.throwIfAborted();
    yield Uint8Array.from(bytes.subarray(at, Math.min(end, at + chunkSize)));
  }
}
