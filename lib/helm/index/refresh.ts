import { RejectedError, TransientError } from "../../errors.ts";
import type { Descriptor, Digest, Registries, Source } from "../../oci/index.ts";
import type { Store } from "../../store/index.ts";
import { type ChartArtifact, readArtifactOf } from "../chart-artifact.ts";
import { isClaim, makeClaim, makeTombstone, type Place, readRecord, type TagRecord, writeRecord } from "./record.ts";

/** What is known of a tag after another look. */
export interface RefreshedTag {
  readonly place: Place;
  /** Absent when the tag never held a chart. */
  readonly record: TagRecord | undefined;
  /** What the tag names. */
  readonly manifest: Digest | undefined;
  /** Why the chart it holds cannot be read: it is left out of the index. */
  readonly broken?: string;
}

/** As often a tag may be pushed while it is looked at. */
const MAX_LOOKS = 20;

/**
 * Bring the record of a tag in line with the registry.
 *
 * The registry is asked again after the record was written: of several writers the last one sees what the registry says
 * then, however late his record came.
 *
 * @param by id of the event, kept in a record that it brings
 * @throws what the registry does, except for a chart that is broken or gone
 */
export async function refreshTag(
  place: Place,
  by: string,
  store: Store,
  registries: Registries,
  signal: AbortSignal,
): Promise<RefreshedTag> {
  const source = registries.repository(place.registry, place.repository);
  let seen: Look | undefined;
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    const now = await unlessUnknown(source.resolve(place.tag, signal));
    const record = await readRecord(store, place, signal);
    if (seen === undefined || seen.manifest?.digest !== now?.digest) {
      // a HEAD tells: nothing is fetched for what is known
      if (isClaim(record) ? record.manifest === now?.digest : now === undefined)
        return { place, record, manifest: now?.digest };
      seen = await look(source, now, signal);
    }
    const { artifact, broken } = seen;
    const told = { place, record, manifest: now?.digest, ...(broken === undefined ? {} : { broken }) };
    const isCurrent = isClaim(record) ? record.manifest === artifact?.manifest.digest : artifact === undefined;
    if (isCurrent) return told;
    if (artifact !== undefined) await writeRecord(store, makeClaim(place, artifact, by, record), signal);
    else if (isClaim(record)) await writeRecord(store, makeTombstone(place, by, record), signal);
  }
  throw new TransientError(
    "REGISTRY_UNAVAILABLE",
    `Cannot read ${source.name}:${place.tag}: it changes each time it is looked at`,
  );
}

/** What a manifest was found to be. */
interface Look {
  readonly manifest: Descriptor | undefined;
  readonly artifact?: ChartArtifact | undefined;
  readonly broken?: string;
}

async function look(source: Source, manifest: Descriptor | undefined, signal: AbortSignal): Promise<Look> {
  if (manifest === undefined) return { manifest };
  try {
    return { manifest, artifact: await readArtifactOf(source, manifest, signal) };
  } catch (error) {
    if (error instanceof RejectedError && BROKEN.has(error.code)) return { manifest, broken: error.message };
    throw error;
  }
}

/** Also what the tag names and the registry does not hold (spec CR-T9). */
const BROKEN: ReadonlySet<string> = new Set([
  "CHART_INVALID",
  "MANIFEST_INVALID",
  "CONTENT_MISMATCH",
  "CONTENT_UNKNOWN",
]);

async function unlessUnknown(resolved: Promise<Descriptor>): Promise<Descriptor | undefined> {
  try {
    return await resolved;
  } catch (error) {
    if (error instanceof RejectedError && error.code === "CONTENT_UNKNOWN") return undefined;
    throw error;
  }
}
