import { constants } from "node:fs";
import { type FileHandle, link, open, rename, rm, unlink } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { RejectedError } from "../errors.ts";
import { bytesOf } from "./body.ts";
import { attempt, codeOf, unavailable } from "./file-errors.ts";
import { type FileTree, openFileTree, statOf } from "./file-tree.ts";
import { FileWriter } from "./file-writer.ts";
import { checkKey, checkPrefix, quoted } from "./keys.ts";
import { rangeOf } from "./range.ts";
import type { Store } from "./store.ts";

const chunkSize = 256 * 1024;

/** Losing a directory to a concurrent delete this often in a row is no race. */
const mostAttempts = 100;

/**
 * A store in a directory, which is made if it does not exist.
 *
 * Bytes are written to `.stowage/tmp` in the same file system and synced, then published by one rename or link: an object
 * is there as a whole or not at all, whatever dies when. Several processes may work in one directory. What a dead one
 * left in `.stowage/tmp` is removed when the store is opened. Symbolic links and special files are not followed: reading
 * or writing through one is refused (STORE_KEY_INVALID), listing leaves it out, as it does names that are no keys.
 *
 * Its methods throw TransientError STORE_UNAVAILABLE for what the system refuses, a full disk included.
 */
export async function openFileStore(directory: string): Promise<Store> {
  const tree = await attempt(`open store ${quoted(directory)}`, openFileTree(directory));

  return {
    url: pathToFileURL(tree.root).href,

    async stat(key, signal) {
      checkKey(key);
      signal?.throwIfAborted();
      const stats = await attempt(`stat ${quoted(key)}`, tree.lookUp(key));
      return stats?.isFile() ? statOf(key, stats) : undefined;
    },

    async get(key, options = {}) {
      checkKey(key);
      options.signal?.throwIfAborted();
      const doing = `get ${quoted(key)}`;
      const handle = await attempt(doing, openObject(tree, key));
      if (handle === undefined) throw new RejectedError("STORE_NOT_FOUND", `Cannot ${doing}: there is none`);
      try {
        const stat = statOf(key, await attempt(doing, handle.stat()));
        const [start, end] = rangeOf(options, stat.size);
        return { ...stat, body: readRange(handle, start, end, doing, options.signal) };
      } catch (error) {
        await handle.close();
        throw error;
      }
    },

    async *list(prefix, signal) {
      checkPrefix(prefix);
      try {
        yield* tree.list(prefix, signal);
      } catch (error) {
        throw signal?.aborted ? error : unavailable(`list ${quoted(prefix)}`, error);
      }
    },

    async put(key, body, { ifAbsent = false, signal } = {}) {
      checkKey(key);
      signal?.throwIfAborted();
      const doing = `put ${quoted(key)}`;
      if ((await attempt(doing, tree.clear(key))) && ifAbsent) return "present";
      const temporary = await attempt(doing, tree.newTemporary());
      try {
        await writeAll(temporary, bytesOf(body, signal), doing);
        signal?.throwIfAborted();
        return await attempt(doing, publish(tree, temporary, key, ifAbsent));
      } finally {
        await attempt(doing, rm(temporary, { force: true }));
      }
    },

    async delete(key, signal) {
      checkKey(key);
      signal?.throwIfAborted();
      await attempt(`delete ${quoted(key)}`, remove(tree, key));
    },
  };
}

/** @returns undefined when there is no such file */
async function openObject(tree: FileTree, key: string): Promise<FileHandle | undefined> {
  const stats = await tree.lookUp(key);
  if (!stats?.isFile()) return undefined;
  try {
    return await open(tree.pathOf(key), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Written by hand, because a generator that is ended before it began would never close the file. */
function readRange(
  handle: FileHandle,
  start: number,
  end: number,
  doing: string,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<Uint8Array, undefined> {
  let at = start;
  const finish = async (): Promise<{ done: true; value: undefined }> => {
    at = end;
    await handle.close();
    return { done: true, value: undefined };
  };
  const read = async (): Promise<Uint8Array> => {
    signal?.throwIfAborted();
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkSize, end - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at);
    if (bytesRead === 0) throw new Error("the file became shorter while it was read");
    at += bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  return {
    async next() {
      if (at >= end) return finish();
      try {
        return { done: false, value: await read() };
      } catch (error) {
        await finish();
        throw signal?.aborted ? error : unavailable(doing, error);
      }
    },
    return: finish,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Write a new file and let it reach the disk. What the body throws passes as it is. */
async function writeAll(path: string, bytes: AsyncIterable<Uint8Array>, doing: string): Promise<void> {
  const handle = await attempt(doing, open(path, "wx"));
  const writer = new FileWriter(handle);
  try {
    for await (const chunk of bytes) await attempt(doing, writer.write(chunk));
    await attempt(doing, writer.finish());
  } finally {
    await writer.settle();
    await attempt(doing, handle.close());
  }
}

async function publish(
  tree: FileTree,
  temporary: string,
  key: string,
  ifAbsent: boolean,
): Promise<"written" | "present"> {
  const path = tree.pathOf(key);
  for (let attempts = 1; ; attempts++) {
    try {
      await tree.makeParent(key);
      await (ifAbsent ? link : rename)(temporary, path);
      break;
    } catch (error) {
      // A directory stands there, or with `ifAbsent` an object; clear() tells, and removes directories that hold nothing.
      const taken = ["EEXIST", "EISDIR", "ENOTEMPTY", "ENOTDIR"].includes(codeOf(error) ?? "");
      if (taken && (await tree.clear(key)) && ifAbsent) return "present";
      // A delete took the directory away in between.
      const vanished = codeOf(error) === "ENOENT";
      if (!(taken || vanished) || attempts === mostAttempts) throw error;
    }
  }
  await tree.syncParent(key);
  return "written";
}

async function remove(tree: FileTree, key: string): Promise<void> {
  const stats = await tree.lookUp(key);
  if (!stats?.isFile()) return;
  try {
    await unlink(tree.pathOf(key));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  await tree.pruneParents(key);
}
