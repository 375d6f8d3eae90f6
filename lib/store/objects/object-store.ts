import { randomUUID } from "node:crypto";
import { RejectedError } from "../../errors.ts";
import { bytesOf } from "../body.ts";
import { checkKey, checkPrefix, invalid, isKey, quoted } from "../keys.ts";
import { urlOfKey } from "../object-url.ts";
import { rangeOf } from "../range.ts";
import type { Body, PutOptions, RangeBody, Stat, Store } from "../store.ts";
import { Journal, pages, privateName, sweepUploads } from "./journal.ts";
import { type Destination, isWritten, planToken, writeInParts, writeStream } from "./multipart.ts";
import { type CopyableRange, planParts } from "./part-plan.ts";
import { readOn } from "./read-on.ts";
import { type Patience, retrying, stowageError, usualPatience } from "./retrying.ts";
import { isFailure, type ObjectService, type RemoteObject } from "./service.ts";
import { inChunksOf } from "./stream-parts.ts";

export interface ObjectStoreOptions {
  /** `scheme://bucket` */
  readonly bucketUrl: string;
  /** All keys lie below it, with a slash between; empty for the whole bucket. */
  readonly prefix: string;
  /** Bytes of a part; smaller bodies go up in one request. Large objects have larger parts. Default: 8 MiB */
  readonly partBytes?: number | undefined;
  readonly patience?: Patience | undefined;
}

const MiB = 1024 * 1024;
const PART_BYTES = 8 * MiB;
/** Parts on their way at once. */
const PARALLEL = 4;
/** Bytes of all parts on their way: fewer go at once when they are large. */
const PART_MEMORY = 128 * MiB;

/**
 * A store in the bucket of an object service.
 *
 * Objects that are larger than a part are uploaded in parts; while they are, names below `.stowage/` in the store say which
 * upload belongs to which object. With the first such put of a store, uploads are aborted that others left behind.
 */
