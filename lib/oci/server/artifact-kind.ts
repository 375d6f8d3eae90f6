import { RejectedError } from "../../errors.ts";
import { type Descriptor, isIndex, isManifest, mediaTypes } from "../descriptor.ts";
import { type Manifest, readManifest } from "../manifest.ts";
import type { TreeRepository } from "../tree.ts";
import type { ArtifactKind } from "./exchange.ts";

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
  for (const child of children.slice(0, MAX_CHILDREN)) {
    const kind = await kindHeld(child, repository);
    if (kind !== "unknown") return kind;
  }
  return "unknown";
}

/** The same of a manifest in the repository; one that is not there, or cannot be read, stands for nothing known. */
export async function kindHeld(wanted: Descriptor, repository: TreeRepository): Promise<ArtifactKind> {
  try {
    const { manifest } = await readManifest(repository, wanted);
    return await artifactKind(manifest, repository);
  } catch (error) {
    if (error instanceof RejectedError) return "unknown";
    throw error;
  }
}
