import { bytesSegment, type Segment, type TarEntry, tar } from "../archive/index.ts";
import type { Source } from "./content.ts";
import { type Descriptor, type Digest, mediaTypes, type Platform } from "./descriptor.ts";
import { formatDockerManifest } from "./docker-manifest.ts";
import type { Graph } from "./graph.ts";
import { blobPathOf, FULL_NAME, LAYOUT_FILE, REF_NAME } from "./layout-source.ts";
import type { ImageManifest } from "./manifest.ts";
import { formatReference, type Reference } from "./reference.ts";

/** An image on its way into an archive. */
export interface ArchivedImage {
  readonly source: Source;
  readonly root: Descriptor;
  /** All of it, or what belongs to some of its platforms. */
  readonly graph: Graph;
  /** What docker, podman and containerd will call it. */
  readonly reference?: Reference | undefined;
  /** What OCI tools will call it. Default: the tag of `reference`. */
  readonly name?: string | undefined;
}

/** Content of a source as a segment. Whole reads are verified by the source. */
export const contentSegment = (source: Source, descriptor: Descriptor): Segment => ({
  size: descriptor.size,
  async *read(start, end, signal) {
    const whole = start === 0 && end === descriptor.size;
    yield* await source.open(descriptor, whole ? { signal } : { start, end: end - 1, signal });
  },
});

/**
 * One archive of images that docker load, podman load, ctr import, skopeo and every OCI tool can read: an OCI layout with
 * docker's manifest.json beside it. Blobs are the source's own bytes, each once, so that digests are kept. The same images
 * give the same bytes.
 *
 * Metadata comes first: readers that do not want the archive find out early. Names are fully qualified, as podman needs
 * them (https://github.com/moby/moby/blob/v28.0.0/image/tarexport/save.go).
 *
 * @param blob how the bytes of a layer or config are come by
 */
export function imageArchive(images: readonly ArchivedImage[], blob = contentSegment): Segment {
  const contents = new Map<Digest, Segment>();
  for (const { graph } of images) {
    for (const { descriptor, bytes } of graph.manifests) contents.set(descriptor.digest, bytesSegment(bytes));
  }
  for (const { graph, source } of images) {
    for (const descriptor of graph.blobs) {
      if (!contents.has(descriptor.digest)) contents.set(descriptor.digest, blob(source, descriptor));
    }
  }
  return tar([
    textFile("oci-layout", LAYOUT_FILE),
    textFile("index.json", layoutIndex(images)),
    textFile("manifest.json", dockerManifest(images)),
    { type: "directory", path: "blobs" },
    { type: "directory", path: "blobs/sha256" },
    ...[...contents]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([digest, content]): TarEntry => ({ type: "file", path: blobPathOf(digest), content })),
  ]);
}

const textFile = (path: string, text: string): TarEntry => ({
  type: "file",
  path,
  content: bytesSegment(Buffer.from(text)),
});

/** One descriptor a name: containerd and docker ≥ 25 read the full name, skopeo and umoci the tag. */
function layoutIndex(images: readonly ArchivedImage[]): string {
  const manifests = images.map(({ root: { mediaType, digest, size }, reference, name = reference?.tag }) => {
    const annotations = {
      ...(reference && { [FULL_NAME]: formatReference(reference) }),
      ...(name && { [REF_NAME]: name }),
    };
    return { mediaType, digest, size, ...(Object.keys(annotations).length > 0 && { annotations }) };
  });
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
}

function dockerManifest(images: readonly ArchivedImage[]): string {
  const items = new Map<Digest, { config: string; names: string[]; layers: readonly string[] }>();
  const path = ({ digest }: Descriptor): string => blobPathOf(digest);
  for (const image of images) {
    const manifest = dockerImageOf(image);
    if (manifest === undefined) continue;
    const { config, layers } = manifest;
    const item = items.get(config.digest) ?? { config: path(config), names: [], layers: layers.map(path) };
    // a name with a digest is none that docker could give
    const { digest: _, ...name } = image.reference ?? { tag: undefined };
    if (name.tag !== undefined) item.names.push(formatReference(name));
    items.set(config.digest, item);
  }
  return formatDockerManifest([...items.values()]);
}

/**
 * What docker without the containerd store will load of an image: one platform, linux/amd64 where there is one.
 *
 * @returns undefined where there is nothing that it could load: a chart, an attestation, layers that are elsewhere
 */
export function dockerImageOf({ root, graph }: Pick<ArchivedImage, "root" | "graph">): ImageManifest | undefined {
  const manifests = new Map(graph.manifests.map(({ descriptor, manifest }) => [descriptor.digest, manifest]));
  let manifest = manifests.get(root.digest);
  while (manifest?.kind === "index") {
    const [best] = manifest.manifests
      .filter(({ digest }) => manifests.has(digest))
      .sort((a, b) => rank(a.platform) - rank(b.platform));
    manifest = best && manifests.get(best.digest);
  }
  if (manifest === undefined) return undefined;
  const here = new Set(graph.blobs.map(({ digest }) => digest));
  const { config, layers } = manifest;
  const isConfig = config.mediaType === mediaTypes.ociConfig || config.mediaType === mediaTypes.dockerConfig;
  const isWhole = layers.every(({ mediaType, digest }) => LAYER.test(mediaType) && here.has(digest));
  return isConfig && isWhole ? manifest : undefined;
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md and what docker calls the same. */
const LAYER =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar(\+(gzip|zstd))?|docker\.image\.rootfs\.diff\.tar(\.(gzip|zstd))?)$/;

function rank(platform: Platform | undefined): number {
  if (platform === undefined || platform.os === "unknown") return 3;
  if (platform.os !== "linux") return 2;
  return platform.architecture === "amd64" ? 0 : 1;
}
