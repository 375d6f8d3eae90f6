import { createWriteStream, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { RejectedError } from "../errors.ts";
import type { ChartOnDisk, ChartPlace, OpenedChart, Renderer, RenderOptions } from "../helm/index.ts";
import type { Digest } from "../oci/index.ts";
import { type Findings, uniteFindings } from "./finding.ts";
import type { FindingsStore } from "./findings-cache.ts";
import type { ExploreOptions } from "./optional/explore.ts";
import { sourceOfTemplate } from "./template-path.ts";

/** How many charts a run takes on at once: each is work for one core, and some are being fetched meanwhile. */
export const CHARTS_AT_ONCE = 2 * availableParallelism();

/** A chart whose images are wanted, wherever it lies. */
export interface ListedChart {
  /** Of the archive: what is found is kept under it. Undefined for a directory: it may change, so nothing is kept of it. */
  digest(): Promise<Digest | undefined>;
  /** What it is called, where that is known without reading the chart. */
  readonly head?: ChartHead;
  /**
   * What its Chart.yaml calls it; read when somebody asks, since what was found before can be had without, and who renders
   * the chart reads it anyway.
   *
   * @throws RejectedError CHART_INVALID
   */
  describe(): Promise<ChartHead>;
  /** Have the chart as a file or directory for as long as `use` runs. */
  withFile<T>(use: (path: string) => Promise<T>, signal?: AbortSignal): Promise<T>;
}

type ChartHead = Omit<ChartOnDisk, "path">;

/** @throws RejectedError CHART_INVALID when there is nothing */
export async function chartOnDisk(path: string): Promise<ListedChart> {
  const isDirectory = isDirectoryAt(path);
  return {
    digest: async () => (isDirectory ? undefined : (await import("./kept-profile.ts")).digestOfFile(path)),
    describe: () => readHead({ path }),
    withFile: (use) => use(path),
  };
}

/** Without waiting: a trip to the thread pool takes longer. */
function isDirectoryAt(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new RejectedError("CHART_INVALID", `Cannot read chart "${path}": ${code ?? message}`, { cause: error });
  }
}

async function readHead(chart: ChartPlace): Promise<ChartOnDisk> {
  return "name" in chart ? chart : (await import("../helm/index.ts")).readChartOnDisk(chart.path);
}

