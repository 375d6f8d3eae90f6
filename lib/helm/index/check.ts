import { RejectedError } from "../../errors.ts";
import { concurrently, isTag, type Registries } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import type { RepositoryPlace } from "./coverage.ts";
import { type IndexedTags, readOthers } from "./known-tags.ts";
import { isClaim, type Place, readRecord, recordedTags, recordKey } from "./record.ts";

/** What a repository and the index say of its tags differs. */
export interface Checked {
  readonly place: RepositoryPlace;
  /** Tags to look at. */
  readonly differing: readonly Place[];
  /** Tags the registry would not tell of: they stay as they are. */
  readonly refused: readonly { readonly tag: string; readonly reason: string }[];
  /** By tag: what each names now. */
  readonly digests: ReadonlyMap<string, string>;
  readonly others: ReadonlyMap<string, string>;
}

export interface CheckOptions {
  readonly store: Store;
  readonly registries: Registries;
  readonly indexed: IndexedTags;
  readonly signal: AbortSignal;
}

/** Of one repository, at once. */
const CONCURRENCY = 16;
/** Milliseconds a deletion can be announced again: events are delivered again for hours, not for days. */
const TOMBSTONE_AGE = 7 * 24 * 60 * 60_000;

/** Compare the tags of a repository with the index, by one HEAD a tag (spec CR-T26). */
export async function checkRepository(place: RepositoryPlace, options: CheckOptions): Promise<Checked> {
  const { registry, repository } = place;
  const { store, registries, indexed, signal } = options;
  const source = registries.repository(registry, repository);
  const listed = new Set((await Array.fromAsync(source.tags(signal))).filter(isTag));
  const known = await indexed.of(place, signal);
  const others = await readOthers(place, store, signal);
  const digests = new Map<string, string>();
  const refused: { tag: string; reason: string }[] = [];
  const differs = async (tag: string, stop: AbortSignal): Promise<readonly string[]> => {
    try {
      const { digest } = await source.resolve(tag, stop);
      digests.set(tag, digest);
      return digest === (known.get(tag)?.manifest ?? others.get(tag)) ? [] : [tag];
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      if (error.code === "CONTENT_UNKNOWN") return known.has(tag) ? [tag] : [];
      refused.push({ tag, reason: error.message });
      return [];
    }
  };
  const moved = (await concurrently([...listed], CONCURRENCY, differs, signal)).flat();
  const gone = [...known.keys()].filter((tag) => !listed.has(tag));
  const forgotten = await recordsOfNothing(place, (tag) => listed.has(tag) || known.has(tag), store, signal);
  const differing = [...moved, ...gone, ...forgotten].map((tag) => ({ registry, repository, tag }));
  return { place, differing, refused, digests, others };
}

/** Records of tags that neither the registry nor the index has. Tombstones among them are removed when they are old. */
async function recordsOfNothing(
  { registry, repository }: RepositoryPlace,
  isKnown: (tag: string) => boolean,
  store: Store,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { tag, written } of recordedTags(store, registry, repository, signal)) {
    if (isKnown(tag)) continue;
    const at = { registry, repository, tag };
    if (isClaim(await readRecord(store, at, signal))) found.push(tag);
    else if (Date.now() - written.getTime() > TOMBSTONE_AGE) await store.delete(recordKey(at), signal);
  }
  return found;
}
