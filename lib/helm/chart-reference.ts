import { RejectedError } from "../errors.ts";
import type { EventData } from "../events/index.ts";
import { formatReference, parseReference, type Registries, type Source, tagOrDigest } from "../oci/index.ts";
import type { Reader } from "../store/index.ts";
import { type ChartArtifact, readChartArtifact } from "./chart-artifact.ts";
import { allClaims } from "./index/record.ts";

/** A chart in a registry: where to read its bytes, and what it says of itself. */
export interface OpenedChart {
  readonly source: Source;
  readonly artifact: ChartArtifact;
}

/**
 * Find a chart by `oci://host/repository:version`. A `+` of the version is `_` in the tag, as helm writes it.
 *
 * @throws RejectedError REFERENCE_INVALID, CONTENT_UNKNOWN, CHART_INVALID when it is something else than a chart
 */
export async function openChartReference(
  reference: string,
  registries: Registries,
  signal?: AbortSignal,
): Promise<OpenedChart> {
  const parsed = parseReference(reference.replace(/^oci:\/\//, "").replaceAll("+", "_"));
  const source = registries.repository(parsed.registry, parsed.repository);
  const artifact = await readChartArtifact(source, tagOrDigest(parsed), signal);
  if (artifact === undefined) throw new RejectedError("CHART_INVALID", `Cannot use "${reference}": it is not a chart`);
  return { source, artifact };
}

/** The way stowage writes where a chart lies. */
export const chartReference = (at: { readonly registry: string; readonly repository: string; readonly tag: string }) =>
  `oci://${formatReference({ registry: at.registry, repository: at.repository, tag: at.tag })}`;

/** The charts that an update of the index is about; all of the index when they did not fit into the event. */
export async function changedCharts(
  { added, changed, truncated }: EventData<"dev.stowage.index.updated.v1">,
  store: Reader,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (!truncated) return [...added, ...changed].map(({ reference }) => reference);
  const references: string[] = [];
  for await (const claim of allClaims(store, signal)) references.push(chartReference(claim));
  return references;
}
