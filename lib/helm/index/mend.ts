import type { Store } from "../../store/index.ts";
import { commit, newestGeneration, removeParts } from "./commit.ts";
import { readGeneration } from "./generation.ts";
import { readHead } from "./head.ts";
import { unlessMissing } from "./missing.ts";
import type { Row } from "./part.ts";
import type { Scope } from "./scope.ts";

/** Milliseconds: no writer is between his part and his generation for that long. */
const LITTER_AGE = 60 * 60_000;

/**
 * Make an index of the records there are, where there is none or parts of it are lost. Remove parts that writers left when
 * they died: those that neither the newest generation names nor the one that is served.
 */
export async function mend(scope: Scope, store: Store, signal: AbortSignal): Promise<void> {
  const newest = (await newestGeneration(scope, store, signal)) ?? (await commit(scope, [], store, signal)).generation;
  const wanted = new Set([...newest.rows.values()].map(({ part }) => part));
  const needed = new Set(wanted);
  for (const { part } of await servedRows(scope, store, signal)) needed.add(part);
  const prefix = `${scope.root}parts/`;
  const litter: { part: string }[] = [];
  for await (const { key, modified } of store.list(prefix, signal)) {
    const part = key.slice(prefix.length);
    wanted.delete(part);
    if (!needed.has(part) && Date.now() - modified.getTime() > LITTER_AGE) litter.push({ part });
  }
  await removeParts(scope, litter, store, signal);
  // what is not there was lost, unless a newer generation has replaced it
  const current = await newestGeneration(scope, store, signal);
  if ([...(current?.rows.values() ?? [])].some(({ part }) => wanted.has(part))) {
    await commit(scope, "all", store, signal);
  }
}

async function servedRows(scope: Scope, store: Store, signal: AbortSignal): Promise<readonly Pick<Row, "part">[]> {
  const head = await readHead(store, scope.root, signal);
  const served = head && (await unlessMissing(readGeneration(store, scope.root, head.number, signal)));
  return [...(served?.rows.values() ?? [])];
}
