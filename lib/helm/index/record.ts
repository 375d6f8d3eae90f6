import * as z from "zod";
import { type Digest, isDigest, isHost, isRepository, isTag } from "../../oci/index.ts";
import { type Reader, readJson, type Store } from "../../store/index.ts";
import { type ChartArtifact, metadataSchema } from "../chart-artifact.ts";
import { unlessMissing } from "./missing.ts";

/** A tag of a repository of a registry. */
export interface Place {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

const digest = z.custom<Digest>((value) => typeof value === "string" && isDigest(value), "is not a sha256 digest");
const blob = z.object({ mediaType: z.string(), digest, size: z.int().min(0) });
const place = {
  registry: z.string().refine(isHost, "is not a host"),
  repository: z.string().refine(isRepository, "is not a repository"),
  tag: z.string().refine(isTag, "is not a tag"),
};
const chartVersion = z.object({ name: z.string(), version: z.string() });
const history = {
  /** Id of the event that brought this state: its redelivery must be able to tell of it again. */
  by: z.string(),
  /** The chart version that this state took the place of. */
  replaced: chartVersion.optional(),
};

/** A tag that holds a chart: the truth from which the index is made. */
export const claimSchema = z.object({
  ...place,
  /** Digest of the manifest the tag named when it was read. */
  manifest: digest,
  /** The chart archive. */
  chart: blob,
  /** The signature of a signed chart. */
  provenance: blob.optional(),
  /** From the manifest, else when this archive was first seen: stable ever after (spec CR-W5). */
  created: z.iso.datetime(),
  metadata: metadataSchema,
  ...history,
});

/** What stays of the record of a tag that holds no chart any more. */
const tombstoneSchema = z.object({ ...place, ...history, gone: z.literal(true) });

export type Claim = Readonly<z.output<typeof claimSchema>>;
export type Tombstone = Readonly<z.output<typeof tombstoneSchema>>;
export type TagRecord = Claim | Tombstone;

const recordSchema: z.ZodType<TagRecord> = z.union([tombstoneSchema, claimSchema]);

export const isClaim = (record: TagRecord | undefined): record is Claim => record !== undefined && !("gone" in record);

/** A config blob of a chart has 1 MiB at most, and a record little more. */
const MAX_RECORD_BYTES = 2 * 1024 * 1024;
export const RECORDS = "index/entries/";

/** `_tags` cannot be part of a repository name, so no record is another one's directory. */
export const recordPrefix = (registry: string, repository: string): string =>
  `${RECORDS}${registry}/${repository}/_tags/`;

export const recordKey = ({ registry, repository, tag }: Place): string =>
  `${recordPrefix(registry, repository)}${tag}.json`;

/** In this order the claims of a chart version are preferred. */
export const placeOf = ({ registry, repository, tag }: Place): string => `${registry}/${repository}:${tag}`;

export const makeClaim = (
  { registry, repository, tag }: Place,
  { metadata, manifest, chart, provenance, created }: ChartArtifact,
  by: string,
  known: TagRecord | undefined,
): Claim => {
  const same = isClaim(known) && known.chart.digest === chart.digest ? known : undefined;
  const isMoved = same?.metadata.name !== metadata.name || same.metadata.version !== metadata.version;
  return {
    registry,
    repository,
    tag,
    manifest: manifest.digest,
    chart: blobOf(chart),
    ...(provenance === undefined ? {} : { provenance: blobOf(provenance) }),
    created: created ?? same?.created ?? new Date().toISOString(),
    metadata,
    // the same archive in another manifest brings nothing that would be told
    ...(isMoved ? historyOf(known, by) : { by: same.by, replaced: same.replaced }),
  };
};

export const makeTombstone = ({ registry, repository, tag }: Place, by: string, known: Claim): Tombstone => ({
  registry,
  repository,
  tag,
  gone: true,
  ...historyOf(known, by),
});

function historyOf(known: TagRecord | undefined, by: string) {
  if (!isClaim(known)) return { by };
  return { by, replaced: { name: known.metadata.name, version: known.metadata.version } };
}

const blobOf = ({ mediaType, digest: of, size }: z.output<typeof blob>) => ({ mediaType, digest: of, size });

/** @returns undefined when the tag has no record */
export const readRecord = (store: Reader, at: Place, signal?: AbortSignal): Promise<TagRecord | undefined> =>
  unlessMissing(readJson(store, recordKey(at), recordSchema, MAX_RECORD_BYTES, signal));

/** The name of a chart is noted before a record says that the repository holds it: see {@linkcode chartNames}. */
export async function writeRecord(store: Store, record: TagRecord, signal?: AbortSignal): Promise<void> {
  if (isClaim(record)) await noteName(store, record, record.metadata.name, signal);
  await store.put(recordKey(record), JSON.stringify(record), { signal });
}

const namePrefix = ({ registry, repository }: Pick<Place, "registry" | "repository">): string =>
  `${RECORDS}${registry}/${repository}/_charts/`;
const NAME_SUFFIX = ".name";

export const noteName = (store: Store, place: Place, name: string, signal?: AbortSignal): Promise<unknown> =>
  store.put(`${namePrefix(place)}${name}${NAME_SUFFIX}`, "", { ifAbsent: true, signal });

/**
 * Every chart that a repository has ever held, mostly one: the parts that may list its tags. Of two writers of one record
 * the second does not know what the first has written, so the record cannot tell.
 */
export async function chartNames(
  store: Reader,
  place: Pick<Place, "registry" | "repository">,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const prefix = namePrefix(place);
  const names: string[] = [];
  for await (const { key } of store.list(prefix, signal)) names.push(key.slice(prefix.length, -NAME_SUFFIX.length));
  return names;
}

/** The tags of a repository that have a record, with the time it was written. */
export async function* recordedTags(
  store: Reader,
  registry: string,
  repository: string,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly tag: string; readonly written: Date }> {
  const prefix = recordPrefix(registry, repository);
  for await (const { key, modified } of store.list(prefix, signal)) {
    const tag = key.slice(prefix.length, -".json".length);
    if (isTag(tag)) yield { tag, written: modified };
  }
}

/** Every tag that has a record. */
export async function* allPlaces(store: Reader, signal?: AbortSignal): AsyncGenerator<Place> {
  for await (const { key } of store.list(RECORDS, signal)) {
    const [, registry = "", repository = "", tag = ""] =
      /^([^/]+)\/(.+)\/_tags\/([^/]+)\.json$/.exec(key.slice(RECORDS.length)) ?? [];
    if (isHost(registry) && isRepository(repository) && isTag(tag)) yield { registry, repository, tag };
  }
}

/** Every tag that holds a chart. */
export async function* allClaims(store: Reader, signal?: AbortSignal): AsyncGenerator<Claim> {
  for await (const place of allPlaces(store, signal)) {
    const record = await readRecord(store, place, signal);
    if (isClaim(record)) yield record;
  }
}
