import { concurrently } from "../../oci/index.ts";
import type { Reader, Store } from "../../store/index.ts";
import { type Conflict, fileName, keepClaims } from "./fold.ts";
import {
  emptyGeneration,
  type Generation,
  generationNumbers,
  nextGeneration,
  readGeneration,
  writeGeneration,
} from "./generation.ts";
import { LOST, untilSettled } from "./missing.ts";
import { makePart, type Part, partKey, type Row, readClaims } from "./part.ts";
import {
  allPlaces,
  type Claim,
  chartNames,
  isClaim,
  type Place,
  placeOf,
  readRecord,
  type TagRecord,
} from "./record.ts";
import type { Scope } from "./scope.ts";

/** Chart versions, by the tags that stand for them in the index. */
export interface IndexChanges {
  readonly added: readonly Claim[];
  /** Same name and version, other bytes. */
  readonly changed: readonly Claim[];
  readonly removed: readonly Claim[];
}

/** What a commit led to. */
export interface Committed extends IndexChanges {
  /** Holds what the records say of the places. */
  readonly generation: Generation;
  /** Of the chart versions that the places moved. */
  readonly conflicts: readonly Conflict[];
  /** The tags that moved a chart version, by its file name. */
  readonly movers: ReadonlyMap<string, ReadonlySet<string>>;
  /** Parts that this commit took out of the index: nobody needs them once the generation is published. */
  readonly replaced: readonly Row[];
}

/** At once, of what is read or written in the store. */
const CONCURRENCY = 16;
/**
 * Milliseconds after which a writer begins again with new parts: the reconcile takes parts of an hour's age that no
 * generation names for litter.
 */
const MAX_PREPARATION = 15 * 60_000;

/**
 * Let the index hold what the records say of some places; of all, where there is no generation yet or one of its parts is
 * lost.
 *
 * The newest generation is read before the records, and the next one is written only where none is: so whatever is
 * committed was made of records at least as new as all that was committed before (docs/decisions/0015). Safe to repeat,
 * and for any number of writers.
 */
export function commit(
  scope: Scope,
  places: readonly Place[] | "all",
  store: Store,
  signal: AbortSignal,
): Promise<Committed> {
  const tally = new Tally(places === "all" ? [] : places);
  return untilSettled(`commit to ${scope.root}`, signal, async (missed) => {
    const newest = await newestGeneration(scope, store, signal);
    const afresh = newest === undefined || missed >= LOST || places === "all";
    const base = afresh ? { ...emptyGeneration, number: newest?.number ?? 0 } : newest;
    const touched = (afresh ? await Array.fromAsync(allPlaces(store, signal)) : places).filter(scope.holds);
    const started = performance.now();
    const changes = await compare(scope, base, await readRecords(touched, store, signal), store, signal);
    if (newest === base && changes.length === 0) return tally.settled(base);
    const parts = changes.map(({ part }) => part).filter((part) => part !== undefined);
    await writeParts(scope, parts, store, signal);
    const next = nextGeneration(base, new Map(changes.map(({ name, part }) => [name, part?.row])));
    const isLate = performance.now() - started > MAX_PREPARATION;
    const outcome = isLate ? "taken" : await writeGeneration(store, scope.root, next, signal);
    if (outcome === "taken") {
      const unused = parts.map(({ row }) => row);
      await removeParts(scope, unused, store, signal);
    }
    if (outcome !== "written") return undefined;
    const isNewest = (await generationNumbers(store, scope.root, signal)).at(-1) === next.number;
    tally.add(changes, { isNewest, afresh });
    // one that is not the newest may have come too late to count: only a newer one can tell
    return isNewest ? tally.settled(next) : undefined;
  });
}

/** @returns undefined before the first */
export async function newestGeneration(
  scope: Scope,
  store: Reader,
  signal: AbortSignal,
): Promise<Generation | undefined> {
  const number = (await generationNumbers(store, scope.root, signal)).at(-1);
  return number === undefined ? undefined : readGeneration(store, scope.root, number, signal);
}

