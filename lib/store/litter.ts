import { randomUUID } from "node:crypto";
import { lstat, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { codeOf } from "./file-errors.ts";

const day = 24 * 60 * 60 * 1000;

/** A name that says whose file it is, so that others can tell whether its owner still lives. */
export const temporaryName = (): string => `${encodeURIComponent(hostname())}~${process.pid}~${randomUUID()}`;

/**
 * Remove the temporary files that nobody is writing any more: those whose process is dead, and those not written to for a
 * day. Process ids say nothing about another host (or container), so there only the day counts.
 *
 * Files that may not be removed stay: a store that can only be read is still good for reading.
 */
export async function sweep(directory: string, now = Date.now()): Promise<void> {
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    try {
      const { mtimeMs } = await lstat(path);
      if (now - mtimeMs > day || !ownerLives(name, mtimeMs)) await rm(path, { recursive: true });
    } catch (error) {
      if (!["ENOENT", "EROFS", "EACCES", "EPERM"].includes(codeOf(error) ?? "")) throw error;
    }
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** @param written when the file was last written to, in milliseconds since 1970 */
function ownerLives(name: string, written: number): boolean {
  const [host, pid] = name.split("~");
  if (host !== encodeURIComponent(hostname()) || !/^[1-9][0-9]{0,9}$/.test(pid ?? "")) return true;
  // In a restarted container the dead process had the same id as this one, but it wrote before this one began.
  if (Number(pid) === process.pid) return written >= Date.now() - process.uptime() * 1000;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}
