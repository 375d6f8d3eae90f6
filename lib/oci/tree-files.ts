import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { RejectedError, TransientError } from "../errors.ts";
import type { Bytes, OpenOptions } from "./content.ts";
import { type Digest, isDigest } from "./descriptor.ts";

/** One chunk of a file on its way out: larger ones are not faster. */
const CHUNK_BYTES = 512 * 1024;

/**
 * Refuse a path that a symbolic link leads out of the tree: a tree may come from anywhere, and must neither give away nor
 * change what lies beside it. The root itself may be a link.
 *
 * @throws RejectedError TREE_INVALID
 */
async function confine(root: string, path: string): Promise<void> {
  const home = await orAbsent(realpath(root));
  if (home === undefined) return;
  // what is not there yet will be made below its nearest directory that is
  for (let at = path; at !== root; at = dirname(at)) {
    const real = await orAbsent(realpath(at));
    if (real === undefined) continue;
    if (!real.startsWith(home + sep)) throw damaged(path, "a symbolic link leads out of the tree");
    return;
  }
}

/**
 * The digest a link file holds, or undefined where there is no such link.
 *
 * @throws RejectedError TREE_INVALID where it holds anything but a digest: distribution refuses even a newline after it
 */
export async function readLink(root: string, path: string): Promise<Digest | undefined> {
  const text = await linkText(root, path);
  if (text === undefined || isDigest(text)) return text;
  throw damaged(path, "it does not hold a digest");
}

/** Make a link. One that says the same already is left alone; what else is there is replaced at once. */
export async function writeLink(root: string, scratch: string, path: string, digest: Digest): Promise<void> {
  if ((await linkText(root, path)) !== digest) await writeWhole(root, scratch, path, [Buffer.from(digest)]);
}

/** Size of what is at `path`, or undefined where nothing is. */
export async function sizeOf(root: string, path: string): Promise<number | undefined> {
  await confine(root, path);
  return (await orAbsent(stat(path)))?.size;
}

/** Let a file appear at `path` whole, on disk, or not at all. Until then its bytes lie below `scratch`. */
export async function writeWhole(
  root: string,
  scratch: string,
  path: string,
  bytes: Bytes | Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const temporary = await scratchPath(root, scratch);
  try {
    await writeFile(temporary, bytes, { flag: "wx", flush: true, ...(signal && { signal }) });
    await publish(root, temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A path below `scratch`, which is made, where nothing is yet. */
async function scratchPath(root: string, scratch: string): Promise<string> {
  await makeDirectory(root, scratch);
  return join(scratch, randomUUID());
}

/** Give a file that is whole and on disk its name. */
export async function publish(root: string, temporary: string, path: string): Promise<void> {
  await makeDirectory(root, dirname(path));
  await rename(temporary, path);
}

export async function makeDirectory(root: string, path: string): Promise<void> {
  await confine(root, path);
  await mkdir(path, { recursive: true });
}

/** The bytes `start` to `end` (inclusive) of a file of `size` bytes. The file is opened when reading begins. */
export async function* readBytes(path: string, size: number, { start = 0, end, signal }: OpenOptions): Bytes {
  const last = Math.min(end ?? size - 1, size - 1);
  let missing = last - start + 1;
  if (missing <= 0) return;
  const file = createReadStream(path, { start, end: last, highWaterMark: CHUNK_BYTES, signal });
  for await (const chunk of file as AsyncIterable<Uint8Array>) {
    missing -= chunk.byteLength;
    yield chunk;
  }
  if (missing > 0) {
    throw new TransientError("CONTENT_MISMATCH", `Cannot read "${path}": it became shorter while it was read`);
  }
}

/** Let what is at `path`, a file or a directory, go at once. Nothing there is no error. */
export async function remove(root: string, scratch: string, path: string): Promise<void> {
  if ((await sizeOf(root, path)) === undefined) return;
  const gone = await scratchPath(root, scratch);
  await orAbsent(rename(path, gone));
  await rm(gone, { recursive: true, force: true });
}

/** Names of the directories in a directory, in order. None where it does not exist; links are passed over. */
export async function directoriesIn(root: string, path: string): Promise<readonly string[]> {
  await confine(root, path);
  const entries = (await orAbsent(readdir(path, { withFileTypes: true }))) ?? [];
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** Wait for something in the file system that need not be there. */
export async function orAbsent<T>(wanted: Promise<T>): Promise<T | undefined> {
  try {
    return await wanted;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

async function linkText(root: string, path: string): Promise<string | undefined> {
  await confine(root, path);
  const file = await orAbsent(open(path));
  if (file === undefined) return undefined;
  try {
    // one byte more than a digest has: enough to see that there is something else
    const { buffer, bytesRead } = await file.read(Buffer.alloc(72), 0, 72, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}

const damaged = (path: string, why: string): RejectedError =>
  new RejectedError("TREE_INVALID", `Cannot use "${path}": ${why}`);
