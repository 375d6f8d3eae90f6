import type { Stats } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { codeOf } from "./file-errors.ts";
import { invalid, isKey, isSegment } from "./keys.ts";
import { sweep, temporaryName } from "./litter.ts";
import type { Stat } from "./store.ts";

/** Where files lie before they are published. No key begins with it, and it is not listed. */
const privateName = ".stowage";
const temporaryKey = `${privateName}/tmp`;

/** Make the directory if it does not exist, and remove what dead processes left in it. */
export async function openFileTree(directory: string): Promise<FileTree> {
  await mkdir(directory, { recursive: true });
  const root = await realpath(resolve(directory));
  const tree = new FileTree(root);
  await tree.sweep();
  return tree;
}

/**
 * The directories behind a file store: maps keys to paths, makes directories that are needed and removes those that hold
 * nothing.
 *
 * Methods take checked keys. They throw what the system throws, and RejectedError STORE_KEY_INVALID where something else
 * lies in the way of a key. The checks find symbolic links that lie there; they cannot find one that is planted between a
 * check and its use, by somebody who may write to the directory anyway.
 */
export class FileTree {
  /** Absolute, without symbolic links. */
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** The file or directory that a key names; undefined when there is none. */
  async lookUp(key: string): Promise<Stats | undefined> {
    const found = await this.#find(key);
    return typeof found === "string" ? undefined : found;
  }

  /**
   * See to it that an object may be put under a key: remove empty directories of that name, which a dead process left.
   *
   * @returns whether an object is there already
   */
  async clear(key: string): Promise<boolean> {
    const found = await this.#find(key);
    if (found === "absent") return false;
    if (found === "blocked") throw invalid("key", key, "a part of it is an object");
    if (found.isFile()) return true;
    if (!(await removeEmpty(this.pathOf(key)))) throw invalid("key", key, "other keys lie below it");
    return false;
  }

  pathOf(key: string): string {
    if (key === privateName || key.startsWith(`${privateName}/`)) {
      throw invalid("key", key, `"${privateName}" belongs to the store itself`);
    }
    return join(this.root, key);
  }

  async makeParent(key: string): Promise<void> {
    await this.#make(dirname(this.pathOf(key)), key);
  }

  /** Let it reach the disk that a key was published. */
  async syncParent(key: string): Promise<void> {
    await sync(dirname(this.pathOf(key)));
  }

  /** Remove the directories above a deleted key that hold nothing any more. */
  async pruneParents(key: string): Promise<void> {
    let directory = dirname(this.pathOf(key));
    while (directory !== this.root && (await removeDirectory(directory))) directory = dirname(directory);
    await sync(directory);
  }

  /** Remove what dead processes left. */
  async sweep(): Promise<void> {
    const directory = join(this.root, temporaryKey);
    // Behind a symbolic link lie files of others.
    if ((await this.#meet(directory)) === "there") await sweep(directory);
  }

  /** A path for a file that is not published yet. */
  async newTemporary(): Promise<string> {
    const directory = join(this.root, temporaryKey);
    await this.#make(directory, temporaryKey);
    return join(directory, temporaryName());
  }

  /** Objects by prefix in byte order. Holds the names of one directory per level at a time. */
  async *list(prefix: string, signal: AbortSignal | undefined): AsyncGenerator<Stat, void, undefined> {
    const cut = prefix.lastIndexOf("/") + 1;
    const directory = prefix.slice(0, cut);
    if (directory.startsWith(`${privateName}/`)) return;
    if ((await this.#meet(resolve(this.root, directory))) !== "there") return;
    yield* this.#walk(directory, prefix.slice(cut), signal);
  }

  /** @param directory as keys begin: empty, or ending with a slash */
  async *#walk(
    directory: string,
    start: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Stat, void, undefined> {
    signal?.throwIfAborted();
    // With their slash, directories sort among files exactly where the keys below them belong.
    const names = (await readNames(join(this.root, directory)))
      .filter((name) => name.startsWith(start) && !(directory === "" && name === `${privateName}/`))
      .sort();
    for (const name of names) {
      const key = directory + name;
      if (name.endsWith("/")) {
        yield* this.#walk(key, "", signal);
      } else if (isKey(key)) {
        signal?.throwIfAborted();
        const stats = await unlessGone(lstat(join(this.root, key)));
        if (stats?.isFile()) yield statOf(key, stats);
      }
    }
  }

  /** "blocked": a part of the key before the last is a file. */
  async #find(key: string): Promise<Stats | "absent" | "blocked"> {
    const path = this.pathOf(key);
    const parent = await this.#meet(dirname(path));
    if (parent === "astray") throw invalid("key", key, "a symbolic link lies in its way");
    if (parent !== "there") return parent;
    try {
      const stats = await lstat(path);
      if (stats.isFile() || stats.isDirectory()) return stats;
    } catch (error) {
      const absence = absenceOf(error);
      if (absence !== undefined) return absence;
      throw error;
    }
    throw invalid("key", key, "a symbolic link or special file lies there");
  }

  /** What one meets on the way to what should be a directory; "astray": a symbolic link. */
  async #meet(directory: string): Promise<"there" | "absent" | "blocked" | "astray"> {
    try {
      return (await realpath(directory)) === directory ? "there" : "astray";
    } catch (error) {
      if (codeOf(error) === "ELOOP") return "astray";
      const absence = absenceOf(error);
      if (absence !== undefined) return absence;
      throw error;
    }
  }

  async #make(directory: string, key: string): Promise<void> {
    if (directory === this.root || (await this.#meet(directory)) === "there") return;
    await this.#make(dirname(directory), key);
    try {
      await mkdir(directory);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      if (!(await lstat(directory)).isDirectory()) throw invalid("key", key, "a part of it is no directory");
    }
    await sync(dirname(directory));
  }
}

/** @returns files, and directories with a slash at their end, as far as their names can be parts of keys */
async function readNames(directory: string): Promise<string[]> {
  const entries = (await unlessGone(readdir(directory, { withFileTypes: true }))) ?? [];
  return entries
    .filter((entry) => (entry.isFile() || entry.isDirectory()) && isSegment(entry.name))
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
}

/** Remove a directory that holds nothing but empty directories. @returns whether it is gone */
async function removeEmpty(directory: string): Promise<boolean> {
  for (const entry of (await unlessGone(readdir(directory, { withFileTypes: true }))) ?? []) {
    if (!entry.isDirectory() || !(await removeEmpty(join(directory, entry.name)))) return false;
  }
  return removeDirectory(directory);
}

/** @returns false when it is not empty, or somebody works in it */
async function removeDirectory(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "EBUSY") return false;
    if (code !== "ENOENT") throw error;
  }
  return true;
}

/** A name reaches the disk with its directory. One that is gone has nothing to keep. */
async function sync(directory: string): Promise<void> {
  const handle: FileHandle | undefined = await unlessGone(open(directory));
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}

const absenceOf = (error: unknown): "absent" | "blocked" | undefined => {
  const code = codeOf(error);
  return code === "ENOENT" ? "absent" : code === "ENOTDIR" ? "blocked" : undefined;
};

async function unlessGone<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (absenceOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** Each write makes another file, so its number and time of day tell it from the one before. */
export const statOf = (key: string, { size, mtime, mtimeMs, ino }: Stats): Stat => ({
  key,
  size,
  modified: mtime,
  version: `${ino}-${mtimeMs}`,
});
