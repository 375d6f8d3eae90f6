import { stringify } from "yaml";
import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { type Digest, digestOf, isTag, type Registries } from "../oci/index.ts";
import { type Reader, readJson, type Store } from "../store/index.ts";
import { type ChartArtifact, readChartArtifact } from "./chart-artifact.ts";
import {
  type ChartIndex,
  type Conflict,
  diffIndex,
  type FoldedIndex,
  foldIndex,
  type IndexChanges,
} from "./index-fold.ts";
import {
  type IndexRecord,
  listRecords,
  makeRecord,
  readRecord,
  recordKey,
  recordPrefix,
  writeRecord,
} from "./index-record.ts";

/** Where the derived forms of the index lie. `index.yaml` is written last: who sees it can download all of it. */
export const indexKeys = { files: "index/files.json", json: "index/index.json", yaml: "index/index.yaml" } as const;

/** App markets refuse an index above 100 MB (spec CR-W5); its other forms are not much larger. */
export const MAX_INDEX_BYTES = 200 * 1024 * 1024;

/** What a chart repository without charts serves. */
export const emptyIndex: ChartIndex = { apiVersion: "v1", generated: "1970-01-01T00:00:00.000Z", entries: {} };

/** A tag of which a registry said that it changed. Without a tag: the whole repository. */
export interface Hint {
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
}

export interface IndexUpdate extends IndexChanges {
  /** Of the index.yaml that was written. */
  readonly digest: Digest;
  /** Chart versions in it. */
  readonly charts: number;
  readonly files: FoldedIndex["files"];
  readonly conflicts: readonly Conflict[];
}

/** What came of a hint. */
export interface Refreshed {
  /** The records that the hint's event brought, now or when it was delivered before. */
  readonly records: readonly IndexRecord[];
  /** Tags that hold a chart nobody can read: their records are gone, the rest of the index stays. */
  readonly broken: readonly { readonly tag: string; readonly reason: string }[];
}

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
): Promise<Refreshed> {
  const tags = hint.tag === undefined ? await tagsToCheck(hint, store, registries, signal) : [hint.tag];
  const records: IndexRecord[] = [];
  const broken: { tag: string; reason: string }[] = [];
  for (const tag of tags) {
    const result = await refreshTag({ ...hint, tag }, by, store, registries, signal);
    if (typeof result === "string") broken.push({ tag, reason: result });
    else if (result?.by === by) records.push(result);
  }
  return { records, broken };
}

/** Every repository of these registries, as hints: a reconcile repairs what no webhook told. */
export async function* hintsOf(
  hosts: readonly string[],
  registries: Registries,
  signal: AbortSignal,
): AsyncGenerator<Hint> {
  for (const registry of hosts) {
    for await (const repository of registries.repositories(registry, signal)) yield { registry, repository };
  }
}

/** What the registry lists now, and what was recorded and may be gone. */
async function tagsToCheck(hint: Hint, store: Store, registries: Registries, signal: AbortSignal): Promise<string[]> {
  const prefix = recordPrefix(hint.registry, hint.repository);
  const tags = new Set<string>();
  for await (const { key } of store.list(prefix, signal)) tags.add(key.slice(prefix.length, -".json".length));
  try {
    for await (const tag of registries.repository(hint.registry, hint.repository).tags(signal)) tags.add(tag);
  } catch (error) {
    if (!(error instanceof RejectedError && error.code === "CONTENT_UNKNOWN")) throw error;
  }
  return [...tags].filter(isTag);
}

