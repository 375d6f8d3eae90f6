import { isIndex, isManifest, mediaTypes } from "../descriptor.ts";
import type { Manifest } from "../manifest.ts";
import type { TreeRepository } from "../tree.ts";
import type { ArtifactKind } from "./exchange.ts";
import { held } from "./held.ts";

const IMAGE_CONFIGS: readonly string[] = [mediaTypes.ociConfig, "application/vnd.docker.container.image.v1+json"];

/** So many children of an index are looked at: an index of images names one early. */
const MAX_CHILDREN = 16;

/** What a manifest stands for: told by its config's media type, and by the first child of an index that tells. */
export async function artifactKind(manifest: Manifest, repository: TreeRepository): Promise<ArtifactKind> {
  if (manifest.kind === "image") {
    if (manifest.config.mediaType === mediaTypes.helmConfig) return "chart";
    return IMAGE_CONFIGS.includes(manifest.config.mediaType) ? "image" : "unknown";
  }
  const children = manifest.manifests.filter(({ mediaType }) => isManifest(mediaType) && !isIndex(mediaType));
  for (const { digest } of children.slice(0, MAX_CHILDREN)) {
    const child = await held(repository, digest);
    const kind = child === undefined ? "unknown" : await artifactKind(child.manifest, repository);
    if (kind !== "unknown") return kind;
  }
  return "unknown";
}
