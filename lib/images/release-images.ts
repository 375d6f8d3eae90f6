import { RejectedError } from "../errors.ts";
import type { OpenedChart } from "../helm/index.ts";
import { concurrently, formatReference, type Registries } from "../oci/index.ts";
import { CHARTS_AT_ONCE, type ChartFinder, chartInRegistry, listChart } from "./chart-images.ts";
import { type Finding, reasonOutside, type Unresolved, uniteFindings } from "./finding.ts";
import { readImages } from "./image-list.ts";
import { describeDefect, type ListInput, readLists } from "./list-file.ts";
import type { ListForm } from "./list-line.ts";
import type { ExploreOptions } from "./optional/explore.ts";
import { noRules, type Selected, select } from "./selection.ts";
import type { Selection } from "./selection-rules.ts";

/** What a release description says about its images, besides naming charts. */
export interface ReleaseImages {
  /** Images that belong to it anyway. */
  readonly images: readonly string[];
  /** Values by chart name, each laid over the chart's own: the images of all belong to the release. */
  readonly profiles?: Readonly<Record<string, readonly object[]>> | undefined;
  readonly kubeVersion?: string | undefined;
  /** Find also what the values of each profile leave out. */
  readonly optional?: boolean | undefined;
  readonly rules?: Selection | undefined;
}

export interface ReleaseCharts<C extends OpenedChart = OpenedChart> {
  readonly charts: readonly C[];
  /** Those that are not there, or are no charts. */
  readonly unresolved: readonly Unresolved[];
}

/** A list that a description names. Images of the form `project` lie at its registry. */
export interface ReleaseList {
  readonly list: string;
  readonly form: ListForm;
  readonly registry?: string | undefined;
}

/** Everything in a description that names images and no charts. */
export interface NamedImages {
  readonly images: readonly string[];
  readonly lists: readonly ReleaseList[];
  readonly sets: readonly {
    readonly images: readonly { readonly image: string }[];
    readonly lists: readonly ReleaseList[];
  }[];
}

/**
 * The images that a description names itself, in its lists and in its sets.
 *
 * @param open gives a list by its path in the description
 * @throws RejectedError LIST_INVALID, STORE_NOT_FOUND
 */
export async function imagesNamedBy(
  { images, lists, sets }: NamedImages,
  open: (list: string) => ListInput,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const named = [...images, ...sets.flatMap((set) => set.images.map(({ image }) => image))];
  for (const { list, form, registry } of [...lists, ...sets.flatMap((set) => set.lists)]) {
    const read = await readLists([open(list)], { form, projects: ["*"] }, signal);
    const error = read.defects.find(({ severity }) => severity === "error");
    if (error !== undefined) throw new RejectedError("LIST_INVALID", `Cannot use image list: ${describeDefect(error)}`);
    named.push(...read.images.map((image) => formatReference({ registry: registry ?? "docker.io", ...image })));
  }
  return named;
}

/**
 * Find the charts of a release.
 *
 * @param references `oci://host/repository:version`
 * @throws TransientError when a registry cannot be asked now
 */
export async function openCharts(
  references: readonly string[],
  registries: Registries,
  signal?: AbortSignal,
): Promise<ReleaseCharts<OpenedChart & { readonly reference: string }>> {
  const { openChartReference } = await import("../helm/index.ts");
  const unresolved: Unresolved[] = [];
  const charts = await concurrently(
    references,
    CHARTS_AT_ONCE,
    async (reference, stop) => {
      try {
        return [{ reference, ...(await openChartReference(reference, registries, stop)) }];
      } catch (error) {
        if (!(error instanceof RejectedError)) throw error;
        unresolved.push({ chart: reference, reason: error.message });
        return [];
      }
    },
    signal,
  );
  return { charts: charts.flat(), unresolved };
}

/**
 * The images of a release: those of its charts in every profile and those it names, by its rules.
 *
 * @throws RejectedError RELEASE_INVALID for images that are no references, RENDERER_UNAVAILABLE; TransientError
 */
export async function listRelease(
  { images, profiles = {}, kubeVersion, optional = false, rules = noRules }: ReleaseImages,
  { charts, unresolved }: ReleaseCharts,
  finder: ChartFinder,
  signal?: AbortSignal,
): Promise<Selected> {
  const found = await concurrently(
    charts,
    CHARTS_AT_ONCE,
    async (chart, stop) => {
      const { name } = chart.artifact.metadata;
      const values = Object.hasOwn(profiles, name) ? profiles[name]! : [{}];
      return (await listChart(chartInRegistry(chart), values.map(toOptions), finder, stop)).findings;
    },
    signal,
  );
  const selected = select(uniteFindings([...found, { images: readImages(images).map(asFinding), unresolved }]), rules);
  const names = new Set(charts.map(({ artifact }) => artifact.metadata.name));
  const unused = Object.keys(profiles).filter((name) => !names.has(name));
  return { ...selected, unused: [...selected.unused, ...unused.map((name) => `profiles "${name}"`)] };

  function toOptions(values: object): ExploreOptions {
    const isDefault = Object.keys(values).length === 0;
    const setJson = isDefault ? {} : { setJson: [JSON.stringify(values)] };
    return { ...setJson, kubeVersion, ...(optional ? { optional } : {}) };
  }
}

const asFinding = (image: string): Finding => ({
  image,
  status: "required",
  reasons: [reasonOutside({ chart: "", template: "", path: "images", rule: "listed", raw: image })],
});
