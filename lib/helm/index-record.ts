import * as z from "zod";
import type { Digest } from "../oci/index.ts";
import { type Reader, readJson, type Store } from "../store/index.ts";
import type { ChartArtifact, ChartMetadata } from "./chart-artifact.ts";

/** One tag of one repository that holds a chart: the truth from which the index is made. */
export interface IndexRecord {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  /** Digest of the manifest the tag named when it was read. */
  readonly manifest: Digest;
  readonly chart: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  /** From the manifest, else when this digest was first seen: stable ever after (spec CR-W5). */
  readonly created: string;
  /** Id of the event that brought this content: its redelivery must be able to say so again. */
  readonly by: string;
  readonly metadata: ChartMetadata;
}

const recordSchema = z.custom<IndexRecord>(
  (value) => typeof value === "object" && value !== null && "metadata" in value && "chart" in value,
  "is not a record of the index",
);

/** A config blob of a chart has 1 MiB at most, and a record little more. */
const MAX_RECORD_BYTES = 2 * 1024 * 1024;
const ROOT = "index/entries/";

/** `_tags` cannot be part of a repository name, so no record is another one's directory. */
export const recordKey = (registry: string, repository: string, tag: string): string =>
  `${ROOT}${registry}/${repository}/_tags/${tag}.json`;

export const recordPrefix = (registry: string, repository: string): string => `${ROOT}${registry}/${repository}/_tags/`;

export function makeRecord(
  at: { readonly registry: string; readonly repository: string; readonly tag: string },
  { metadata, manifest, chart, created }: ChartArtifact,
  by: string,
  known: IndexRecord | undefined,
): IndexRecord {
  const same = known?.chart.digest === chart.digest;
  return {
    ...at,
    manifest: manifest.digest,
    chart: { mediaType: chart.mediaType, digest: chart.digest, size: chart.size },
    created: created ?? (same ? known.created : new Date().toISOString()),
    by: same ? known.by : by,
    metadata,
  };
}

/** @returns undefined when the tag has no record */
export async function readRecord(store: Reader, key: string, signal?: AbortSignal): Promise<IndexRecord | undefined> {
  return (await store.stat(key, signal)) === undefined
    ? undefined
    : readJson(store, key, recordSchema, MAX_RECORD_BYTES, signal);
}

export const writeRecord = (store: Store, record: IndexRecord, signal?: AbortSignal): Promise<unknown> =>
  store.put(recordKey(record.registry, record.repository, record.tag), JSON.stringify(record), { signal });

/** The key of every record with its version, by which a later listing tells whether it changed. */
export async function listRecords(store: Reader, signal?: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const { key, version } of store.list(ROOT, signal)) found.set(key, version);
  return found;
}
