import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { RejectedError } from "../errors.ts";
import type { ManifestText } from "./find.ts";

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 100_000;

/**
 * Manifests from files, and from directories: every `.yaml`, `.yml` and `.json` below them, in the order of their paths.
 *
 * @throws RejectedError CHART_INVALID when a path cannot be read, is larger than 16 MiB or a directory holds no manifest
 */
export async function readManifests(paths: readonly string[]): Promise<readonly ManifestText[]> {
  const files: string[] = [];
  for (const path of paths) files.push(...(await filesOf(path)));
  const manifests: ManifestText[] = [];
  for (const path of files) {
    manifests.push({ chart: path, version: "", subchart: "", template: path, text: await readText(path) });
  }
  return manifests;
}

async function filesOf(path: string): Promise<readonly string[]> {
  const info = await stat(path).catch((error) => unreadable(path, error));
  if (!info.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((error) =>
    unreadable(path, error),
  );
  const files = entries
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (files.length === 0)
    throw new RejectedError("CHART_INVALID", `Cannot read manifests of "${path}": there are none`);
  if (files.length > MAX_FILES) throw new RejectedError("CHART_INVALID", `Cannot read "${path}": too many files`);
  return files;
}

async function readText(path: string): Promise<string> {
  await using file = await open(path).catch((error) => unreadable(path, error));
  const { size } = await file.stat();
  if (size > MAX_BYTES) throw new RejectedError("CHART_INVALID", `Cannot read "${path}": ${size} bytes is no manifest`);
  return file.readFile("utf8");
}

const unreadable = (path: string, error: NodeJS.ErrnoException): never => {
  throw new RejectedError("CHART_INVALID", `Cannot read "${path}": ${error.code ?? error.message}`, { cause: error });
};