async function readRecords(
  places: readonly Place[],
  store: Store,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TagRecord | undefined>> {
  const read = async (place: Place, stop: AbortSignal) =>
    [placeOf(place), await readRecord(store, place, stop)] as const;
  return new Map(await concurrently(places, CONCURRENCY, read, signal));
}

/** A chart whose part is not what the records say. */
interface ChartChange {
  readonly name: string;
  readonly before: Row | undefined;
  readonly was: readonly Claim[];
  readonly is: readonly Claim[];
  /** What differs between the two, by tag. */
  readonly moved: ReadonlyMap<string, readonly Claim[]>;
  /** Absent when no tag holds the chart any more. */
  readonly part: Part | undefined;
}

async function compare(
  scope: Scope,
  base: Generation,
  records: ReadonlyMap<string, TagRecord | undefined>,
  store: Store,
  signal: AbortSignal,
): Promise<readonly ChartChange[]> {
  const byChart = await changesByChart(
    [...records.values()].filter((record) => record !== undefined),
    store,
    signal,
  );
  const compareChart = async (
    [name, changes]: readonly [string, ReadonlyMap<string, Claim | undefined>],
    stop: AbortSignal,
  ) => {
    const before = base.rows.get(name);
    const was = before === undefined ? [] : await readClaims(store, scope.root, before, stop);
    const moved = difference(was, changes);
    if (moved.size === 0) return [];
    const untouched = was.filter((claim) => !changes.has(placeOf(claim)));
    const is = [...untouched, ...[...changes.values()].filter((claim) => claim !== undefined)];
    return [{ name, before, was, is, moved, part: is.length === 0 ? undefined : makePart(name, is) }];
  };
  return (await concurrently([...byChart], CONCURRENCY, compareChart, signal)).flat();
}

/** By the name of each chart whose part may have to change: what the tags are to it. */
async function changesByChart(
  records: readonly TagRecord[],
  store: Store,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ReadonlyMap<string, Claim | undefined>>> {
  const byChart = new Map<string, Map<string, Claim | undefined>>();
  const add = async ([first, ...rest]: readonly TagRecord[], stop: AbortSignal): Promise<void> => {
    for (const name of await chartNames(store, first!, stop)) {
      const changes = byChart.get(name) ?? new Map<string, Claim | undefined>();
      byChart.set(name, changes);
      for (const record of [first!, ...rest]) {
        changes.set(placeOf(record), isClaim(record) && record.metadata.name === name ? record : undefined);
      }
    }
  };
  const repositories = Map.groupBy(records, ({ registry, repository }) => `${registry}/${repository}`);
  await concurrently([...repositories.values()], CONCURRENCY, add, signal);
  return byChart;
}

/** The claims that come and go with each tag that changes. */
function difference(
  was: readonly Claim[],
  changes: ReadonlyMap<string, Claim | undefined>,
): ReadonlyMap<string, readonly Claim[]> {
  const known = new Map(was.map((claim) => [placeOf(claim), claim]));
  const differing = [...changes].filter(([place, claim]) => JSON.stringify(claim) !== JSON.stringify(known.get(place)));
  return new Map(
    differing.map(([place, claim]) => [place, [claim, known.get(place)].filter((each) => each !== undefined)]),
  );
}

const writeParts = (scope: Scope, parts: readonly Part[], store: Store, signal: AbortSignal): Promise<unknown> =>
  concurrently(
    parts,
    CONCURRENCY,
    ({ row, bytes }, stop) => store.put(partKey(scope.root, row.part), bytes, { signal: stop }),
    signal,
  );

/** Only of parts that no generation names, or none that counts. */
export const removeParts = (
  scope: Scope,
  rows: readonly Pick<Row, "part">[],
  store: Store,
  signal: AbortSignal,
): Promise<unknown> =>
  concurrently(rows, CONCURRENCY, ({ part }, stop) => store.delete(partKey(scope.root, part), stop), signal);

/** What the generations that one commit wrote have changed; more than one where it could not tell whether one counts. */
class Tally {
  readonly #places: ReadonlySet<string>;
  readonly #added = new Map<string, Claim>();
  readonly #changed = new Map<string, Claim>();
  readonly #removed = new Map<string, Claim>();
  readonly #conflicts = new Map<string, Conflict>();
  readonly #movers = new Map<string, Set<string>>();
  readonly #replaced: Row[] = [];

  /** @param places what the commit is about */
  constructor(places: readonly Place[]) {
    this.#places = new Set(places.map(placeOf));
  }

  /** Of an index that was made afresh only what the commit is about is new: of the rest others have told, or will. */
  add(changes: readonly ChartChange[], { isNewest, afresh }: { readonly isNewest: boolean; readonly afresh: boolean }) {
    for (const { before, was, is, moved } of changes) {
      for (const [place, claims] of moved) {
        for (const { metadata } of claims) this.#addMover(fileName(metadata), place);
      }
      if (isNewest && before !== undefined) this.#replaced.push(before);
      const { kept, conflicts } = keepClaims(is);
      const old = new Map(keepClaims(was).kept);
      for (const [version, claim] of kept) {
        const known = old.get(version);
        old.delete(version);
        if (known?.chart.digest === claim.chart.digest || (afresh && !this.#places.has(placeOf(claim)))) continue;
        (known === undefined ? this.#added : this.#changed).set(fileName(claim.metadata), claim);
      }
      for (const claim of old.values()) this.#removed.set(fileName(claim.metadata), claim);
      for (const conflict of conflicts) {
        if (this.#movers.has(fileName(conflict))) this.#conflicts.set(conflict.ignored, conflict);
      }
    }
  }

  #addMover(file: string, place: string): void {
    const movers = this.#movers.get(file) ?? new Set();
    this.#movers.set(file, movers.add(place));
  }

  settled(generation: Generation): Committed {
    return {
      generation,
      added: [...this.#added.values()],
      changed: [...this.#changed.values()],
      removed: [...this.#removed.values()],
      conflicts: [...this.#conflicts.values()],
      movers: this.#movers,
      replaced: this.#replaced,
    };
  }
}
