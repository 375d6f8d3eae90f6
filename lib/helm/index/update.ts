import { concurrently, type Registries } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import { type Committed, commit, type IndexChanges } from "./commit.ts";
import { type Conflict, fileName } from "./fold.ts";
import type { Head } from "./head.ts";
import { inTurn, publish } from "./publish.ts";
import { type Claim, isClaim, type Place, placeOf, readRecord, recordedTags } from "./record.ts";
import { type RefreshedTag, refreshTag } from "./refresh.ts";
import { Rounds } from "./rounds.ts";
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
  const updates: Update[] = [];
  for (const scope of scopes) updates.push(await writeScope(scope, places, store, signal));
  return {
    ...mergeChanges(
      split,
      updates.map(({ committed }) => committed),
    ),
    head: updates[0]!.head,
    scopes,
  };
}

/** What one of those who were waiting is told. */
interface Update {
  readonly committed: Committed;
  readonly head: Head;
}

/** Those who write in one process at the same time are one writer: a thousand pushes at once are some dozen commits. */
const rounds = new WeakMap<Store, Rounds<readonly Place[], Update>>();

function writeScope(scope: Scope, places: readonly Place[], store: Store, signal: AbortSignal): Promise<Update> {
  let own = rounds.get(store);
  if (own === undefined) {
    own = new Rounds();
    rounds.set(store, own);
  }
  const write = async (all: readonly (readonly Place[])[], stop: AbortSignal): Promise<readonly Update[]> => {
    const committed = await commitInTurn(scope, all.flat(), store, stop);
    const head = await publish(scope, committed.generation, committed.replaced, store, stop);
    return shares(committed, all).map((share) => ({ committed: share, head }));
  };
  return own.ask(scope.root, places, write, signal);
}

/** What of a commit for several is each one's: a chart version that several moved is told by the first of them. */
function shares(committed: Committed, all: readonly (readonly Place[])[]): readonly Committed[] {
  const owner = new Map<string, number>();
  for (const [index, places] of all.entries()) {
    for (const place of places) if (!owner.has(placeOf(place))) owner.set(placeOf(place), index);
  }
  const ownerOf = (chart: Parameters<typeof fileName>[0]): number =>
    Math.min(...[...committed.movers.get(fileName(chart))!].map((place) => owner.get(place) ?? 0));
  return all.map((_, index) => {
    const isOwn = (claim: Claim): boolean => ownerOf(claim.metadata) === index;
    return {
      ...committed,
      added: committed.added.filter(isOwn),
      changed: committed.changed.filter(isOwn),
      removed: committed.removed.filter(isOwn),
      conflicts: committed.conflicts.filter((conflict) => ownerOf(conflict) === index),
    };
  });
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
