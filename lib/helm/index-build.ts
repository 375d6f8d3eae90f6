import type { Registries } from "../oci/index.ts";
import { openStore, readObject } from "../store/index.ts";
import { hintsOf, indexKeys, MAX_INDEX_BYTES, refreshRecords, writeIndex } from "./index-update.ts";

/** A broken chart of a registry: it is left out of the index. */
export interface BrokenChart {
  readonly repository: string;
  readonly tag: string;
  readonly reason: string;
}

/**
 * The index.yaml of a registry as it is now, from scratch: the same steps as when events keep it, over a store in memory.
 *
 * @param prefix of the repositories to look at: `charts` takes `charts/a` and not `charts-old/a`
 */
export async function buildIndex(
  host: string,
  prefix: string,
  registries: Registries,
  signal: AbortSignal,
): Promise<{ readonly yaml: string; readonly broken: readonly BrokenChart[] }> {
  const store = await openStore("memory:");
  const broken: BrokenChart[] = [];
  const folder = prefix.replace(/\/+$/, "");
  for await (const hint of hintsOf([host], registries, signal)) {
    const { repository } = hint;
    if (folder !== "" && repository !== folder && !repository.startsWith(`${folder}/`)) continue;
    const refreshed = await refreshRecords(hint, "index", store, registries, signal);
    broken.push(...refreshed.broken.map((each) => ({ repository, ...each })));
  }
  await writeIndex(store, signal);
  const yaml = await readObject(store, indexKeys.yaml, MAX_INDEX_BYTES, signal);
  return { yaml: Buffer.from(yaml).toString("utf8"), broken };
}
