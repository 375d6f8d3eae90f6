import { RejectedError, TransientError } from "../../errors.ts";
import type { EventData } from "../../events/index.ts";
import { concurrently, type Digest, type Registries } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import { Announcement, toData } from "./announce.ts";
import { type Checked, checkRepository } from "./check.ts";
import type { Committed } from "./commit.ts";
import type { Coverage, RepositoryPlace } from "./coverage.ts";
import { compareText } from "./fold.ts";
import type { Head } from "./head.ts";
import { IndexedTags, writeOthers } from "./known-tags.ts";
import { type Lease, takeLease } from "./lease.ts";
import { mend } from "./mend.ts";
import type { Row } from "./part.ts";
import { publish } from "./publish.ts";
import { type Progress, readProgress, writeProgress } from "./reconcile-progress.ts";
import {
  allPlaces,
  isClaim,
  makeTombstone,
  noteName,
  type Place,
  placeOf,
  readRecord,
  type TagRecord,
  writeRecord,
} from "./record.ts";
import { refreshTag } from "./refresh.ts";
import { type Split, scopesOf } from "./scope.ts";
import { commitInTurn, mergeChanges } from "./update.ts";

/** Something that was left as it is, or out of the index. */
export interface Problem extends RepositoryPlace {
  readonly tag?: string | undefined;
  readonly reason: string;
  /** A chart that cannot be read: it is left out. Else the registry does not tell, and what was known stays. */
  readonly isBroken: boolean;
}

export interface ReconcileOptions {
  /** Id of the event that asks for it. */
  readonly by: string;
  readonly coverage: Coverage;
  readonly split: Split;
  readonly store: Store;
  readonly registries: Registries;
  readonly onProblem: (problem: Problem) => void;
  readonly onConflict: (conflict: Committed["conflicts"][number]) => void;
  /** Told of the index as it is in the end, whether it has changed or not. */
  readonly onIndex?: (head: Head) => void;
  readonly signal: AbortSignal;
}

/** Repositories between two notes of how far it has come. */
const BATCH = 8;
const LEASE = { key: "index/reconcile/lease.json", term: 120_000 };
/** Repositories of one registry that fail one after the other, before the rest of it is left for the next time. */
const MAX_FAILURES = 3;

/**
 * Bring the whole index in line with the registries: repairs what no event told, additions and removals alike.
 *
 * Of several that are asked for at once, in whatever instance, one runs. One that dies is continued by the redelivery of
 * its event, or by the next: at the repositories that had not been looked at, and with all that was not told yet.
 *
 * @returns what to tell; undefined when nothing changed, or another one is at it
 * @throws what a registry answers when it is asked for its repositories: nothing is changed then (spec CR-T14)
 */
export async function reconcile(
  options: ReconcileOptions,
): Promise<EventData<"dev.stowage.index.updated.v1"> | undefined> {
  const { by, store, signal } = options;
  const lease = await takeLease(store, { ...LEASE, holder: by }, signal);
  if (lease === undefined) return undefined;
  try {
    return await new Reconcile(options).run(lease);
  } finally {
    await lease.release();
  }
}

class Reconcile {
  readonly #options: ReconcileOptions;
  readonly #indexed: IndexedTags;
  /** Consecutive, by registry. */
  readonly #failures = new Map<string, number>();
  /** Parts that went out of the indexes, by root. */
  readonly #replaced = new Map<string, readonly Row[]>();

  constructor(options: ReconcileOptions) {
    this.#options = options;
    this.#indexed = new IndexedTags(options.split, options.store);
  }

