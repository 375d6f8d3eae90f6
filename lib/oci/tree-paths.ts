import { join } from "node:path";
import { type Digest, hexOf } from "./descriptor.ts";

/**
 * Where things lie in the storage of a CNCF distribution registry.
 * https://github.com/distribution/distribution/blob/v2.8.3/registry/storage/paths.go
 */
export const treeBase = (root: string): string => join(root, "docker/registry/v2");

/** Every repository's directory lies below, at the repository's name. */
export const repositoriesDirectory = (root: string): string => join(treeBase(root), "repositories");

/** The one copy of a content, whichever repositories hold it: layers, configs and manifests alike. */
export function blobPath(root: string, digest: Digest): string {
  const hex = hexOf(digest);
  return join(treeBase(root), "blobs/sha256", hex.slice(0, 2), hex, "data");
}

/** The paths of one repository. `name`, tags and digests must have been checked: they become file names. */
export interface RepositoryPaths {
  readonly layers: string;
  /** Present once the repository has held a manifest. */
  readonly manifests: string;
  /** Bytes on their way, and nothing anybody reads: distribution and its garbage collector pass over it. */
  readonly uploads: string;
  readonly revisions: string;
  readonly tags: string;
  /** The link that makes a blob the repository's. */
  layer(digest: Digest): string;
  /** The link that makes a manifest the repository's. */
  revision(digest: Digest): string;
  tag(name: string): string;
  /** The link to what a tag names now. */
  current(tag: string): string;
  /** The link that remembers that a tag once named a manifest. */
  history(tag: string, digest: Digest): string;
}

export function repositoryPaths(root: string, name: string): RepositoryPaths {
  const home = join(repositoriesDirectory(root), name);
  const layers = join(home, "_layers");
  const manifests = join(home, "_manifests");
  const revisions = join(manifests, "revisions/sha256");
  const tags = join(manifests, "tags");
  return {
    layers,
    manifests,
    uploads: join(home, "_uploads"),
    revisions,
    tags,
    layer: (digest) => join(layers, "sha256", hexOf(digest), "link"),
    revision: (digest) => join(revisions, hexOf(digest), "link"),
    tag: (tag) => join(tags, tag),
    current: (tag) => join(tags, tag, "current/link"),
    history: (tag, digest) => join(tags, tag, "index/sha256", hexOf(digest), "link"),
  };
}