export function chartInRegistry({ source, artifact }: OpenedChart): ListedChart {
  const { name, version, type } = artifact.metadata;
  const head = { name, version, type };
  return { digest: async () => artifact.chart.digest, head, describe: async () => head, withFile };

  async function withFile<T>(use: (path: string) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { openChart } = await import("../helm/index.ts");
    const directory = await mkdtemp(join(tmpdir(), "stowage-chart-"));
    try {
      const path = join(directory, "chart.tgz");
      await pipeline(await openChart(source, artifact, signal), createWriteStream(path));
      return await use(path);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

/** What is needed to find the images of charts. */
export interface ChartFinder {
  readonly renderer: Renderer;
  /** Renders every chart once more: where it needs other images, the chart is unresolved. Nothing is kept then. */
  readonly crossCheck?: Renderer | undefined;
  /** Without it, nothing is kept. */
  readonly kept?: FindingsStore | undefined;
}

export interface ListedImages {
  readonly findings: Findings;
  /** Where the findings of each profile are kept, as far as they are. */
  readonly keys: readonly string[];
}

/**
 * The images of one chart. A chart that does not render, or whose archive cannot be had, is unresolved, with the reason: a
 * result, not an error. Of a library chart nothing is installed: it has no images.
 *
 * @param profiles each is a way to render the chart; the findings of all are united
 * @throws RejectedError CHART_INVALID when it is no chart at all, RENDERER_UNAVAILABLE; TransientError when the chart cannot be fetched now
 */
export async function listChart(
  chart: ListedChart,
  profiles: readonly ExploreOptions[],
  finder: ChartFinder,
  signal?: AbortSignal,
): Promise<ListedImages> {
  const found: Findings[] = [];
  const keys: string[] = [];
  for (const profile of profiles) {
    try {
      const { findings, key } = await listProfile(chart, profile, finder, signal);
      found.push(findings);
      if (key !== undefined) keys.push(key);
    } catch (error) {
      // such a failure may be the machine's: the chart took too long, or too much memory. It is not kept
      if (!(error instanceof RejectedError && chartFaults.includes(error.code))) throw error;
      const { name, version } = await chart.describe();
      found.push({ images: [], unresolved: [{ chart: `${name}-${version}`, reason: error.message }] });
    }
  }
  return { findings: uniteFindings(found), keys };
}

const chartFaults: readonly string[] = ["CHART_INVALID", "CHART_UNRENDERABLE", "CONTENT_MISMATCH", "CONTENT_UNKNOWN"];

async function listProfile(
  chart: ListedChart,
  profile: ExploreOptions,
  { renderer, crossCheck, kept }: ChartFinder,
  signal?: AbortSignal,
): Promise<{ readonly findings: Findings; readonly key?: string }> {
  const find = async (stop?: AbortSignal): Promise<Findings> => {
    // a thread that renders reads the head as well: here it would be read twice
    const head = renderer.inProcess && crossCheck === undefined ? chart.head : await chart.describe();
    if (head?.type === LIBRARY) return nothing;
    const options = { ...profile, signal: stop };
    return chart.withFile(async (path) => {
      const place: ChartPlace = head === undefined ? { path } : { path, ...head };
      const found = await imagesOfChart(place, renderer, options);
      return crossCheck === undefined ? found : crossChecked(found, await readHead(place), crossCheck, options);
    }, stop);
  };
  const digest = kept === undefined || crossCheck !== undefined ? undefined : await chart.digest();
  if (kept === undefined || digest === undefined) return { findings: await find(signal) };
  const { findingsOfProfile } = await import("./kept-profile.ts");
  return findingsOfProfile(kept, { digest, profile, renderer: renderer.version }, find, signal);
}

/**
 * Render a chart and look at the objects; with `optional` also at what the values leave out.
 *
 * @throws RejectedError CHART_INVALID when it is no chart at all, CHART_UNRENDERABLE, RENDERER_UNAVAILABLE
 */
export async function imagesOfChart(
  chart: ChartPlace,
  renderer: Renderer,
  { optional, ...options }: ExploreOptions = {},
): Promise<Findings> {
  if (renderer.inProcess === undefined) return imagesOfRender(await readHead(chart), renderer, options);
  const { findOnThread } = await import("./optional/threads.ts");
  const { inProcess, during = (work) => work() } = renderer;
  const answer = await during(() => findOnThread(chart, { optional, ...options }, inProcess));
  if ("findings" in answer) return answer.findings;
  // what is no chart, or nothing to install, is not refused as a chart that does not render
  const named = await readHead(chart);
  if (named.type === LIBRARY) return nothing;
  if ("refused" in answer) throw new RejectedError("CHART_UNRENDERABLE", answer.refused);
  // the renderer knows whether there is another one; if so, what it renders is at least what is required
  const { images, unresolved } = await imagesOfRender(named, renderer, options);
  const reason = `not explored: ${answer.broken}`;
  return {
    images,
    unresolved: optional ? [...unresolved, { chart: `${named.name}-${named.version}`, reason }] : unresolved,
  };
}

/** The type of a chart of which nothing can be installed. */
const LIBRARY = "library";
const nothing: Findings = { images: [], unresolved: [] };

/** What was found, and as unresolved whatever another renderer needs besides or does not need. */
async function crossChecked(
  found: Findings,
  chart: ChartOnDisk,
  other: Renderer,
  { optional: _, ...options }: ExploreOptions,
): Promise<Findings> {
  const name = `${chart.name}-${chart.version}`;
  const differ = (reasons: readonly string[]): Findings => ({
    images: found.images,
    unresolved: [...found.unresolved, ...reasons.map((reason) => ({ chart: name, reason: `cross-check: ${reason}` }))],
  });
  try {
    const [ours, theirs] = [found, await imagesOfRender(chart, other, options)].map(
      (each) => new Set(requiredIn(each)),
    );
    return differ([
      ...[...theirs!.difference(ours!)].map((image) => `only ${other.version} needs ${image}`),
      ...[...ours!.difference(theirs!)].map((image) => `${other.version} does not need ${image}`),
    ]);
  } catch (error) {
    if (!(error instanceof RejectedError && error.code === "CHART_UNRENDERABLE")) throw error;
    return found.unresolved.length > 0 ? found : differ([`${other.version}: ${error.message}`]);
  }
}

const requiredIn = ({ images }: Findings): readonly string[] =>
  images.filter(({ status }) => status === "required").map(({ image }) => image);

async function imagesOfRender(
  { path, name, version }: ChartOnDisk,
  renderer: Renderer,
  options: RenderOptions,
): Promise<Findings> {
  const { findImages } = await import("./find.ts");
  const templates = await renderer.render(path, options);
  const manifests = templates.map((template) => ({
    ...sourceOfTemplate(template.path, name, version),
    text: template.text,
  }));
  return findImages(manifests, { tests: options.tests });
}
