import type { Segment } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import type { OpenedChart, Renderer } from "../helm/index.ts";
import { listRelease, openCharts, requiredImages } from "../images/index.ts";
import type { Registries } from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import type { Files } from "./files.ts";
import { planFiles } from "./plan-files.ts";
import { type PlannedImage, resolveImages, type WantedImage, wantedOf } from "./plan-images.ts";
import { Problems } from "./problems.ts";
import type { ImageForm, Release } from "./release-schema.ts";

export interface BundleSources {
  /** Where findings are kept. */
  readonly store: Store;
  readonly registries: Registries;
  readonly renderer: Renderer;
  /** Where `files` and `lists` of the description are read. Default: `store` */
  readonly files?: Files | undefined;
}

/** A file of the description, as it is now. */
export interface PlannedFile {
  /** Where it will lie: a template. */
  readonly path: string;
  readonly mode: number;
  readonly content: Segment;
  /** In hex. */
  readonly sha256: string;
  /** Where it was read. */
  readonly source: string;
}

/** Images that lie at one place of the package in one form. */
export interface PlannedSet {
  /** Of the archive or tree; of archives of one image each when they say nothing else: a template. */
  readonly path: string;
  readonly form: ImageForm;
  readonly images: readonly PlannedImage[];
}

export type PlannedChart = OpenedChart & { readonly reference: string };

/** Everything that will be in a bundle, by digest and size, before the first layer moves. */
export interface BundlePlan {
  readonly release: Release;
  readonly charts: readonly PlannedChart[];
  readonly files: readonly PlannedFile[];
  readonly sets: readonly PlannedSet[];
}

const defaultPaths: Readonly<Record<ImageForm, string>> = {
  archive: "images.tar",
  "registry-tree": "registry",
  "per-image": "images/{repository}-{tag}.tar",
};

/**
 * Find out what a release consists of. Only manifests and the description's own files are read.
 *
 * @throws RejectedError RELEASE_INVALID naming every problem by its path in the description; CHART_UNRENDERABLE when the
 *   images of a chart are not known, IMAGES_MISSING naming all images that are not there; LIST_INVALID
 */
export async function planBundle(release: Release, sources: BundleSources, signal: AbortSignal): Promise<BundlePlan> {
  const { files: reader = sources.store, registries } = sources;
  const problems = new Problems();
  const files = await planFiles(release, reader, problems, signal);
  const sets: (Pick<PlannedSet, "path" | "form"> & { readonly wanted: readonly WantedImage[] })[] = [];
  for (const [position, set] of release.sets.entries()) {
    const at = ["sets", position];
    sets.push({ ...set, wanted: await wantedOf({ ...set, at }, release, reader, problems, signal) });
  }
  const { lists, form, platforms, rewriteIndex } = release;
  const own = await wantedOf({ lists, platforms, rewriteIndex, images: [], at: [] }, release, reader, problems, signal);
  problems.throwIfAny();

  const charts = await openAllCharts(release, sources, signal);
  own.unshift(...(await imagesOfRelease(release, charts, sources, signal)));
  if (own.length > 0) {
    const path = release.package.images ?? defaultPaths[form];
    sets.unshift({ path, form, wanted: own });
  }
  const resolved = await resolveImages(
    sets.flatMap(({ wanted }) => wanted),
    registries,
    signal,
  );
  return {
    release,
    charts,
    files,
    sets: sets.map(({ path, form, wanted }) => ({
      path,
      form,
      images: eachOnce(wanted.map((image) => ({ ...image, ...resolved(image) }))),
    })),
  };
}

/** The same image under the same name, from a chart and from a list, is one. */
function eachOnce(images: readonly PlannedImage[]): readonly PlannedImage[] {
  const byName = new Map(images.map((image) => [JSON.stringify([image.image, image.as, image.path]), image]));
  return [...byName.values()].sort((a, b) => (a.image < b.image ? -1 : a.image > b.image ? 1 : 0));
}

async function openAllCharts(
  { charts }: Release,
  { registries }: BundleSources,
  signal: AbortSignal,
): Promise<readonly PlannedChart[]> {
  const opened = await openCharts(charts, registries, signal);
  if (opened.unresolved.length === 0) return opened.charts;
  const reasons = opened.unresolved.map(({ chart, reason }) => `${chart}: ${reason}`).sort();
  throw new RejectedError("CHART_INVALID", `Cannot bundle ${reasons.length} charts: ${reasons.join("; ")}`);
}

async function imagesOfRelease(
  release: Release,
  charts: readonly OpenedChart[],
  { renderer, store }: BundleSources,
  signal: AbortSignal,
): Promise<readonly WantedImage[]> {
  const { findings } = await listRelease(release, { charts, unresolved: [] }, { renderer, kept: { store } }, signal);
  if (findings.unresolved.length > 0) {
    const reasons = findings.unresolved.map(({ chart, reason }) => `${chart}: ${reason}`).join("; ");
    throw new RejectedError("CHART_UNRENDERABLE", `Cannot tell all images of the release: ${reasons}`);
  }
  const { platforms, rewriteIndex } = release;
  return requiredImages(findings).map((image) => ({ image, platforms, rewriteIndex }));
}
