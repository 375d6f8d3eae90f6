import * as z from "zod";
import { type Digest, isDigest } from "../../oci/index.ts";
import { type Reader, readJson, type Stat, type Store } from "../../store/index.ts";
import { numberName, numbersBelow } from "./generation.ts";
import { isNotFound } from "./missing.ts";

const textSchema = z.object({
  size: z.int(),
  digest: z.custom<Digest>((value) => typeof value === "string" && isDigest(value), "is not a sha256 digest"),
});

const headSchema = z.object({
  /** The generation that can be served. */
  number: z.int(),
  /** Chart versions in it. */
  charts: z.int(),
  texts: z.object({ "index.yaml": textSchema, "index.yaml.gz": textSchema, "index.json.gz": textSchema }),
});

/** A generation that can be served: its texts are complete. Written after them, and never changed. */
export type Head = Readonly<z.output<typeof headSchema>>;

/** A head, and what the store says of the object that holds it. */
export interface StoredHead {
  readonly head: Head;
  readonly stat: Stat;
}

const MAX_HEAD_BYTES = 64 * 1024;

const headKey = (root: string, number: number): string => `${root}heads/${numberName(number)}.json`;

export const headNumbers = (store: Reader, root: string, signal?: AbortSignal): Promise<readonly number[]> =>
  numbersBelow(store, `${root}heads/`, signal);

/** The newest head; undefined before the first. */
export const readHead = async (store: Reader, root: string, signal?: AbortSignal): Promise<Head | undefined> =>
  (await readStoredHead(store, root, undefined, signal))?.head;

/**
 * The newest head with its object; undefined before the first.
 *
 * @param known what was read last: as long as the store lists that object as the newest, nothing else is read
 */
export async function readStoredHead(
  store: Reader,
  root: string,
  known: StoredHead | undefined,
  signal?: AbortSignal,
): Promise<StoredHead | undefined> {
  for (;;) {
    const stat = await newestHead(store, root, signal);
    if (stat === undefined || (stat.key === known?.stat.key && stat.version === known.stat.version)) {
      return stat && known;
    }
    try {
      return { stat, head: await readJson(store, stat.key, headSchema, MAX_HEAD_BYTES, signal) };
    } catch (error) {
      // it is removed only when there is a newer one
      if (!isNotFound(error)) throw error;
    }
  }
}

async function newestHead(store: Reader, root: string, signal?: AbortSignal): Promise<Stat | undefined> {
  const prefix = `${root}heads/`;
  let newest: Stat | undefined;
  // in the order of their numbers
  for await (const stat of store.list(prefix, signal)) {
    if (/^\d{12}\.json$/.test(stat.key.slice(prefix.length))) newest = stat;
  }
  return newest;
}

export const writeHead = (store: Store, root: string, head: Head, signal?: AbortSignal): Promise<unknown> =>
  store.put(headKey(root, head.number), JSON.stringify(head), { signal });

export const removeHead = (store: Store, root: string, number: number, signal?: AbortSignal): Promise<void> =>
  store.delete(headKey(root, number), signal);
