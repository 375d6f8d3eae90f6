import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { RejectedError } from "../errors.ts";
import { openChartReference } from "../helm/index.ts";
import {
  CHARTS_AT_ONCE,
  type ChartFinder,
  chartInRegistry,
  chartOnDisk,
  describeDefect,
  type ExploreOptions,
  type Findings,
  findClusterImage,
  findImages,
  findListed,
  findPlaceholders,
  imagesNamedBy,
  listChart,
  listInFile,
  listRelease,
  listsOnDisk,
  nameOf,
  noRules,
  openCharts,
  readLists,
  readManifests,
  readSelection,
  type Selected,
  type Selection,
  select,
  uniteFindings,
} from "../images/index.ts";
import { concurrently, type Registries } from "../oci/index.ts";
import { UsageError } from "./arguments.ts";

/** What the arguments of `stowage images` name. */
export const inputKinds = ["charts", "manifests", "lists", "placeholders", "release", "cluster-image"] as const;

export interface ImagesInput {
  readonly kind: (typeof inputKinds)[number];
  readonly paths: readonly string[];
  /** Ways to render each chart. */
  readonly profiles: readonly ExploreOptions[];
  readonly tests: boolean;
  /** Find also what values leave out. */
  readonly optional: boolean;
  /** A file of rules. */
  readonly rules: string | undefined;
}

export interface ImagesPorts {
  readonly registries: Registries;
  /** Opened for charts only: manifests need none. */
  readonly finder: () => Promise<ChartFinder>;
}

/** Find the images of what the arguments name, by the rules of the file or the release. */
export async function imagesOfInput(input: ImagesInput, ports: ImagesPorts, signal: AbortSignal): Promise<Selected> {
  const { kind, paths, profiles, tests, optional } = input;
  const [path = ""] = paths;
  if (kind === "release") {
    const { readRelease } = await import("../bundle/index.ts");
    const release = readRelease(await readText(path));
    // its lists lie beside it
    const images = await imagesNamedBy(release, (list) => listInFile(resolve(dirname(path), list)), signal);
    const charts = await openCharts(release.charts, ports.registries, signal);
    return listRelease({ ...release, images, optional }, charts, await ports.finder(), signal);
  }
  const rules: Selection = input.rules === undefined ? noRules : readSelection(await readText(input.rules));
  switch (kind) {
    case "charts":
      return select(await imagesOfCharts(paths, profiles, ports, signal), rules);
    case "manifests":
      return select(findImages(await readManifests(paths), { tests }), rules);
    case "lists":
      return select(await findListed(await listsOnDisk(paths), signal), rules);
    case "placeholders":
      return select(await imagesOfAddons(paths, signal), rules);
    case "cluster-image":
      return select(await findClusterImage(path, await ports.finder(), { optional, signal }), rules);
  }
}

async function imagesOfCharts(
  charts: readonly string[],
  profiles: readonly ExploreOptions[],
  ports: ImagesPorts,
  signal: AbortSignal,
): Promise<Findings> {
  const finder = await ports.finder();
  const listOne = async (chart: string, stop: AbortSignal): Promise<Findings> => {
    try {
      return (await listChart(await openChart(chart, ports, stop), profiles, finder, stop)).findings;
    } catch (error) {
      // a chart that is none harms no other; alone, there is nothing to list
      if (!(error instanceof RejectedError) || error.code === "RENDERER_UNAVAILABLE" || charts.length === 1)
        throw error;
      return { images: [], unresolved: [{ chart, reason: error.message }] };
    }
  };
  return uniteFindings(await concurrently(charts, CHARTS_AT_ONCE, listOne, signal));
}

async function openChart(chart: string, { registries }: ImagesPorts, signal: AbortSignal) {
  const remote = /^(?:oci|docker):\/\/(.+)$/.exec(chart)?.[1];
  if (remote === undefined) return chartOnDisk(chart);
  return chartInRegistry(await openChartReference(remote, registries, signal));
}

/** The first argument is the directory of the addons; the others are lists kept by hand, which may name further images. */
async function imagesOfAddons([directory, ...lists]: readonly string[], signal: AbortSignal): Promise<Findings> {
  if (lists.length === 0) return findPlaceholders(directory!);
  const byHand = await readLists(await listsOnDisk(lists), { form: "project", projects: ["*"] }, signal);
  const error = byHand.defects.find(({ severity }) => severity === "error");
  if (error !== undefined) throw new RejectedError("LIST_INVALID", `Cannot use image list: ${describeDefect(error)}`);
  return findPlaceholders(directory!, new Set(byHand.images.map(nameOf)));
}

/** @throws UsageError when it cannot be read */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read "${file}": ${(error as NodeJS.ErrnoException).code}`);
  }
}
