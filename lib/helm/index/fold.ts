import { compareBuild, parse, type SemVer } from "semver";
import { hexOf } from "../../oci/index.ts";
import type { ChartMetadata } from "../chart-artifact.ts";
import { type Claim, placeOf } from "./record.ts";

/** One chart version as helm's index.yaml carries it: https://helm.sh/docs/topics/chart_repository/#the-index-file */
export type IndexEntry = ChartMetadata & {
  readonly created: string;
  /** sha256 of the chart archive: hex, without prefix. */
  readonly digest: string;
  readonly urls: readonly string[];
};

/** Where the bytes behind a download lie. */
export type ChartFile = Pick<Claim, "registry" | "repository" | "tag" | "chart" | "provenance">;

/** Two repositories claim the same chart version with different bytes. */
export interface Conflict {
  readonly name: string;
  readonly version: string;
  readonly kept: string;
  readonly ignored: string;
}

/** One chart of the index. */
export interface FoldedChart {
  /** The newest version first. */
  readonly entries: readonly IndexEntry[];
  /** By file name. */
  readonly files: Readonly<Record<string, ChartFile>>;
  readonly conflicts: readonly Conflict[];
}

export const fileName = ({ name, version }: Pick<ChartMetadata, "name" | "version">): string =>
  `${name}-${version}.tgz`;

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** In the order in which they are preferred. */
export const sortClaims = (claims: Iterable<Claim>): readonly Claim[] =>
  [...claims].sort((a, b) => compareText(placeOf(a), placeOf(b)));

/**
 * What each version of a chart is: of several tags with the same version the first in order of registry, repository, tag
 * is kept (spec CR-T5, CR-T8). A pure function of the claims, in whatever order they come.
 *
 * @param claims of one chart
 */
export function keepClaims(claims: Iterable<Claim>): {
  readonly kept: ReadonlyMap<string, Claim>;
  readonly conflicts: readonly Conflict[];
} {
  const kept = new Map<string, Claim>();
  const conflicts: Conflict[] = [];
  for (const claim of sortClaims(claims)) {
    const { name, version } = claim.metadata;
    const first = kept.get(version);
    if (first === undefined) kept.set(version, claim);
    else if (first.chart.digest !== claim.chart.digest) {
      conflicts.push({ name, version, kept: placeOf(first), ignored: placeOf(claim) });
    }
  }
  return { kept, conflicts };
}

/** Versions are sorted by semantic version, newest first, unreadable ones last (as helm sorts them). */
export function foldChart(claims: Iterable<Claim>): FoldedChart {
  const { kept, conflicts } = keepClaims(claims);
  const sorted = sortVersions([...kept.keys()])
    .reverse()
    .map((version) => kept.get(version)!);
  return {
    entries: sorted.map(toEntry),
    files: Object.fromEntries(sorted.map((claim) => [fileName(claim.metadata), toFile(claim)])),
    conflicts,
  };
}

/** A `+` stays as it is, as helm itself writes it; what else a URL does not take is percent-encoded. */
const toEntry = ({ metadata, created, chart }: Claim): IndexEntry => ({
  ...metadata,
  created,
  digest: hexOf(chart.digest),
  urls: [`charts/${encodeURIComponent(fileName(metadata)).replaceAll("%2B", "+")}`],
});

const toFile = ({ registry, repository, tag, chart, provenance }: Claim): ChartFile => ({
  registry,
  repository,
  tag,
  chart,
  ...(provenance === undefined ? {} : { provenance }),
});

/** Semantic order; equal precedence is settled by build metadata, then by text, so that the order is total. */
export const compareVersions = (a: string, b: string): number => compareParsed(parsed(a), parsed(b));

/** The oldest first. */
export const sortVersions = (versions: readonly string[]): string[] =>
  versions
    .map(parsed)
    .sort(compareParsed)
    .map(({ text }) => text);

interface Parsed {
  readonly text: string;
  readonly version: SemVer | null;
}

const parsed = (text: string): Parsed => ({ text, version: parse(text) });

function compareParsed(a: Parsed, b: Parsed): number {
  if (a.version && b.version) return compareBuild(a.version, b.version) || compareText(a.text, b.text);
  if (a.version || b.version) return a.version ? 1 : -1;
  return compareText(a.text, b.text);
}
