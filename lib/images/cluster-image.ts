import { stat } from "node:fs/promises";
import { join } from "node:path";
import { concurrently } from "../oci/index.ts";
import { CHARTS_AT_ONCE, type ChartFinder, chartOnDisk, listChart } from "./chart-images.ts";
import { findImages } from "./find.ts";
import { type Findings, uniteFindings } from "./finding.ts";
import { manifestsBelow, readText } from "./read-manifests.ts";
import { entriesIn, findShimImages } from "./shim.ts";

/** How sealos calls the release when it looks for images. */
const RELEASE_NAME = "dryrun";

/**
 * The images of a cluster image's build directory: those of `charts/`, `manifests/` and the hand-written lists below `images/`,
 * without those that `.sealignore` names (CI-W5).
 *
 * Each chart is rendered with its own values and, where it is there, `charts/<chart name>.values.yaml` on top. What is given on
 * the command line at run time is not known here.
 *
 * @param optional find also what the values of the charts leave out
 * @throws RejectedError CHART_INVALID when a file cannot be read
 */
export async function findClusterImage(
  directory: string,
  finder: ChartFinder,
  { optional = false, signal }: { readonly optional?: boolean; readonly signal?: AbortSignal } = {},
): Promise<Findings> {
  const { images, unresolved } = uniteFindings([
    ...(await findInCharts(join(directory, "charts"), finder, optional, signal)),
    findImages(await manifestsBelow(join(directory, "manifests"))),
    await findShimImages(directory),
  ]);
  const ignored = await ignoredIn(directory);
  return { images: images.filter(({ image }) => !ignored.has(image)), unresolved };
}

async function findInCharts(
  charts: string,
  finder: ChartFinder,
  optional: boolean,
  signal?: AbortSignal,
): Promise<readonly Findings[]> {
  const names = (await entriesIn(charts))
    .filter((entry) => entry.isDirectory() || entry.name.endsWith("tgz"))
    .map(({ name }) => name);
  return concurrently(
    names.sort(),
    CHARTS_AT_ONCE,
    async (name, stop) => {
      const chart = await chartOnDisk(join(charts, name));
      const values = join(charts, `${(await chart.describe()).name}.values.yaml`);
      const valuesFiles = (await exists(values)) ? [values] : [];
      const profile = { releaseName: RELEASE_NAME, valuesFiles, ...(optional ? { optional } : {}) };
      return (await listChart(chart, [profile], finder, stop)).findings;
    },
    signal,
  );
}

async function ignoredIn(directory: string): Promise<ReadonlySet<string>> {
  const file = join(directory, ".sealignore");
  if (!(await exists(file))) return new Set();
  return new Set((await readText(file)).split(/\r?\n/).map((line) => line.trim()));
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
