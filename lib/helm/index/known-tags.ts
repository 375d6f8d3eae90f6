import * as z from "zod";
import { concurrently, type Digest } from "../../oci/index.ts";
import { type Reader, readJson, type Store } from "../../store/index.ts";
import { newestGeneration } from "./commit.ts";
import type { RepositoryPlace } from "./coverage.ts";
import { unlessMissing, untilSettled } from "./missing.ts";
import { type Row, readClaims } from "./part.ts";
import { type Scope, type Split, scopesOf } from "./scope.ts";

/** A tag as the index has it. */
export interface IndexedTag {
  readonly manifest: Digest;
  /** Of the chart. */
  readonly name: string;
}
type Tags = ReadonlyMap<string, IndexedTag>;

const CONCURRENCY = 16;
/** Indexes of projects that are kept: repositories come project by project. */
const MAX_LOADED = 8;

/**
 * What the index holds of repositories: the tags of charts with the manifest each named.
 *
 * Read from the parts: a thousand charts are a thousand objects, where their records are fifty times as many.
 */
export class IndexedTags {
  readonly #split: Split;
  readonly #store: Reader;
  /** By root. */
  readonly #loaded = new Map<string, Promise<ReadonlyMap<string, Tags>>>();

  constructor(split: Split, store: Reader) {
    this.#split = split;
    this.#store = store;
  }

  async of({ registry, repository }: RepositoryPlace, signal: AbortSignal): Promise<Tags> {
    const [scope] = scopesOf(this.#split, [{ repository }]);
    let loaded = this.#loaded.get(scope!.root);
    if (loaded === undefined) {
      loaded = this.#load(scope!, signal);
      this.#loaded.set(scope!.root, loaded);
      const [oldest] = this.#loaded.keys();
      if (this.#loaded.size > MAX_LOADED) this.#loaded.delete(oldest!);
    }
    return (await loaded).get(`${registry}/${repository}`) ?? new Map();
  }

  #load(scope: Scope, signal: AbortSignal): Promise<ReadonlyMap<string, Tags>> {
    return untilSettled(`read ${scope.root}`, signal, async () => {
      const tags = new Map<string, Map<string, IndexedTag>>();
      const generation = await newestGeneration(scope, this.#store, signal);
      const read = async (row: Row, stop: AbortSignal) => {
        for (const { registry, repository, tag, manifest } of await readClaims(this.#store, scope.root, row, stop)) {
          const place = `${registry}/${repository}`;
          const known = tags.get(place) ?? new Map<string, IndexedTag>();
          tags.set(place, known.set(tag, { manifest, name: row.name }));
        }
      };
      await concurrently([...(generation?.rows.values() ?? [])], CONCURRENCY, read, signal);
      return tags;
    });
  }
}

const othersSchema = z.record(z.string(), z.string());
/** Of 100,000 tags. */
const MAX_OTHERS_BYTES = 32 * 1024 * 1024;

const othersKey = ({ registry, repository }: RepositoryPlace): string =>
  `index/others/${registry}/${repository}/_tags.json`;

/** The tags that were found to hold something else than a chart, with its digest: it need not be fetched again. */
export async function readOthers(
  place: RepositoryPlace,
  store: Reader,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const known = await unlessMissing(readJson(store, othersKey(place), othersSchema, MAX_OTHERS_BYTES, signal));
  return new Map(Object.entries(known ?? {}));
}

export const writeOthers = (
  place: RepositoryPlace,
  others: ReadonlyMap<string, string>,
  store: Store,
  signal: AbortSignal,
): Promise<unknown> =>
  others.size === 0
    ? store.delete(othersKey(place), signal)
    : store.put(othersKey(place), JSON.stringify(Object.fromEntries(others)), { signal });
