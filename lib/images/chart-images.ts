import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import * as z from "zod";
import { StowageError } from "../errors.ts";
import { type ChartArtifact, type ChartOnDisk, openChart, type Renderer, type RenderOptions } from "../helm/index.ts";
import { digestOf, hexOf, type Source } from "../oci/index.ts";
import { readJson, type Store } from "../store/index.ts";
import { findImages } from "./find.ts";
import type { Findings } from "./finding.ts";

/**
 * The images of one chart: render it, then look at the objects.
 *
 * A chart that does not render is unresolved, with helm's own words; that is a result, not an error.
 *
 * @throws RejectedError RENDERER_UNAVAILABLE
 */
export async function imagesOfChart(
  { path, name, version }: ChartOnDisk,
  renderer: Renderer,
  options: RenderOptions = {},
): Promise<Findings> {
  try {
    const templates = await renderer.render(path, options);
    return findImages(
      templates.map((template) => ({
        chart: name,
        version,
        subchart: subchartOf(template.path),
        template: template.path.replace(/^[^/]+\//, ""),
        text: template.text,
      })),
    );
  } catch (error) {
    if (!(error instanceof StowageError && error.code === "CHART_UNRENDERABLE")) throw error;
    return { images: [], unresolved: [{ chart: `${name}-${version}`, reason: error.message }] };
  }
}

/** `web/charts/a/charts/b/templates/x.yaml` belongs to `a/b`. */
const subchartOf = (path: string): string =>
  [...path.matchAll(/(?:^|\/)charts\/([^/]+)(?=\/)/g)].map(([, name]) => name).join("/");

/** Some hundred bytes a reason; a chart has some hundred. */
const MAX_FINDINGS_BYTES = 64 * 1024 * 1024;

const findingsSchema = z.custom<Findings>(
  (value) => typeof value === "object" && value !== null && "images" in value && "unresolved" in value,
  "are no findings",
);

/** Findings in the store. The name says what they depend on: chart, renderer, options. */
export const findingsKey = (chart: ChartArtifact, renderer: Renderer, options: RenderOptions = {}): string => {
  const { signal: _, ...rest } = options;
  const inputs = JSON.stringify({ findings: 1, renderer: renderer.version, ...rest });
  return `images/${hexOf(chart.chart.digest)}/${hexOf(digestOf(inputs))}.json`;
};

/**
 * The images of a chart in a registry, from the store when they were found before: no chart is rendered twice.
 *
 * @returns the findings and the key they lie under
 */
export async function imagesOfArtifact(
  source: Source,
  artifact: ChartArtifact,
  renderer: Renderer,
  store: Store,
  signal: AbortSignal,
): Promise<{ readonly key: string; readonly findings: Findings }> {
  const key = findingsKey(artifact, renderer);
  if ((await store.stat(key, signal)) !== undefined) {
    return { key, findings: await readJson(store, key, findingsSchema, MAX_FINDINGS_BYTES, signal) };
  }
  const findings = await withChartFile(source, artifact, signal, (path) =>
    imagesOfChart({ path, name: artifact.metadata.name, version: artifact.metadata.version }, renderer, { signal }),
  );
  await store.put(key, JSON.stringify(findings), { signal });
  return { key, findings };
}

/** helm reads charts from files: keep one there for as long as `use` runs. */
export async function withChartFile<T>(
  source: Source,
  artifact: ChartArtifact,
  signal: AbortSignal | undefined,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-chart-"));
  try {
    const path = join(directory, "chart.tgz");
    await pipeline(await openChart(source, artifact, signal), createWriteStream(path));
    return await use(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
