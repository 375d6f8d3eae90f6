import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { pathProblem } from "../archive/index.ts";
import { RejectedError, TransientError } from "../errors.ts";
import type { GetOptions, Reader } from "../store/index.ts";

/** Where files are read by name: a store, or a directory. */
export type Files = Pick<Reader, "stat" | "get"> & Partial<Pick<Reader, "url">>;

const chunkSize = 256 * 1024;

/**
 * The files of a directory. Unlike a store in it, this leaves nothing there, so it may be a medium that cannot be written, and
 * takes names of any letters. Links are followed.
 *
 * Its methods throw RejectedError STORE_KEY_INVALID for a name that leads out, STORE_NOT_FOUND; TransientError
 * DISK_UNAVAILABLE.
 */
export function filesOf(directory: string): Files {
  return {
    async stat(key) {
      const handle = await openRegular(directory, key);
      if (handle === undefined) return undefined;
      await using _ = handle;
      return describe(key, handle);
    },

    async get(key, options = {}) {
      const handle = await openRegular(directory, key);
      if (handle === undefined)
        throw new RejectedError("STORE_NOT_FOUND", `Cannot read "${key}": there is no such file`);
      try {
        const stat = await describe(key, handle);
        return { ...stat, body: read(handle, key, stat.size, options) };
      } catch (error) {
        await handle.close();
        throw error;
      }
    },
  };
}

async function openRegular(directory: string, key: string): Promise<FileHandle | undefined> {
  const problem = pathProblem(key);
  if (problem !== undefined)
    throw new RejectedError("STORE_KEY_INVALID", `Cannot read "${key.slice(0, 300)}": ${problem}`);
  let handle: FileHandle;
  try {
    // without waiting for a writer, should it be a pipe
    handle = await open(join(directory, key), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw unavailable(key, error);
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return undefined;
}

async function describe(key: string, handle: FileHandle) {
  const { size, mtime, mtimeNs, ino } = await handle.stat({ bigint: true });
  return { key, size: Number(size), modified: mtime, version: `${ino}-${mtimeNs}-${size}` };
}

async function* read(
  handle: FileHandle,
  key: string,
  size: number,
  { start = 0, end = size, signal }: GetOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using _ = handle;
  const last = Math.min(end, size);
  for (let at = start; at < last; ) {
    signal?.throwIfAborted();
    const buffer = Buffer.allocUnsafeSlow(Math.min(chunkSize, last - at));
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at).catch((error) => {
      throw unavailable(key, error);
    });
    if (bytesRead === 0) throw unavailable(key, new Error("it became shorter while it was read"));
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const unavailable = (key: string, cause: unknown): TransientError =>
  new TransientError("DISK_UNAVAILABLE", `Cannot read "${key}": ${(cause as Error).message}`, { cause });
