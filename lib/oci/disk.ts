import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { TransientError } from "../errors.ts";
import type { Bytes } from "./content.ts";

/** Large enough that system calls do not matter, small enough that many readers at once do not either. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Open a file for reading, but never through a symbolic link, and never a pipe or device that would block.
 *
 * @returns "absent" when there is nothing, "irregular" when it is something else than a regular file
 * @throws TransientError DISK_UNAVAILABLE
 */
export async function openRegular(path: string): Promise<{ file: FileHandle; size: number } | "absent" | "irregular"> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return "absent";
    // ELOOP: a symbolic link; ENXIO: a socket
    if (code === "ELOOP" || code === "ENXIO") return "irregular";
    throw unavailable(`open "${path}"`, error);
  }
  const stat = await file.stat();
  if (stat.isFile()) return { file, size: stat.size };
  await file.close();
  return "irregular";
}

/**
 * Bytes `start` to `end` (exclusive) of an open file, which stays open.
 *
 * @throws TransientError DISK_UNAVAILABLE; CONTENT_MISMATCH when the file ends before `end`
 */
export async function* readRange(file: FileHandle, start: number, end: number, signal?: AbortSignal): Bytes {
  for (let at = start; at < end; ) {
    signal?.throwIfAborted();
    const wanted = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
    const { bytesRead } = await onDisk("read a file", file.read(wanted, 0, wanted.byteLength, at));
    if (bytesRead === 0) {
      throw new TransientError("CONTENT_MISMATCH", `Cannot read on: a file ended ${end - at} bytes early`);
    }
    at += bytesRead;
    yield wanted.subarray(0, bytesRead);
  }
}

/**
 * What a path is, not following a symbolic link: a regular file by its size.
 *
 * @throws TransientError DISK_UNAVAILABLE
 */
export async function kindOf(path: string): Promise<"absent" | "directory" | "irregular" | number> {
  try {
    const stat = await lstat(path);
    if (stat.isFile()) return stat.size;
    return stat.isDirectory() ? "directory" : "irregular";
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return "absent";
    throw unavailable(`open "${path}"`, error);
  }
}

/**
 * Write bytes to a private file in `directory`, flush it, then let `show` give it the name `path`. The private file is
 * gone afterwards, however it went; only a crash leaves it behind, as `.stowage-…`.
 *
 * @param show `rename` to replace what has the name, {@linkcode linkUnlessThere} to leave it
 * @throws TransientError DISK_UNAVAILABLE, and whatever breaks `bytes`
 */
export async function publish(
  directory: string,
  path: string,
  bytes: () => Promise<Bytes>,
  show: (from: string, to: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = join(directory, `.stowage-${randomUUID()}`);
  const doing = `write "${path}"`;
  const file = await onDisk(doing, open(temporary, "wx", 0o644));
  try {
    try {
      for await (const chunk of await bytes()) {
        signal?.throwIfAborted();
        await onDisk(doing, file.appendFile(chunk));
      }
      await onDisk(doing, file.sync());
    } finally {
      await file.close();
    }
    signal?.throwIfAborted();
    await onDisk(doing, show(temporary, path));
  } finally {
    await rm(temporary, { force: true });
  }
}

export async function linkUnlessThere(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

/** Make sure that names given in a directory outlive a loss of power. */
export async function flushDirectory(path: string): Promise<void> {
  const directory = await onDisk(`open "${path}"`, open(path, "r"));
  try {
    await onDisk(`flush "${path}"`, directory.sync());
  } finally {
    await directory.close();
  }
}

/** Await work on files; what the operating system refuses may be granted later. */
export async function onDisk<T>(doing: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw unavailable(doing, error);
  }
}

/** The operating system's code of a failure: `ENOENT`. */
const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error ? String(error.code) : undefined;

const unavailable = (doing: string, error: unknown): TransientError =>
  new TransientError("DISK_UNAVAILABLE", `Cannot ${doing}: ${codeOf(error) ?? String(error)}`, { cause: error });
