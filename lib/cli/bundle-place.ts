import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { filesOf, openBundle, type StoredBundle } from "../bundle/index.ts";
import type { Reader } from "../store/index.ts";
import { UsageError } from "./arguments.ts";

/** A bundle by its path, or by `<store URL>/<key>`: the last part of the URL is the key. @throws UsageError */
export async function openBundlePlace(
  place: string,
  stores: (url: string) => Promise<Reader>,
  signal: AbortSignal,
): Promise<StoredBundle> {
  const [, url, key] = /^([a-z0-9]+:.*)\/([^/]+)$/.exec(place) ?? [];
  if (url !== undefined && key !== undefined) return openBundle(await stores(url), key, signal);
  try {
    return await openBundle(filesOf(dirname(place)), basename(place), signal);
  } catch (error) {
    if ((error as { code?: string }).code !== "STORE_NOT_FOUND") throw error;
    throw new UsageError(`cannot read "${place}": there is no such file, and no first volume of it`);
  }
}

/** @throws UsageError */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read "${file}": ${(error as NodeJS.ErrnoException).code}`);
  }
}
