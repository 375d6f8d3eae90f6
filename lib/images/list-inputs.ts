import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { RejectedError } from "../errors.ts";
import type { Reader } from "../store/index.ts";
import type { ListInput } from "./list-file.ts";

const MAX_LISTS = 1000;

/**
 * Lists on disk: files by whatever name, and of a directory (not of those below it) every file whose name ends in
 * `.list`, in the order of their names (OEM-W8, OEM-T1).
 *
 * @throws RejectedError LIST_INVALID when a path cannot be read or a directory holds no list
 */
export async function listsOnDisk(paths: readonly string[]): Promise<readonly ListInput[]> {
  const files: string[] = [];
  for (const path of paths) files.push(...(await filesOf(path)));
  if (files.length > MAX_LISTS) {
    throw new RejectedError("LIST_INVALID", `Cannot read ${files.length} image lists: ${MAX_LISTS} are allowed`);
  }
  return files.map(listInFile);
}

async function filesOf(path: string): Promise<readonly string[]> {
  if (!(await look(path)).isDirectory()) return [path];
  const names = await readdir(path).catch((error) => unreadable(path, error));
  const files: string[] = [];
  for (const name of names.filter((each) => each.endsWith(".list")).sort()) {
    const file = join(path, name);
    // a link counts as what it leads to: mounted ConfigMaps consist of links
    if ((await look(file)).isFile()) files.push(file);
  }
  if (files.length > 0) return files;
  throw new RejectedError("LIST_INVALID", `Cannot read image lists of "${path}": no file's name ends in .list`);
}

const look = (path: string) => stat(path).catch((error) => unreadable(path, error));

async function* bytesOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const handle = await open(path).catch((error) => unreadable(path, error));
  try {
    yield* handle.createReadStream({ signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    unreadable(path, error as NodeJS.ErrnoException);
  }
}

const unreadable = (path: string, error: NodeJS.ErrnoException): never => {
  throw new RejectedError("LIST_INVALID", `Cannot read image list "${path}": ${error.code ?? error.message}`, {
    cause: error,
  });
};

/** A list in a file. Opening throws RejectedError LIST_INVALID when it cannot be read. */
export const listInFile = (file: string): ListInput => ({ file, open: async (signal) => bytesOf(file, signal) });

/** A list that lies in a store. Opening throws RejectedError STORE_NOT_FOUND when it does not. */
export const listInStore = (store: Reader, key: string): ListInput => ({
  file: key,
  open: async (signal) => (await store.get(key, { signal })).body,
});

/** Lines at hand. */
export const listOfLines = (file: string, lines: readonly string[]): ListInput => ({
  file,
  async open() {
    return bytes();
    async function* bytes() {
      for (const line of lines) yield Buffer.from(`${line}\n`);
    }
  },
});
