import type { Registries } from "../../oci/index.ts";
import { openStore } from "../../store/index.ts";
import { openCoverage } from "./coverage.ts";
import type { Conflict } from "./fold.ts";
import { IndexReader } from "./read.ts";
import { type Problem, reconcile } from "./reconcile.ts";

export interface BuiltIndex {
  readonly yaml: string;
  /** What is not in it. */
  readonly problems: readonly Problem[];
  readonly conflicts: readonly Conflict[];
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
): Promise<BuiltIndex> {
  const store = await openStore("memory:");
  const problems: Problem[] = [];
  const conflicts: Conflict[] = [];
  const folder = `${host}/${prefix}`.replace(/\/+$/, "");
  await reconcile({
    by: "build",
    coverage: openCoverage({ registries: [host], repositories: [], include: [folder, `${folder}/**`], exclude: [] }),
    split: "whole",
    store,
    registries,
    onProblem: (problem) => problems.push(problem),
    onConflict: (conflict) => conflicts.push(conflict),
    signal,
  });
  const reader = new IndexReader(store);
  const head = (await reader.head(signal))!;
  const { size } = head.texts["index.yaml"];
  const chunks = await Array.fromAsync(reader.text(head, "index.yaml").read(0, size, signal));
  return { yaml: Buffer.concat(chunks).toString("utf8"), problems, conflicts };
}
