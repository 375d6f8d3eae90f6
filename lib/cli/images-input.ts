import { RejectedError } from "../errors.ts";
import {
  CHARTS_AT_ONCE,
  type ChartFinder,
  chartOnDisk,
  type ExploreOptions,
  type Findings,
  type ListedChart,
  listChart,
  noRules,
  type Selected,
  select,
  uniteFindings,
} from "../images/index.ts";
import { concurrently, type Registries } from "../oci/index.ts";

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

/** Each is opened when it is needed. */
export interface ImagesPorts {
  readonly registries: () => Promise<Registries>;
  readonly finder: () => Promise<ChartFinder>;
}

/** Find the images of what the arguments name, by the rules of the file or the release. */
export async function imagesOfInput(input: ImagesInput, ports: ImagesPorts, signal: AbortSignal): Promise<Selected> {
  if (input.kind === "charts" && input.rules === undefined) {
    return select(await imagesOfCharts(input, ports, signal), noRules);
  }
  const { imagesOfOtherInput } = await import("./images-other-input.ts");
  return imagesOfOtherInput(input, ports, signal);
}

export async function imagesOfCharts(
  { paths: charts, profiles }: ImagesInput,
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

async function openChart(chart: string, { registries }: ImagesPorts, signal: AbortSignal): Promise<ListedChart> {
  const remote = /^(?:oci|docker):\/\/(.+)$/.exec(chart)?.[1];
  if (remote === undefined) return chartOnDisk(chart);
  const { openRemoteChart } = await import("./images-other-input.ts");
  return openRemoteChart(remote, await registries(), signal);
}
