import { bytesSegment, type Segment } from "../archive/index.ts";
import {
  blobPath,
  type Descriptor,
  type Digest,
  digestOf,
  parseReference,
  repositoryPaths,
  type Source,
} from "../oci/index.ts";
import type { PlannedImage } from "./plan-images.ts";

export interface TreeFile {
  readonly path: string;
  readonly content: Segment;
  readonly digest: Digest;
}

/**
 * The files of a registry's storage that holds these images: `docker/registry/v2/…`, as distribution writes it
 * (OEM-W11, reference/formats.md 2.1). Each blob is there once, whichever repositories have it. In the order of their paths.
 *
 * Names lose their host, as all images of one registry do.
 *
 * @param blob how the bytes of a layer or config are come by
 */
export function registryTree(
  images: readonly PlannedImage[],
  blob: (source: Source, descriptor: Descriptor) => Segment,
): readonly TreeFile[] {
  const files = new Map<string, TreeFile>();
  const add = (path: string, digest: Digest, content: () => Segment): void => {
    if (!files.has(path)) files.set(path, { path, digest, content: content() });
  };
  // without a line break: distribution answers 500 to one
  const link = (path: string, to: Digest): void => add(path, digestOf(to), () => bytesSegment(Buffer.from(to)));
  for (const { image, as = parseReference(image), source, root, graph } of images) {
    const repository = repositoryPaths("", as.repository);
    for (const descriptor of graph.blobs) {
      add(blobPath("", descriptor.digest), descriptor.digest, () => blob(source, descriptor));
      link(repository.layer(descriptor.digest), descriptor.digest);
    }
    for (const { descriptor, bytes } of graph.manifests) {
      add(blobPath("", descriptor.digest), descriptor.digest, () => bytesSegment(bytes));
      link(repository.revision(descriptor.digest), descriptor.digest);
    }
    if (as.tag === undefined) continue;
    link(repository.current(as.tag), root.digest);
    link(repository.history(as.tag, root.digest), root.digest);
  }
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
