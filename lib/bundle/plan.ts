import { RejectedError } from "../errors.ts";
import { type OpenedChart, openChartReference, type Renderer } from "../helm/index.ts";
import { imagesOfArtifact, readImages, uniteFindings } from "../images/index.ts";
import {
  concurrently,
  type Descriptor,
  type Digest,
  type Graph,
  parseReference,
  type Registries,
  readGraph,
  type Source,
  tagOrDigest,
} from "../oci/index.ts";
import type { Store } from "../store/index.ts";
import type { Release } from "./release.ts";

export interface BundleSources {
  /** Where findings are kept. */
  readonly store: Store;
  readonly registries: Registries;
  readonly renderer: Renderer;
}

export interface PlannedImage {
  /** Normalised reference. */
  readonly image: string;
  readonly source: Source;
  readonly root: Descriptor;
  readonly graph: Graph;
}

/** Everything that will be in a bundle, by digest and size, before the first layer moves. */
export interface BundlePlan {
  readonly release: Release;
  readonly charts: readonly (OpenedChart & { readonly reference: string })[];
  readonly images: readonly PlannedImage[];
  /** Every layer and config once, with a place that has it. */
  readonly blobs: ReadonlyMap<Digest, { readonly descriptor: Descriptor; readonly source: Source }>;
}

/** How many manifests are asked for at once. */
const CONCURRENCY = 8;

/**
 * Find out what a release consists of. Only manifests are read.
 *
 * @throws RejectedError CHART_UNRENDERABLE when the images of a chart are not known, IMAGES_MISSING naming all images
 *   that are not there
 */
export async function planBundle(release: Release, sources: BundleSources, signal: AbortSignal): Promise<BundlePlan> {
  const charts = await openCharts(release, sources, signal);
  const names = [...(await imagesOfCharts(charts, sources, signal)), ...release.images];
  const images = await resolveImages(readImages(names), sources.registries, signal);
  const blobs = new Map<Digest, { descriptor: Descriptor; source: Source }>();
  for (const { graph, source } of images) {
    for (const descriptor of graph.blobs) {
      if (!blobs.has(descriptor.digest)) blobs.set(descriptor.digest, { descriptor, source });
    }
  }
  return { release, charts, images, blobs };
}

async function openCharts({ charts }: Release, { registries }: BundleSources, signal: AbortSignal) {
  const opened = await concurrently(
    charts,
    CONCURRENCY,
    async (reference, stop) => ({
      reference,
      ...(await openChartReference(reference, registries, stop)),
    }),
    signal,
  );
  const files = Map.groupBy(opened, ({ artifact: { metadata } }) => `${metadata.name}-${metadata.version}`);
  for (const [file, same] of files) {
    if (same.length === 1) continue;
    const references = same.map(({ reference }) => reference).join(", ");
    throw new RejectedError("RELEASE_INVALID", `Cannot bundle ${references}: they are all called ${file}`);
  }
  return opened;
}

async function imagesOfCharts(
  charts: readonly OpenedChart[],
  { renderer, store }: BundleSources,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = [];
  for (const { source, artifact } of charts) {
    found.push((await imagesOfArtifact(source, artifact, renderer, store, signal)).findings);
  }
  const { images, unresolved } = uniteFindings(found);
  if (unresolved.length > 0) {
    const reasons = unresolved.map(({ chart, reason }) => `${chart}: ${reason}`).join("; ");
    throw new RejectedError("CHART_UNRENDERABLE", `Cannot tell all images of the release: ${reasons}`);
  }
  return images.filter(({ status }) => status === "required").map(({ image }) => image);
}

async function resolveImages(
  names: readonly string[],
  registries: Registries,
  signal: AbortSignal,
): Promise<readonly PlannedImage[]> {
  const missing: string[] = [];
  const resolved = await concurrently(
    names,
    CONCURRENCY,
    async (image, stop) => {
      const reference = parseReference(image);
      const source = registries.repository(reference.registry, reference.repository);
      try {
        const root = await source.resolve(tagOrDigest(reference), stop);
        return [{ image, source, root, graph: await readGraph(source, root, { signal: stop }) }];
      } catch (error) {
        if (!(error instanceof RejectedError)) throw error;
        missing.push(`${image} (${error.message})`);
        return [];
      }
    },
    signal,
  );
  if (missing.length > 0) {
    throw new RejectedError(
      "IMAGES_MISSING",
      `Cannot bundle ${missing.length} of ${names.length} images: ${missing.sort().join("; ")}`,
    );
  }
  return resolved.flat();
}