  async run(lease: Lease): Promise<EventData<"dev.stowage.index.updated.v1"> | undefined> {
    const { by, split, store, signal } = this.#options;
    const last = await readProgress(store, signal);
    const repositories = await this.#repositories();
    for (const scope of scopesOf(split, repositories)) await mend(scope, store, signal);
    if (last?.endedBy === by) return this.#tell(last, repositories);

    const none = { added: [], changed: [], removed: [], counts: { added: 0, changed: 0, removed: 0 } };
    const begun: Progress = { run: by, after: "", pending: [], told: none };
    let progress = last === undefined || last.endedBy !== undefined ? begun : await this.#apply(last);
    const rest = repositories.filter((place) => nameOf(place) > progress.after);
    for (let at = 0; at < rest.length; at += BATCH) {
      const batch = rest.slice(at, at + BATCH);
      const checks = (await concurrently(batch, BATCH, (place) => this.#check(place), signal)).flat();
      const pending = checks.flatMap(({ differing }) => differing);
      const after = nameOf(batch.at(-1)!);
      if (pending.length > 0) {
        await writeProgress(store, { ...progress, pending }, signal);
        progress = await this.#apply({ ...progress, pending }, checks);
      }
      progress = { ...progress, after };
      await writeProgress(store, progress, signal);
      if (!(await lease.renew(signal))) return undefined;
    }
    await writeProgress(store, { ...progress, endedBy: by }, signal);
    return this.#tell(progress, repositories);
  }

  async #tell({ told }: Progress, repositories: readonly RepositoryPlace[]) {
    const head = await this.#publish(repositories);
    if (head === undefined) return undefined;
    this.#options.onIndex?.(head);
    return toData(told, head);
  }

  /** All that are there, and all that are in the index, in the order of their names. */
  async #repositories(): Promise<readonly RepositoryPlace[]> {
    const { coverage, registries, store, signal } = this.#options;
    const found = new Map<string, RepositoryPlace>();
    for await (const place of coverage.list(registries, signal)) found.set(nameOf(place), place);
    for await (const { registry, repository } of allPlaces(store, signal)) {
      const place = { registry, repository };
      found.set(nameOf(place), place);
    }
    return [...found].sort(([a], [b]) => compareText(a, b)).map(([, place]) => place);
  }

  /** @returns nothing when the repository cannot be looked at: it stays as it is (spec CR-T10) */
  async #check(place: RepositoryPlace): Promise<readonly Checked[]> {
    const { coverage, onProblem } = this.#options;
    if (!coverage.covers(place)) return [await this.#uncovered(place)];
    const failures = (): number => this.#failures.get(place.registry) ?? 0;
    try {
      if (failures() >= MAX_FAILURES) throw leftOut(place);
      const checked = await checkRepository(place, { ...this.#options, indexed: this.#indexed });
      this.#failures.set(place.registry, 0);
      for (const { tag, reason } of checked.refused) onProblem({ ...place, tag, reason, isBroken: false });
      return [checked];
    } catch (error) {
      if (!isOfRegistry(error)) throw error;
      if (error instanceof TransientError) this.#failures.set(place.registry, failures() + 1);
      onProblem({ ...place, reason: error.message, isBroken: false });
      return [];
    }
  }

  /** A repository that the operator has taken out: nothing of it belongs into the index. */
  async #uncovered(place: RepositoryPlace): Promise<Checked> {
    const tags = await this.#indexed.of(place, this.#options.signal);
    const differing = [...tags.keys()].map((tag) => ({ ...place, tag }));
    return { place, differing, refused: [], digests: new Map(), others: new Map() };
  }

  /** Bring the pending tags in line, and the indexes. */
  async #apply(progress: Progress, checks: readonly Checked[] = []): Promise<Progress> {
    const { pending, run, told } = progress;
    const { split, store, onConflict, signal } = this.#options;
    const refresh = (place: Place, stop: AbortSignal) => this.#refresh(place, run, stop);
    const refreshed = await concurrently(pending, 2 * BATCH, refresh, signal);
    const others = new Map(refreshed.map(({ place, other }) => [placeOf(place), other]));
    for (const check of checks) await this.#remember(check, others);

    const commits: Committed[] = [];
    for (const scope of scopesOf(split, pending)) {
      const committed = await commitInTurn(scope, pending, store, signal);
      commits.push(committed);
      this.#replaced.set(scope.root, [...(this.#replaced.get(scope.root) ?? []), ...committed.replaced]);
    }
    const changes = mergeChanges(split, commits);
    for (const conflict of changes.conflicts) onConflict(conflict);
    const announcement = new Announcement(split, told);
    announcement.add(changes);
    await announcement.addBrought(
      refreshed.map(({ record }) => record),
      run,
      store,
      signal,
    );
    return { ...progress, pending: [], told: announcement.toTold() };
  }

