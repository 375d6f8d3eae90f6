import type { EventData } from "../../events/index.ts";
import type { Digest } from "../../oci/index.ts";
import type { Reader } from "../../store/index.ts";
import { chartReference } from "../chart-reference.ts";
import { type IndexChanges, newestGeneration } from "./commit.ts";
import { fileName } from "./fold.ts";
import type { Head } from "./head.ts";
import { untilSettled } from "./missing.ts";
import { readFiles } from "./part.ts";
import { type Claim, isClaim, type Place, type TagRecord } from "./record.ts";
import { projectOf, type Split, scopesOf } from "./scope.ts";

type Data = EventData<"dev.stowage.index.updated.v1">;
type ChartVersion = Data["added"][number];
type ChartName = Data["removed"][number];

/** An event carries 64 KiB at most, with its attributes; most of them carry one chart version. */
const MAX_BYTES = 40 * 1024;
const MAX_CHARTS = 50;

/** What has been gathered to tell, as far as it is kept between two runs. */
export type Told = Pick<Data, "added" | "changed" | "removed" | "counts">;

const nothing: Told = { added: [], changed: [], removed: [], counts: { added: 0, changed: 0, removed: 0 } };

/** What to tell of updates of the index: all counts, and as many chart versions as an event holds. */
export class Announcement {
  readonly #split: Split;
  readonly #earlier: Told;
  readonly #added = new Map<string, ChartVersion>();
  readonly #changed = new Map<string, ChartVersion>();
  readonly #removed = new Map<string, ChartName>();

  /** @param earlier what a run before has gathered and not told */
  constructor(split: Split, earlier: Told = nothing) {
    this.#split = split;
    this.#earlier = earlier;
  }

  add({ added, changed, removed }: Pick<IndexChanges, "added" | "changed" | "removed">): void {
    for (const claim of added) this.#added.set(this.#key(claim, claim.metadata), toVersion(claim));
    for (const claim of changed) this.#changed.set(this.#key(claim, claim.metadata), toVersion(claim));
    for (const claim of removed) this.#removed.set(this.#key(claim, claim.metadata), nameOf(claim.metadata));
  }

  /**
   * Tell of records that the running event brought, even where an earlier delivery of the same event wrote the index, or
   * a writer at the same time: nobody may have told of them yet.
   */
  async addBrought(
    records: Iterable<TagRecord | undefined>,
    by: string,
    store: Reader,
    signal: AbortSignal,
  ): Promise<void> {
    for (const record of records) {
      if (record?.by !== by) continue;
      const { replaced } = record;
      if (isClaim(record) && !this.#tells(record, record.metadata)) {
        const digest = await this.#indexedDigest(record, record.metadata, store, signal);
        if (digest === record.chart.digest) this.#added.set(this.#key(record, record.metadata), toVersion(record));
      }
      if (replaced === undefined || this.#tells(record, replaced)) continue;
      if ((await this.#indexedDigest(record, replaced, store, signal)) === undefined) {
        this.#removed.set(this.#key(record, replaced), nameOf(replaced));
      }
    }
  }

  /** All counts, and no more than an event holds. */
  toTold(): Told {
    const budget = { bytes: MAX_BYTES };
    const { counts } = this.#earlier;
    return {
      removed: fitting([...this.#earlier.removed, ...this.#removed.values()], budget),
      changed: fitting([...this.#earlier.changed, ...this.#changed.values()], budget),
      added: fitting([...this.#earlier.added, ...this.#added.values()], budget),
      counts: {
        added: counts.added + this.#added.size,
        changed: counts.changed + this.#changed.size,
        removed: counts.removed + this.#removed.size,
      },
    };
  }

  /** Indexes of projects may hold the same chart version each. */
  #key(place: Pick<Place, "repository">, chart: ChartName): string {
    return `${this.#split === "projects" ? projectOf(place) : ""}/${fileName(chart)}`;
  }

  #tells(place: Pick<Place, "repository">, chart: ChartName): boolean {
    const key = this.#key(place, chart);
    return this.#added.has(key) || this.#changed.has(key) || this.#removed.has(key);
  }

  /** Of the archive that the index has of a chart version. */
  async #indexedDigest(
    place: Place,
    chart: ChartName,
    store: Reader,
    signal: AbortSignal,
  ): Promise<Digest | undefined> {
    const [scope] = scopesOf(this.#split, [place]);
    const { files } = await untilSettled(`read ${scope!.root}`, signal, async () => {
      const row = (await newestGeneration(scope!, store, signal))?.rows.get(chart.name);
      return { files: row === undefined ? {} : await readFiles(store, scope!.root, row, signal) };
    });
    const file = fileName(chart);
    return Object.hasOwn(files, file) ? files[file]!.chart.digest : undefined;
  }
}

function fitting<T>(values: Iterable<T>, budget: { bytes: number }): T[] {
  const kept: T[] = [];
  for (const value of values) {
    const size = Buffer.byteLength(JSON.stringify(value));
    if (kept.length === MAX_CHARTS || size > budget.bytes) break;
    budget.bytes -= size;
    kept.push(value);
  }
  return kept;
}

/** @returns undefined when there is nothing to tell */
export function toData({ counts, ...lists }: Told, { texts, charts }: Head): Data | undefined {
  if (counts.added + counts.changed + counts.removed === 0) return undefined;
  const truncated = (["added", "changed", "removed"] as const).some((kind) => lists[kind].length < counts[kind]);
  return { digest: texts["index.yaml"].digest, charts, ...lists, counts, truncated };
}

const nameOf = ({ name, version }: ChartName): ChartName => ({ name, version });

const toVersion = (claim: Claim): ChartVersion => ({
  ...nameOf(claim.metadata),
  digest: claim.chart.digest,
  reference: chartReference(claim),
});