/** @returns the tag's record; undefined when it holds no chart; the reason when it holds one nobody can read */
async function refreshTag(
  at: { readonly registry: string; readonly repository: string; readonly tag: string },
  by: string,
  store: Store,
  registries: Registries,
  signal: AbortSignal,
): Promise<IndexRecord | string | undefined> {
  const { registry, repository, tag } = at;
  const key = recordKey(registry, repository, tag);
  const known = await readRecord(store, key, signal);
  let artifact: ChartArtifact | undefined;
  let reason: string | undefined;
  try {
    artifact = await readChartArtifact(registries.repository(registry, repository), tag, signal);
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    if (error.code === "CHART_INVALID" || error.code === "MANIFEST_INVALID") reason = error.message;
    else if (error.code !== "CONTENT_UNKNOWN") throw error;
  }
  if (artifact === undefined) {
    if (known !== undefined) await store.delete(key, signal);
    return reason;
  }
  if (known?.manifest === artifact.manifest.digest) return known;
  const record = makeRecord({ registry, repository, tag }, artifact, by, known);
  await writeRecord(store, record, signal);
  return record;
}

/**
 * Fold all records into the index and write it, until it holds whatever a listing holds.
 *
 * A writer that overlaps with another converges with it; one that dies in between is repaired by the redelivery of its
 * event. No lock, and nothing is lost (design, section 7).
 */
export async function writeIndex(store: Store, signal: AbortSignal): Promise<IndexUpdate> {
  const before = await readIndex(store, signal);
  for (;;) {
    const listing = await listRecords(store, signal);
    const folded = foldIndex(await readAllRecords(store, listing.keys(), signal));
    const yaml = toYaml(folded.index);
    await write(store, folded, yaml, signal);
    if (sameListing(listing, await listRecords(store, signal))) {
      return {
        digest: digestOf(yaml),
        charts: Object.values(folded.index.entries).reduce((sum, versions) => sum + versions.length, 0),
        files: folded.files,
        conflicts: folded.conflicts,
        ...diffIndex(before, folded.index),
      };
    }
  }
}

const indexSchema = z.custom<ChartIndex>(
  (value) => typeof value === "object" && value !== null && "entries" in value,
  "is not a chart index",
);

/** The index as it was last written; empty before the first time. */
export async function readIndex(store: Reader, signal?: AbortSignal): Promise<ChartIndex> {
  return (await store.stat(indexKeys.json, signal)) === undefined
    ? emptyIndex
    : readJson(store, indexKeys.json, indexSchema, MAX_INDEX_BYTES, signal);
}

const filesSchema = z.custom<FoldedIndex["files"]>(
  (value) => typeof value === "object" && value !== null,
  "are not the files of a chart index",
);

/** Where the downloads of the index lie; none before the index was first written. */
export async function readFiles(store: Reader, signal?: AbortSignal): Promise<FoldedIndex["files"]> {
  return (await store.stat(indexKeys.files, signal)) === undefined
    ? {}
    : readJson(store, indexKeys.files, filesSchema, MAX_INDEX_BYTES, signal);
}

async function readAllRecords(store: Store, keys: Iterable<string>, signal: AbortSignal): Promise<IndexRecord[]> {
  const records: IndexRecord[] = [];
  for (const key of keys) {
    const record = await readRecord(store, key, signal);
    if (record !== undefined) records.push(record);
  }
  return records;
}

async function write(store: Store, { files, index }: FoldedIndex, yaml: string, signal: AbortSignal): Promise<void> {
  await store.put(indexKeys.files, JSON.stringify(files), { signal });
  await store.put(indexKeys.json, JSON.stringify(index), { signal });
  await store.put(indexKeys.yaml, yaml, { signal });
}

/** helm reads YAML 1.1, where `1.10`, `yes` or `2030-01-05` are no strings unless quoted: every string is. */
export const toYaml = (index: ChartIndex): string =>
  stringify(index, {
    version: "1.1",
    defaultStringType: "QUOTE_DOUBLE",
    defaultKeyType: "PLAIN",
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });

type Listing = Awaited<ReturnType<typeof listRecords>>;

const sameListing = (a: Listing, b: Listing): boolean =>
  a.size === b.size && [...a].every(([key, version]) => b.get(key) === version);