  async #refresh(place: Place, run: string, signal: AbortSignal): Promise<Refreshed> {
    const { coverage, store, registries, onProblem } = this.#options;
    if (!coverage.covers(place)) return { place, record: await this.#forget(place, run, signal), other: undefined };
    try {
      const { record, manifest, broken } = await refreshTag(place, run, store, registries, signal);
      if (broken !== undefined) onProblem({ ...place, reason: broken, isBroken: true });
      if (isClaim(record)) return { place, record, other: undefined };
      const tombstone = record ?? (await this.#forget(place, run, signal));
      return { place, record: tombstone, other: broken === undefined ? manifest : undefined };
    } catch (error) {
      if (!isOfRegistry(error)) throw error;
      onProblem({ ...place, reason: error.message, isBroken: false });
      return { place, record: undefined, other: undefined };
    }
  }

  /** Take a tag out of the index, also one that has lost its record. */
  async #forget(place: Place, run: string, signal: AbortSignal): Promise<TagRecord | undefined> {
    const { store } = this.#options;
    const record = await readRecord(store, place, signal);
    if (record !== undefined && !isClaim(record)) return record;
    const name = (await this.#indexed.of(place, signal)).get(place.tag)?.name;
    if (record === undefined && name === undefined) return undefined;
    if (name !== undefined) await noteName(store, place, name, signal);
    const tombstone = record ? makeTombstone(place, run, record) : { ...place, by: run, gone: true as const };
    await writeRecord(store, tombstone, signal);
    return tombstone;
  }

  /** Keep in mind what was found to be no chart. */
  async #remember({ place, digests, others }: Checked, found: ReadonlyMap<string, Digest | undefined>): Promise<void> {
    const now = [...digests].filter(
      ([tag, digest]) => digest === (found.get(placeOf({ ...place, tag })) ?? others.get(tag)),
    );
    const isSame = now.length === others.size && now.every(([tag, digest]) => others.get(tag) === digest);
    if (!isSame) await writeOthers(place, new Map(now), this.#options.store, this.#options.signal);
  }

  /** @returns the head of the first index; undefined where there is none to keep */
  async #publish(repositories: readonly RepositoryPlace[]): Promise<Head | undefined> {
    const { split, store, signal } = this.#options;
    const heads: Head[] = [];
    for (const scope of scopesOf(split, repositories)) {
      const { generation } = await commitInTurn(scope, [], store, signal);
      heads.push(await publish(scope, generation, this.#replaced.get(scope.root) ?? [], store, signal));
    }
    return heads[0];
  }
}

interface Refreshed {
  readonly place: Place;
  readonly record: TagRecord | undefined;
  /** What the tag names, if that is something else than a chart. */
  readonly other: Digest | undefined;
}

const leftOut = (place: RepositoryPlace): TransientError =>
  new TransientError("REGISTRY_UNAVAILABLE", `Cannot check "${nameOf(place)}": others of its registry failed before`);

const nameOf = ({ registry, repository }: RepositoryPlace): string => `${registry}/${repository}`;

/** Whether it is about one repository or tag, and no reason to leave the others alone. */
function isOfRegistry(error: unknown): error is RejectedError | TransientError {
  if (!(error instanceof RejectedError || error instanceof TransientError)) return false;
  return OF_REGISTRY.has(error.code);
}

/** Also a name that is none: what a registry lists may be anything. */
const OF_REGISTRY: ReadonlySet<string> = new Set([
  "REGISTRY_DENIED",
  "REGISTRY_REFUSED",
  "REGISTRY_UNAVAILABLE",
  "CONTENT_UNKNOWN",
  "REFERENCE_INVALID",
]);
