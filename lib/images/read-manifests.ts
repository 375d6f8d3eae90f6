import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { RejectedError } from "../errors.ts";
import type { ManifestText } from "./find.ts";

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 100_000;

/**
 * Manifests from files, and from directories: every `.yaml`, `.yml`, `.json` and `.tmpl` below them, in the order of their
 * paths. A `.tmpl` is read as the Go template it is, with nothing filled in (CI-10, CI-13, CI-W5).
 *
 * @throws RejectedError CHART_INVALID when a path cannot be read, is larger than 16 MiB or a directory holds no manifest
 */
export async function readManifests(paths: readonly string[]): Promise<readonly ManifestText[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await manifestFiles(path);
    if (found.length === 0) throw refused(path, "there are no manifests");
    files.push(...found);
  }
  return readFiles(files);
}

/** The same below one directory, which may be empty or not there. @throws RejectedError CHART_INVALID */
export async function manifestsBelow(directory: string): Promise<readonly ManifestText[]> {
  const isThere = (await stat(directory).catch(() => undefined)) !== undefined;
  return isThere ? readFiles(await manifestFiles(directory)) : [];
}

async function readFiles(files: readonly string[]): Promise<readonly ManifestText[]> {
  const manifests: ManifestText[] = [];
  for (const path of files) {
    const text = await readText(path);
    const unfilled = path.endsWith(".tmpl");
    manifests.push({ chart: path, version: "", subchart: "", template: path, text, unfilled });
  }
  return manifests;
}

/** The file itself, or what a directory holds. */
async function manifestFiles(path: string): Promise<readonly string[]> {
  const info = await stat(path).catch((error) => unreadable(path, error));
  if (!info.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((error) =>
    unreadable(path, error),
  );
  const files = entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json|tmpl)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  if (files.length > MAX_FILES) throw refused(path, `more than ${MAX_FILES} files`);
  return files.sort();
}

/** @throws RejectedError CHART_INVALID when a file cannot be read or is larger than 16 MiB */
export async function readText(path: string): Promise<string> {
  await using file = await open(path).catch((error) => unreadable(path, error));
  const { size } = await file.stat();
  if (size > MAX_BYTES) throw refused(path, `${size} bytes is no manifest`);
  return file.readFile("utf8").catch((error) => unreadable(path, error));
}

const unreadable = (path: string, error: NodeJS.ErrnoException): never => {
  throw refused(path, error.code ?? error.message, error);
};

const refused = (path: string, why: string, cause?: unknown): RejectedError =>
  new RejectedError("CHART_INVALID", `Cannot read "${path}": ${why}`, { cause });