export function openObjectStore(service: ObjectService, options: ObjectStoreOptions): Store {
  const { bucketUrl, prefix, patience = usualPatience } = options;
  const partBytes = Math.max(options.partBytes ?? PART_BYTES, service.rules.minPart);
  const root = prefix === "" ? "" : `${prefix}/`;
  const url = urlOfKey(bucketUrl, prefix);

  const nameOf = (key: string): string => {
    checkKey(key);
    if (isPrivate(key)) throw invalid("key", key, `"${privateName}" belongs to the store itself`);
    const name = root + key;
    if (name.length <= service.maxName) return name;
    throw invalid("key", key, `with the store's prefix it is longer than ${service.maxName} characters`);
  };
  const statOf = ({ name, size, modified, etag }: RemoteObject): Stat => ({
    key: name.slice(root.length),
    size,
    modified,
    version: etag,
  });
  /** Ask the service as often as it takes. */
  const ask = async <T>(doing: string, operation: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    try {
      return await retrying(operation, patience, signal);
    } catch (error) {
      throw stowageError(doing, error);
    }
  };
  /** @returns undefined when the range holds nothing */
  const openRange = async (name: string, range: { start: number; end: number }, signal?: AbortSignal) => {
    try {
      return await service.get(name, range, undefined, signal);
    } catch (error) {
      if (isFailure(error, "outside")) return undefined;
      throw error;
    }
  };
  const destination = (key: string): Destination => ({
    service,
    key,
    name: root + key,
    patience,
    memory: PART_MEMORY,
    parallel: PARALLEL,
  });
  let sweeping: Promise<void> | undefined;
  const sweep = (signal: AbortSignal | undefined): Promise<void> => {
    // Tidying up is not what was asked for: it may be forbidden, and the next process tries again.
    sweeping ??= sweepUploads(service, root, signal).catch(() => {});
    return sweeping;
  };

  const putSmall = async (key: string, bytes: Uint8Array, ifAbsent: boolean, signal?: AbortSignal) => {
    const { name } = destination(key);
    const token = randomUUID();
    try {
      await retrying(() => service.put(name, bytes, { ifAbsent, token }, signal), patience, signal);
      return "written";
    } catch (error) {
      if (!isFailure(error, "exists")) throw error;
      // The answer to an attempt that worked may have been lost.
      return (await isWritten(destination(key), token, signal)) ? "written" : "present";
    }
  };

  const putLarge = async (key: string, body: RangeBody, { identity, ...put }: PutOptions) => {
    const to = destination(key);
    const plan = planParts(body.size, copyable(body, bucketUrl), service.rules, partBytes);
    if (plan === undefined) {
      throw new RejectedError("STORE_REFUSED", `Cannot put ${quoted(key)}: ${body.size} bytes are too many`);
    }
    if (identity === undefined) return writeInParts(to, body, plan, randomUUID(), undefined, put);
    const token = planToken(identity, body.size, plan);
    const journal = new Journal(service, root, key);
    if (await isWritten(to, token, put.signal)) {
      await retrying(() => journal.close(put.signal), patience, put.signal);
      put.onPart?.(body.size, "found");
      return "written";
    }
    return writeInParts(to, body, plan, token, journal, put);
  };

  const write = async (key: string, body: Body, put: PutOptions): Promise<"written" | "present"> => {
    const { ifAbsent = false, signal } = put;
    const ranges = rangeBody(body);
    if (ranges !== undefined && ranges.size > partBytes) {
      const [result] = await Promise.all([putLarge(key, ranges, put), sweep(signal)]);
      return result;
    }
    const parts = inChunksOf(bytesOf(body, signal), partBytes);
    const first = await parts.next();
    const bytes = first.done ? new Uint8Array() : first.value.bytes;
    if (first.done || first.value.isLast) return putSmall(key, bytes, ifAbsent, signal);
    const all = async function* () {
      yield bytes;
      for await (const part of parts) yield part.bytes;
    };
    const [result] = await Promise.all([writeStream(destination(key), all(), randomUUID(), put), sweep(signal)]);
    return result;
  };

  return {
    url,

    async stat(key, signal) {
      const name = nameOf(key);
      const object = await ask(`stat ${quoted(key)}`, () => service.head(name, signal), signal);
      return object && statOf(object);
    },

    async get(key, wanted = {}) {
      const name = nameOf(key);
      const { signal } = wanted;
      const doing = `get ${quoted(key)}`;
      // Checks that it is a range; the real end shows when the size is known.
      const [, end] = rangeOf(wanted, Infinity);
      const start = wanted.start ?? 0;
      const opened = start < end ? await ask(doing, () => openRange(name, { start, end }, signal), signal) : undefined;
      if (opened !== undefined) {
        const until = Math.min(end, opened.object.size);
        const body = readOn({ ...opened, service, start, end: until, doing, patience, signal });
        return { ...statOf(opened.object), body };
      }
      const object = await ask(doing, () => service.head(name, signal), signal);
      if (object === undefined) throw new RejectedError("STORE_NOT_FOUND", `Cannot ${doing}: there is none`);
      return { ...statOf(object), body: nothing(signal) };
    },

    async *list(start, signal) {
      checkPrefix(start);
      const doing = `list ${quoted(start)}`;
      const page = (after: string | undefined) => ask(doing, () => service.list(root + start, after, signal), signal);
      for await (const object of pages(page)) {
        signal?.throwIfAborted();
        const stat = statOf(object);
        if (isKey(stat.key) && !isPrivate(stat.key)) yield stat;
      }
    },

    async put(key, body, put = {}) {
      const name = nameOf(key);
      const { ifAbsent = false, signal } = put;
      signal?.throwIfAborted();
      const doing = `put ${quoted(key)}`;
      if (ifAbsent && (await ask(doing, () => service.head(name, signal), signal)) !== undefined) return "present";
      try {
        return await write(key, body, put);
      } catch (error) {
        throw stowageError(doing, error);
      }
    },

    async delete(key, signal) {
      const name = nameOf(key);
      await ask(`delete ${quoted(key)}`, () => service.delete(name, signal), signal);
    },
  };
}

async function* nothing(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  yield* [];
}

const isPrivate = (key: string): boolean => key === privateName || key.startsWith(`${privateName}/`);

/** A body whose size is known: bytes at hand are their own ranges. */
function rangeBody(body: Body): RangeBody | undefined {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  if (!(bytes instanceof Uint8Array)) return "size" in bytes ? bytes : undefined;
  return {
    size: bytes.byteLength,
    async *read(start, end) {
      yield bytes.subarray(start, end);
    },
  };
}

/** What of a body lies in this bucket. */
function copyable({ stored = [] }: RangeBody, bucketUrl: string): CopyableRange[] {
  return stored.flatMap(({ at, size, url, start, version }) =>
    url.startsWith(`${bucketUrl}/`)
      ? [{ at, size, start, etag: version, name: decodeURIComponent(url.slice(bucketUrl.length + 1)) }]
      : [],
  );
}
