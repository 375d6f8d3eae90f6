import { dirname, resolve } from "node:path";
import { RejectedError } from "../errors.ts";
import { openChartReference } from "../helm/index.ts";
import {
  chartInRegistry,
  describeDefect,
  type Findings,
  findClusterImage,
  findImages,
  findListed,
  findPlaceholders,
  imagesNamedBy,
  type ListedChart,
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
  select,
} from "../images/index.ts";
import type { Registries } from "../oci/index.ts";
import { type ImagesInput, type ImagesPorts, imagesOfCharts } from "./images-input.ts";
import { readText } from "./read-text.ts";

/** What is not a chart on disk alone: loaded when it is asked for, so that a chart on disk is listed sooner. */
export async function imagesOfOtherInput(
  input: ImagesInput,
  ports: ImagesPorts,
  signal: AbortSignal,
): Promise<Selected> {
  const { kind, paths, tests, optional } = input;
  const [path = ""] = paths;
  if (kind === "release") {
    const { readRelease } = await import("../bundle/index.ts");
    const release = readRelease(await readText(path));
    // its lists lie beside it
    const images = await imagesNamedBy(release, (list) => listInFile(resolve(dirname(path), list)), signal);
    const charts = await openCharts(release.charts, await ports.registries(), signal);
    return listRelease({ ...release, images, optional }, charts, await ports.finder(), signal);
  }
  const rules = input.rules === undefined ? noRules : readSelection(await readText(input.rules));
  switch (kind) {
    case "charts":
      return select(await imagesOfCharts(input, ports, signal), rules);
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

/** @param reference without `oci://` */
export async function openRemoteChart(
  reference: string,
  registries: Registries,
  signal: AbortSignal,
): Promise<ListedChart> {
  return chartInRegistry(await openChartReference(reference, registries, signal));
}

/** The first argument is the directory of the addons; the others are lists kept by hand, which may name further images. */
async function imagesOfAddons([directory, ...lists]: readonly string[], signal: AbortSignal): Promise<Findings> {
  if (lists.length === 0) return findPlaceholders(directory!);
  const byHand = await readLists(await listsOnDisk(lists), { form: "project", projects: ["*"] }, signal);
  const error = byHand.defects.find(({ severity }) => severity === "error");
  if (error !== undefined) throw new RejectedError("LIST_INVALID", `Cannot use image list: ${describeDefect(error)}`);
  return findPlaceholders(directory!, new Set(byHand.images.map(nameOf)));
}
