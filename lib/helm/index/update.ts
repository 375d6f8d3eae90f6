import { concurrently, type Registries } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import { type Committed, commit, type IndexChanges } from "./commit.ts";
import type { Conflict } from "./fold.ts";
import type { Head } from "./head.ts";
import { inTurn, publish } from "./publish.ts";
import { isClaim, type Place, readRecord, recordedTags } from "./record.ts";
import { type RefreshedTag, refreshTag } from "./refresh.ts";
import { type Scope, type Split, scopesOf } from "./scope.ts";

/** What a registry said of a repository: look at it again. */
export interface Hint {
  readonly registry: string;
  readonly repository: string;
  /** Absent: whatever the digest is about; without digest, the whole repository. */
  readonly tag?: string | undefined;
  /** Of a manifest. */
  readonly digest?: string | undefined;
}

/** What came of an update. */
export interface IndexUpdate extends IndexChanges {
  /** Of the first index that was written: the one of everything, where it is kept. */
  readonly head: Head;
  readonly conflicts: readonly Conflict[];
  /** The indexes that hold it now. */
  readonly scopes: readonly Scope[];
}

/** Of one repository, at once. */
const CONCURRENCY = 16;

/**
 * Bring the records of a hint in line with the registry as it is now.
 *
 * @param by id of the event, kept in records it brings
 */
export async function refreshRecords(
  hint: Hint,
  by: string,
  store: Store,
  registries: Registries,
  signal: AbortSignal,
): Promise<readonly RefreshedTag[]> {
  const tags = await tagsOf(hint, by, store, registries, signal);
  const refresh = (tag: string, stop: AbortSignal): Promise<RefreshedTag> =>
    refreshTag({ registry: hint.registry, repository: hint.repository, tag }, by, store, registries, stop);
  return concurrently(tags, CONCURRENCY, refresh, signal);
}

async function tagsOf(
  hint: Hint,
  by: string,
  store: Store,
  registries: Registries,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { registry, repository, tag, digest } = hint;
  if (tag !== undefined) return [tag];
  const recorded = (await Array.fromAsync(recordedTags(store, registry, repository, signal))).map((each) => each.tag);
  if (digest === undefined) {
    const listed = await Array.fromAsync(registries.repository(registry, repository).tags(signal));
    return [...new Set([...recorded, ...listed])];
  }
  // what a manifest without tag is to the index: nothing, unless tags held it that went with it, now or when the event
  // was delivered before
  const held = async (each: string, stop: AbortSignal) => {
    const record = await readRecord(store, { registry, repository, tag: each }, stop);
    return record?.by === by || (isClaim(record) && record.manifest === digest) ? [each] : [];
  };
  return (await concurrently(recorded, CONCURRENCY, held, signal)).flat();
}

/**
 * Let the indexes hold what the records say of some places, and let them be served.
 *
 * @param places at least one
 */
export async function writeIndex(
  places: readonly Place[],
  split: Split,
  store: Store,
  signal: AbortSignal,
): Promise<IndexUpdate> {
  const scopes = scopesOf(split, places);
  const updates: { readonly head: Head; readonly committed: Committed }[] = [];
  for (const scope of scopes) {
    const committed = await commitInTurn(scope, places, store, signal);
    updates.push({ committed, head: await publish(scope, committed.generation, committed.replaced, store, signal) });
  }
  return {
    ...mergeChanges(
      split,
      updates.map(({ committed }) => committed),
    ),
    head: updates[0]!.head,
    scopes,
  };
}

/** @see commit */
export const commitInTurn = (
  scope: Scope,
  places: readonly Place[],
  store: Store,
  signal: AbortSignal,
): Promise<Committed> => inTurn(store, `commit ${scope.root}`, () => commit(scope, places, store, signal), signal);

/** What changed in the index of everything; without it, in those of the projects, which share no place. */
export function mergeChanges(
  split: Split,
  commits: readonly Committed[],
): IndexChanges & { readonly conflicts: readonly Conflict[] } {
  const told = split === "projects" ? commits : commits.slice(0, 1);
  return {
    added: told.flatMap(({ added }) => added),
    changed: told.flatMap(({ changed }) => changed),
    removed: told.flatMap(({ removed }) => removed),
    conflicts: told.flatMap(({ conflicts }) => conflicts),
  };
}
