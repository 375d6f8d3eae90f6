import { compareBuild, parse } from "semver";
import { hexOf } from "../oci/index.ts";
import type { ChartMetadata } from "./chart-artifact.ts";
import type { IndexRecord } from "./index-record.ts";

/** One chart version as helm's index.yaml carries it: https://helm.sh/docs/topics/chart_repository/#the-index-file */
export type IndexEntry = ChartMetadata & {
  readonly created: string;
  /** sha256 of the chart archive: hex, without prefix. */
  readonly digest: string;
  readonly urls: readonly string[];
};

export interface ChartIndex {
  readonly apiVersion: "v1";
  /** The newest `created` in it: the same records give the same bytes. */
  readonly generated: string;
  readonly entries: Readonly<Record<string, readonly IndexEntry[]>>;
}

/** Two repositories claim the same chart version with different bytes. */
export interface Conflict {
  readonly name: string;
  readonly version: string;
  readonly kept: string;
  readonly ignored: string;
}

export interface FoldedIndex {
  readonly index: ChartIndex;
  /** Where the bytes behind each download lie, by file name. */
  readonly files: Readonly<Record<string, Pick<IndexRecord, "registry" | "repository" | "tag" | "chart">>>;
  readonly conflicts: readonly Conflict[];
}

export const fileName = ({ name, version }: Pick<ChartMetadata, "name" | "version">): string =>
  `${name}-${version}.tgz`;

/**
 * The index as a pure function of its records, in whatever order they come.
 *
 * Charts are sorted by name, versions by semantic version, newest first, unreadable ones last (as helm sorts them). Of
 * several tags with the same chart version the first in order of registry, repository, tag is kept (spec CR-T5, CR-T8).
 */
export function foldIndex(records: Iterable<IndexRecord>): FoldedIndex {
  const sorted = [...records].sort((a, b) => compareText(placeOf(a), placeOf(b)));
  const kept = new Map<string, IndexRecord>();
  const conflicts: Conflict[] = [];
  for (const record of sorted) {
    const file = fileName(record.metadata);
    const first = kept.get(file);
    if (first === undefined) kept.set(file, record);
    else if (first.chart.digest !== record.chart.digest) {
      const { name, version } = record.metadata;
      conflicts.push({ name, version, kept: placeOf(first), ignored: placeOf(record) });
    }
  }
  return { index: toIndex([...kept.values()]), files: toFiles(kept), conflicts };
}

const placeOf = ({ registry, repository, tag }: IndexRecord): string => `${registry}/${repository}:${tag}`;
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function toIndex(records: readonly IndexRecord[]): ChartIndex {
  const groups = Map.groupBy(records, ({ metadata }) => metadata.name);
  const entries = [...groups].sort(([a], [b]) => compareText(a, b)).map(([name, group]) => [name, toEntries(group)]);
  const generated =
    records
      .map(({ created }) => created)
      .sort(compareText)
      .at(-1) ?? "1970-01-01T00:00:00.000Z";
  return { apiVersion: "v1", generated, entries: Object.fromEntries(entries) };
}

const toEntries = (group: readonly IndexRecord[]): readonly IndexEntry[] =>
  group
    .map(({ metadata, created, chart }) => ({
      ...metadata,
      created,
      digest: hexOf(chart.digest),
      urls: [`charts/${fileName(metadata)}`],
    }))
    .sort((a, b) => compareVersions(b.version, a.version));

/** Semantic order; equal precedence is settled by build metadata, then by text, so that the order is total. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  if (left && right) return compareBuild(left, right) || compareText(a, b);
  if (left || right) return left ? 1 : -1;
  return compareText(a, b);
}

const toFiles = (kept: ReadonlyMap<string, IndexRecord>): FoldedIndex["files"] =>
  Object.fromEntries(
    [...kept].map(([file, { registry, repository, tag, chart }]) => [file, { registry, repository, tag, chart }]),
  );

export interface IndexChanges {
  readonly added: readonly IndexEntry[];
  /** Same name and version, other bytes. */
  readonly changed: readonly IndexEntry[];
  readonly removed: readonly IndexEntry[];
}

/** What differs between two indexes, by chart name, version and digest. */
export function diffIndex(before: ChartIndex, after: ChartIndex): IndexChanges {
  const was = byFile(before);
  const is = byFile(after);
  return {
    added: [...is].filter(([file]) => !was.has(file)).map(([, entry]) => entry),
    changed: [...is]
      .filter(([file, { digest }]) => was.has(file) && was.get(file)?.digest !== digest)
      .map(([, e]) => e),
    removed: [...was].filter(([file]) => !is.has(file)).map(([, entry]) => entry),
  };
}

const byFile = ({ entries }: ChartIndex): ReadonlyMap<string, IndexEntry> =>
  new Map(Object.values(entries).flatMap((versions) => versions.map((entry) => [fileName(entry), entry] as const)));
