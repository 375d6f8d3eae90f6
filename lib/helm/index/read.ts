import type { Segment } from "../../archive/index.ts";
import type { Reader } from "../../store/index.ts";
import { type TextName, textKey } from "./assemble.ts";
import type { ChartFile } from "./fold.ts";
import { type Generation, readGeneration } from "./generation.ts";
import { type Head, readStoredHead, type StoredHead } from "./head.ts";
import { untilSettled } from "./missing.ts";
import { type Row, readFiles, stored } from "./part.ts";
import { type Scope, wholeScope } from "./scope.ts";

/** An index as others have published it. Keeps the generation it read last; anything may be asked at any time. */
export class IndexReader {
  readonly #store: Reader;
  readonly #root: string;
  #last: { readonly of: Head; readonly generation: Promise<Generation> } | undefined;

  constructor(store: Reader, { root }: Scope = wholeScope) {
    this.#store = store;
    this.#root = root;
  }

  /** What can be served now; undefined before the first chart. One listing and one small object. */
  async head(signal?: AbortSignal): Promise<Head | undefined> {
    return (await this.storedHead(undefined, signal))?.head;
  }

  /** The same with its object. @param known what was given last: costs one listing only while it is the newest */
  storedHead(known: StoredHead | undefined, signal?: AbortSignal): Promise<StoredHead | undefined> {
    return readStoredHead(this.#store, this.#root, known, signal);
  }

  /** The text of a head. Reading throws RejectedError STORE_NOT_FOUND when two newer heads have come since. */
  text(head: Head, name: TextName): Segment {
    return stored(this.#store, textKey(this.#root, head.number, name), 0, head.texts[name].size);
  }

  /** The charts of a head. @throws RejectedError STORE_NOT_FOUND when two newer heads have come since */
  generation(head: Head): Promise<Generation> {
    if (this.#last === undefined || !isSame(this.#last.of, head)) {
      // for all who want it: nobody's signal may end it
      const generation = readGeneration(this.#store, this.#root, head.number);
      const last = { of: head, generation };
      this.#last = last;
      // one that failed is asked for again
      generation.catch(() => {
        if (this.#last === last) this.#last = undefined;
      });
    }
    return this.#last.generation;
  }

  /**
   * Where the bytes of a download lie.
   *
   * @param file as the index names it; undefined when it does not. Where the name of a chart ends in it only the index
   *   tells: chart `web-2` of version `1.0.0` is as legal as chart `web` of version `2-1.0.0` (spec CR-W3)
   */
  async findFile(file: string, signal?: AbortSignal): Promise<ChartFile | undefined> {
    const { found } = await untilSettled(`read ${this.#root}`, signal, async () => {
      const head = await this.head(signal);
      return { found: head && (await this.findFileOf(head, file, signal)) };
    });
    return found;
  }

  /** The same in what a head names. @throws RejectedError STORE_NOT_FOUND when two newer heads have come since */
  async findFileOf(head: Head, file: string, signal?: AbortSignal): Promise<ChartFile | undefined> {
    for (const row of candidates(file, await this.generation(head))) {
      const files = await readFiles(this.#store, this.#root, row, signal);
      if (Object.hasOwn(files, file)) return files[file];
    }
    return undefined;
  }
}

/** A store that was emptied counts from the beginning again. */
const isSame = (a: Head, b: Head): boolean =>
  a.number === b.number && a.texts["index.yaml"].digest === b.texts["index.yaml"].digest;

function candidates(file: string, generation: Generation): readonly Row[] {
  const found: Row[] = [];
  for (let dash = file.indexOf("-"); dash >= 0; dash = file.indexOf("-", dash + 1)) {
    const row = generation.rows.get(file.slice(0, dash));
    if (row !== undefined) found.push(row);
  }
  return found;
}
