import { bytesSegment, type Segment, type TarEntry, tar } from "../archive/index.ts";
import {
  type Descriptor,
  type Digest,
  hexOf,
  type ImageManifest,
  mediaTypes,
  type Platform,
  parseReference,
} from "../oci/index.ts";
import type { BundlePlan, PlannedImage } from "./plan.ts";

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const file = (path: string, content: Segment): TarEntry => ({ type: "file", path, content });

/**
 * One archive of many images that docker load, podman load, ctr import, skopeo and every OCI tool can read: an OCI layout
 * with docker's manifest.json beside it. Blobs are the registry's own bytes, each once, so that digests are kept.
 *
 * Metadata comes first: readers that do not want the archive find out early. Names are fully qualified, as podman needs
 * them (https://github.com/moby/moby/blob/v28.0.0/image/tarexport/save.go).
 */
export function imageArchive({ images, blobs }: BundlePlan, blob: (digest: Digest) => Segment): Segment {
  const manifests = new Map(
    images.flatMap(({ graph }) => graph.manifests.map(({ descriptor, bytes }) => [descriptor.digest, bytes] as const)),
  );
  const contents = [
    ...[...manifests].map(([digest, bytes]) => [digest, bytesSegment(bytes)] as const),
    ...[...blobs.keys()].map((digest) => [digest, blob(digest)] as const),
  ].sort(([a], [b]) => (a < b ? -1 : 1));
  return tar([
    file("oci-layout", bytesSegment(json({ imageLayoutVersion: "1.0.0" }))),
    file("index.json", bytesSegment(json(layoutIndex(images)))),
    file("manifest.json", bytesSegment(json(dockerManifest(images)))),
    { type: "directory", path: "blobs" },
    { type: "directory", path: "blobs/sha256" },
    ...contents.map(([digest, content]) => file(`blobs/sha256/${hexOf(digest)}`, content)),
  ]);
}

/** One descriptor a name: containerd and docker ≥ 25 read the full name, skopeo and umoci the tag. */
function layoutIndex(images: readonly PlannedImage[]): object {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: images.map(({ image, root: { mediaType, digest, size } }) => {
      const { tag } = parseReference(image);
      const names = { "io.containerd.image.name": image, ...(tag && { "org.opencontainers.image.ref.name": tag }) };
      return { mediaType, digest, size, annotations: names };
    }),
  };
}

interface DockerItem {
  readonly Config: string;
  readonly RepoTags: string[];
  readonly Layers: readonly string[];
}

/** docker without the containerd store can hold one platform of an image: linux/amd64 where there is one. */
function dockerManifest(images: readonly PlannedImage[]): readonly DockerItem[] {
  const items = new Map<Digest, DockerItem>();
  const path = ({ digest }: Descriptor): string => `blobs/sha256/${hexOf(digest)}`;
  for (const image of images) {
    const manifest = platformManifest(image);
    if (manifest === undefined) continue;
    const { config, layers } = manifest;
    const item = items.get(config.digest) ?? { Config: path(config), RepoTags: [], Layers: layers.map(path) };
    if (parseReference(image.image).tag !== undefined) item.RepoTags.push(image.image.replace(/@.*$/, ""));
    items.set(config.digest, item);
  }
  return [...items.values()];
}

/** @returns undefined for what is no image (a chart, an attestation): docker must not see it */
function platformManifest({ root, graph }: PlannedImage): ImageManifest | undefined {
  const manifests = new Map(graph.manifests.map(({ descriptor, manifest }) => [descriptor.digest, manifest]));
  let manifest = manifests.get(root.digest);
  while (manifest?.kind === "index") {
    const [wanted] = [...manifest.manifests].sort((a, b) => rank(a.platform) - rank(b.platform));
    manifest = wanted && manifests.get(wanted.digest);
  }
  if (manifest === undefined) return undefined;
  const { mediaType } = manifest.config;
  return mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig ? manifest : undefined;
}

function rank(platform: Platform | undefined): number {
  if (platform === undefined || platform.os === "unknown") return 3;
  if (platform.os !== "linux") return 2;
  return platform.architecture === "amd64" ? 0 : 1;
}
