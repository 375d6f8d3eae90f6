import { inflated, type ReadEntry, readTar } from "../archive/index.ts";
import { StowageError } from "../errors.ts";
import { ArchiveCheck, type Bytes } from "../oci/index.ts";
import { TREE, TreeCheck } from "./tree-check.ts";

/** A bundle may be of any size; what is kept of it is bounded. Zeros deflate to a thousandth. */
export const limits = { entries: 1_000_000, bytes: Number.MAX_SAFE_INTEGER, ratio: 2000 } as const;

/** The images that lie at one place. */
export interface FoundImages {
  readonly path: string;
  /** Full names in an archive, `repository:tag` in a tree. */
  readonly names: readonly string[];
}

/** Checks what the files of a bundle hold: image archives and trees of registries, plain or in archives. */
export class ContentsCheck {
  /** Files that are called archives and cannot be read as such. */
  readonly unreadable: string[] = [];
  readonly #problems: string[];
  readonly #trees = new Map<string, TreeCheck>();
  readonly #found: FoundImages[] = [];

  constructor(problems: string[]) {
    this.#problems = problems;
  }

  /** Look into a file as far as there is something to check; whoever gives it reads what is left of it. */
  async take(path: string, size: number, body: Bytes): Promise<void> {
    const at = path.indexOf(TREE);
    if (at === 0 || path[at - 1] === "/")
      return this.#tree(path.slice(0, Math.max(0, at - 1))).take(path.slice(at + TREE.length), size, body);
    let known = false;
    try {
      const entries = readTar(inflated(body, limits), limits);
      const first = await entries.next();
      if (first.done) return;
      const { path: inner } = first.value;
      const check = archiveCheck(path, inner, this.#problems) ?? treeCheck(path, inner, this.#problems);
      if (check === undefined) {
        await entries.return();
        return;
      }
      known = true;
      if (first.value.type === "file") await check.take(first.value);
      for await (const entry of entries) if (entry.type === "file") await check.take(entry);
      this.#found.push({ path, names: check.finish() });
    } catch (error) {
      if (!(error instanceof StowageError && error.code === "ARCHIVE_INVALID")) throw error;
      if (known) this.#problems.push(`${path}: ${error.message}`);
      else if (/\.(tar|tar\.gz|tgz)$/.test(path)) this.unreadable.push(`${path}: ${error.message}`);
    }
  }

  finish(): readonly FoundImages[] {
    return [...this.#found, ...[...this.#trees].map(([path, tree]) => ({ path, names: tree.finish() }))];
  }

  #tree(root: string): TreeCheck {
    const tree = this.#trees.get(root) ?? new TreeCheck(root, this.#problems);
    this.#trees.set(root, tree);
    return tree;
  }
}

/** Checks the images at one place while the files of it flow past. */
export interface ImagesCheck {
  take(file: Pick<ReadEntry, "path" | "size" | "body">): Promise<void>;
  /** @returns their names */
  finish(): readonly string[];
}

/** The check for an image archive, told by its first entry. @returns undefined when it is none */
export function archiveCheck(path: string, first: string, problems: string[]): ImagesCheck | undefined {
  if (!/^(oci-layout|index\.json|manifest\.json|repositories|blobs(\/.*)?)$/.test(first)) return undefined;
  const own: string[] = [];
  const archive = new ArchiveCheck(own);
  return {
    take: (file) => archive.take(file),
    finish() {
      const names = archive.finish();
      problems.push(...own.map((problem) => (path === "" ? problem : `${path}: ${problem}`)));
      return names;
    },
  };
}

function treeCheck(path: string, first: string, problems: string[]): ImagesCheck | undefined {
  if (!`${first}/`.startsWith(TREE) && !TREE.startsWith(`${first}/`)) return undefined;
  const tree = new TreeCheck(path, problems);
  return {
    take: ({ path: inner, size, body }) => tree.take(inner.slice(TREE.length), size, body),
    finish: () => tree.finish(),
  };
}
