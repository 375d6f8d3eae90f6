import type { Segment } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import type { Digest } from "../oci/index.ts";
import type { Reader, Stat } from "../store/index.ts";
import { contentsAt, extentsOf } from "./base.ts";
import { readBuildRecord } from "./build-record.ts";
import { below, openEntries } from "./contents.ts";
import { openBundle } from "./stored-bundle.ts";

/** Objects that are looked at to find an older bundle. */
const MOST_LISTED = 10_000;
/** Bundles that are tried, should the newest not be fit. */
const MOST_TRIED = 4;
const RECORD = /\.(?:tar|tar\.gz|tgz)\.json$/;
const ENDING = ".json";

/**
 * What the bundle holds that was written last below a prefix: the next one need not read it from a registry again, and a
 * store that copies by itself need not be sent it. It is known by its record, which tells the digests of its files, and by
 * the headers in it, which tell where they lie.
 *
 * @returns nothing where there is none that could be read
 */
export async function olderContents(
  store: Reader,
  prefix: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, Segment>> {
  for (const key of await newestBundles(store, prefix, signal)) {
    try {
      const contents = await contentsOf(store, key, signal);
      if (contents.size > 0) return contents;
    } catch (error) {
      // one that was damaged or taken away: it would only have saved work
      if (!(error instanceof RejectedError)) throw error;
    }
  }
  return new Map();
}

async function newestBundles(store: Reader, prefix: string, signal: AbortSignal): Promise<readonly string[]> {
  let newest: readonly Stat[] = [];
  let listed = 0;
  for await (const stat of store.list(prefix, signal)) {
    if (++listed > MOST_LISTED) break;
    if (!RECORD.test(stat.key)) continue;
    newest = [...newest, stat].sort((a, b) => b.modified.getTime() - a.modified.getTime()).slice(0, MOST_TRIED);
  }
  return newest.map(({ key }) => key.slice(0, -ENDING.length));
}

async function contentsOf(store: Reader, key: string, signal: AbortSignal): Promise<ReadonlyMap<Digest, Segment>> {
  const bill = (await readBuildRecord(store, key, signal))?.bill;
  // a delta has pieces of files
  if (bill === undefined || bill.base !== undefined) return new Map();
  const entries = await openEntries(await openBundle(store, key, signal), signal);
  const first = bill.files[0]?.path ?? "";
  const directory = entries
    .find(({ path }) => path === first || path.endsWith(`/${first}`))
    ?.path.slice(0, -first.length);
  const files = below(directory ?? "", entries);
  const isWhole = bill.files.every(({ path, size }) => files.get(path)?.content.size === size);
  return isWhole ? contentsAt(await extentsOf(files, bill, signal), files) : new Map();
}
