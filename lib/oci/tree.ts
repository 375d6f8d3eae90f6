import { join, resolve } from "node:path";
import { isRepository } from "./reference.ts";
import { Subjects } from "./subjects.ts";
import { directoriesIn } from "./tree-files.ts";
import { repositoriesDirectory, repositoryPaths } from "./tree-paths.ts";
import { openTreeRepository, type TreeRepository } from "./tree-repository.ts";
import { Uploads } from "./tree-uploads.ts";
import { Turns } from "./turns.ts";

export type { TreeRepository } from "./tree-repository.ts";
export type { Upload } from "./tree-uploads.ts";

/**
 * The storage tree of a CNCF distribution registry on disk, `<root>/docker/registry/v2`: what distribution writes can be
 * read here and the other way round (distribution v2.8.3, registry/storage).
 *
 * Any number of processes may read it; only one may write.
 */
export interface Tree {
  /** @throws RejectedError REFERENCE_INVALID where `name` cannot be a repository's */
  repository(name: string): TreeRepository;

  /** The repositories that have held a manifest, in distribution's order: see {@linkcode inTreeOrder}. */
  repositories(signal?: AbortSignal): AsyncIterable<string>;
}

export interface TreeOptions {
  /**
   * Whether a manifest with a subject is named in the list that distribution's clients look for, since distribution has no
   * API that tells referrers. Default: false, for a registry that has one.
   */
  readonly referrersTags?: boolean;
}

/** Open a storage tree, which need not exist before something is put into it. */
export function openTree(root: string, { referrersTags = false }: TreeOptions = {}): Tree {
  const home = resolve(root);
  async function* uploadDirectories() {
    for await (const { name, parts } of repositoryDirectories(home)) {
      if (parts.has("_uploads")) yield repositoryPaths(home, name).uploads;
    }
  }
  const shared = {
    root: home,
    uploads: new Uploads(home, uploadDirectories),
    turns: new Turns(),
    subjects: new Subjects(),
    referrersTags,
  };
  return {
    repository: (name) => openTreeRepository(shared, name),
    async *repositories(signal) {
      for await (const { name, parts } of repositoryDirectories(home)) {
        signal?.throwIfAborted();
        if (parts.has("_manifests")) yield name;
      }
    },
  };
}

/** Compare repository names path component by path component, as distribution's catalogue is ordered. */
export function inTreeOrder(a: string, b: string): number {
  const [left, right] = [a.replaceAll("/", "\0"), b.replaceAll("/", "\0")];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Every directory that may be a repository, with the names of distribution's own directories in it. */
async function* repositoryDirectories(
  root: string,
  prefix = "",
): AsyncIterable<{ readonly name: string; readonly parts: ReadonlySet<string> }> {
  const directories = await directoriesIn(root, join(repositoriesDirectory(root), prefix));
  const parts = new Set(directories.filter((name) => name.startsWith("_")));
  if (prefix !== "" && parts.size > 0) yield { name: prefix, parts };
  for (const directory of directories) {
    const name = prefix === "" ? directory : `${prefix}/${directory}`;
    if (isRepository(name)) yield* repositoryDirectories(root, name);
  }
}
