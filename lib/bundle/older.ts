import type { Segment } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import type { Digest } from "../oci/index.ts";
import type { Reader, Stat } from "../store/index.ts";
import { openBase } from "./base.ts";
import { recordKey } from "./build-record.ts";
import { openBundle } from "./stored-bundle.ts";

/** Objects that are looked at to find an older bundle. */
const MOST_LISTED = 10_000;
const ENDING = ".json";

/**
 * What the bundle holds that was written last below a prefix: the next one need not read it from a registry again.
 *
 * @param key the bundle that is to be built
 * @returns nothing where there is none that could be read
 */
export async function olderContents(
  store: Reader,
  prefix: string,
  key: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, Segment>> {
  let last: Stat | undefined;
  let listed = 0;
  for await (const stat of store.list(prefix, signal)) {
    if (++listed > MOST_LISTED) break;
    const isRecord = /\.(tar|tar\.gz|tgz)\.json$/.test(stat.key) && stat.key !== recordKey(key);
    if (isRecord && (last === undefined || stat.modified > last.modified)) last = stat;
  }
  if (last === undefined) return new Map();
  try {
    return (await openBase(await openBundle(store, last.key.slice(0, -ENDING.length), signal), signal)).contents;
  } catch (error) {
    // an exact package, a delta, one that was damaged or taken away: it would only have saved work
    if (error instanceof RejectedError) return new Map();
    throw error;
  }
}
