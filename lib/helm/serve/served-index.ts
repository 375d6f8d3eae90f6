import { bytesSegment, type Segment } from "../../archive/index.ts";
import { RejectedError } from "../../errors.ts";
import { digestOf } from "../../oci/index.ts";
import type { Reader } from "../../store/index.ts";
import type { TextName } from "../index/assemble.ts";
import type { ChartFile } from "../index/fold.ts";
import type { Generation } from "../index/generation.ts";
import type { Head } from "../index/head.ts";
import { IndexReader } from "../index/read.ts";
import { type Scope, wholeScope } from "../index/scope.ts";
import { EPOCH, jsonForm, yamlForm } from "../index/text.ts";
import { NewestHead, type NewestHeadOptions, type Seen } from "./newest-head.ts";
import { asStored, inflate, inflated, type Representation, textOf } from "./representation.ts";
import type { TextMemory } from "./text-memory.ts";

export type IndexForm = "yaml" | "json";

/** The types of the two forms; YAML as the original adapter called it (spec CR-W11). */
const types: Readonly<Record<IndexForm, string>> = { yaml: "application/x-yaml", json: "application/json" };

/** One index as it is served: of everything, or of one project. */
export class ServedIndex {
  readonly #reader: IndexReader;
  readonly #newest: NewestHead;
  readonly #memory: TextMemory;
  readonly #isWhole: boolean;

  constructor(store: Reader, scope: Scope, memory: TextMemory, options: NewestHeadOptions) {
    this.#reader = new IndexReader(store, scope);
    this.#newest = new NewestHead((known, signal) => this.#reader.storedHead(known, signal), options);
    this.#memory = memory;
    this.#isWhole = scope === wholeScope;
  }

  /** What can be served. @param maxAge milliseconds, where other than usual */
  see(maxAge?: number): Promise<Seen> {
    return this.#newest.see(maxAge);
  }

  /** @returns undefined for a project that has no index; everything has one, which is empty before the first chart */
  async index(seen: Seen, form: IndexForm, gzip: boolean, vary: string): Promise<Representation | undefined> {
    const { stored } = seen;
    if (stored === undefined) return this.#isWhole ? { ...emptyIndex(form), vary } : undefined;
    const { head, stat } = stored;
    const about = { type: types[form], modified: stat.modified, vary };
    const packed: TextName = form === "yaml" ? "index.yaml.gz" : "index.json.gz";
    if (gzip) return { ...about, ...this.#stored(head, packed), encoding: "gzip" };
    if (form === "json") return inflated(await this.text(head, packed), head.texts[packed].digest, about);
    const plain = this.#stored(head, "index.yaml");
    if (this.#memory.fits(plain.size)) return { ...about, ...plain };
    // what is larger than the memory is kept there compressed, for when the store is away
    const kept = () => this.text(head, packed);
    if (seen.isStale) {
      return {
        ...about,
        ...plain,
        ranges: false,
        open: async (_, signal) => inflate(await kept(), plain.size, signal),
      };
    }
    const open: Representation["open"] = (range, signal) => {
      kept().catch(() => {});
      return plain.open(range, signal);
    };
    return { ...about, ...plain, open };
  }

  /** A text as it lies in the store. Nothing of it is read before it is opened. */
  #stored(head: Head, name: TextName) {
    const { size, digest } = head.texts[name];
    return asStored(size, digest, () => this.text(head, name));
  }

  /** A text of a head: from memory, where it fits, else from the store. */
  async text(head: Head, name: TextName): Promise<Segment> {
    const text = this.#reader.text(head, name);
    const { size, digest } = head.texts[name];
    const held = this.#memory.get(digest, size, async () => {
      const bytes = Buffer.concat(await Array.fromAsync(text.read(0, size)));
      if (digestOf(bytes) === digest) return bytes;
      throw new RejectedError("STORE_OBJECT_INVALID", `Cannot read object "${text.name}": it is not what was written`);
    });
    return held === undefined ? text : bytesSegment(await held);
  }

  generation(head: Head): Promise<Generation> {
    return this.#reader.generation(head);
  }

  findFile(head: Head, file: string, signal: AbortSignal): Promise<ChartFile | undefined> {
    return this.#reader.findFileOf(head, file, signal);
  }
}

function emptyIndex(form: IndexForm): Representation {
  const { head, foot } = form === "yaml" ? yamlForm : jsonForm;
  const text = `${head(EPOCH, true)}${foot}`;
  return textOf(types[form], text, `"${digestOf(Buffer.from(text))}"`);
}
