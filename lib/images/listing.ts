import { RejectedError, type StowageError, TransientError } from "../errors.ts";
import type { OpenedChart } from "../helm/index.ts";
import { concurrently, type Registries } from "../oci/index.ts";
import { checkPresence, lockImages } from "./at-registries.ts";
import { CHARTS_AT_ONCE, type ChartFinder, chartInRegistry, type ListedImages, listChart } from "./chart-images.ts";
import type { Findings } from "./finding.ts";
import type { FindingsStore } from "./findings-cache.ts";
import { requiredImages } from "./image-list.ts";
import { listInStore } from "./list-inputs.ts";
import { imagesNamedBy, listRelease, type NamedImages, openCharts, type ReleaseImages } from "./release-images.ts";
import { keepFindings, keepList, type ReleaseDifference, type ReleaseName, releaseKeys } from "./release-lists.ts";
import type { Selected } from "./selection.ts";

export interface ListingPlaces extends ChartFinder {
  readonly kept: FindingsStore;
  readonly registries: Registries;
  /** Registries that may be asked for images that are only possible or suspected. */
  readonly hosts: readonly string[];
}

export interface ReleaseListing extends Selected {
  /** Required images without a digest, and why. */
  readonly failures: readonly { readonly image: string; readonly error: StowageError }[];
  readonly keys: ReturnType<typeof releaseKeys>;
  /** Of a complete list. */
  readonly lockDigest?: string | undefined;
  /** What changed, where a list was there before and this one is complete. */
  readonly difference?: ReleaseDifference | undefined;
}

/**
 * List the images of a release and keep what is known: the findings always; list, lock and difference only when the list is
 * complete and every image is at its registry, so that an incomplete list never takes the place of a complete one.
 *
 * @throws RejectedError RELEASE_INVALID, RENDERER_UNAVAILABLE; TransientError naming all images whose registries could not be
 *   asked
 */
export async function listAndKeepRelease(
  release: ReleaseName & ReleaseImages & NamedImages & { readonly charts: readonly string[] },
  places: ListingPlaces,
  signal?: AbortSignal,
): Promise<ReleaseListing> {
  const { registries, hosts, kept } = places;
  const images = await imagesNamedBy(release, (key) => listInStore(kept.store, key), signal);
  const charts = await openCharts(release.charts, registries, signal);
  const listed = await listRelease({ ...release, images }, charts, places, signal);
  const findings = await checkPresence(listed.findings, registries, hosts, signal);
  const selected = { ...listed, findings };
  const { locked, failures } = await lockImages(requiredImages(findings), registries, signal);
  const keys = releaseKeys(release);
  const missing = failures.map(({ image, error }) => ({ image, reason: error.message }));
  await keepFindings(release, selected, missing, kept.store, signal);
  if (whyIncomplete(findings, failures) !== undefined) {
    refuseUnasked(failures);
    return { ...selected, failures, keys };
  }
  return { ...selected, failures, keys, ...(await keepList(release, selected, locked, kept, signal)) };
}

/** Characters of a message. */
const MAX_UNASKED = 4000;

/** What may be there later is asked for again. */
function refuseUnasked(failures: ReleaseListing["failures"]): void {
  const unasked = failures.filter(({ error }) => error.disposition === "retry");
  if (unasked.length === 0) return;
  const reasons = unasked.map(({ image, error }) => `${image} (${error.message})`).join("; ");
  const waits = unasked.map(({ error }) => error.retryAfter).filter((seconds) => seconds !== undefined);
  throw new TransientError(
    "REGISTRY_UNAVAILABLE",
    `Cannot lock ${unasked.length} images: ${reasons.slice(0, MAX_UNASKED)}`,
    { retryAfter: waits.length === 0 ? undefined : Math.max(...waits) },
  );
}

/**
 * Why a list must not be used: how much is not known, how many images are not there, and the first reason.
 *
 * @returns undefined when it is complete
 */
export function whyIncomplete({ unresolved }: Findings, failures: ReleaseListing["failures"] = []) {
  const reasons = [
    ...unresolved.map(({ chart, reason }) => `${chart}: ${reason}`),
    ...failures.map(({ image, error }) => `${image}: ${error.message}`),
  ];
  if (reasons.length === 0) return undefined;
  const more = reasons.length === 1 ? "" : ` (and ${reasons.length - 1} more)`;
  const reason = `${reasons[0]!.slice(0, MAX_REASON - more.length)}${more}`;
  return { unresolved: unresolved.length, missing: failures.length, reason };
}

/** Characters; the reason travels in an event. */
const MAX_REASON = 500;

/**
 * List the images of many charts, some at a time.
 *
 * A chart that is gone is passed over; one that cannot be used stops no other: it is thrown after all others are done.
 *
 * @param references `oci://host/repository:version`
 * @param onListed told of each chart as soon as it is done
 * @throws the first RejectedError of a chart; TransientError
 */
export async function listCharts(
  references: readonly string[],
  places: ListingPlaces,
  onListed: (chart: OpenedChart["artifact"], listed: ListedImages) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const { openChartReference } = await import("../helm/index.ts");
  const { registries, hosts } = places;
  const refused: RejectedError[] = [];
  const listOne = async (reference: string, stop: AbortSignal): Promise<void> => {
    try {
      const opened = await openChartReference(reference, registries, stop);
      const { findings, keys } = await listChart(chartInRegistry(opened), [{}], places, stop);
      await onListed(opened.artifact, { keys, findings: await checkPresence(findings, registries, hosts, stop) });
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      if (error.code !== "CONTENT_UNKNOWN") refused.push(error);
    }
  };
  await concurrently(references, CHARTS_AT_ONCE, listOne, signal);
  if (refused[0] !== undefined) throw refused[0];
}
