import type { EventData } from "../../events/index.ts";
import { Announcement, toData } from "./announce.ts";
import type { ReconcileOptions } from "./reconcile.ts";
import { type Hint, refreshRecords, writeIndex } from "./update.ts";

/**
 * Look at what a hint points at, and let the index say the same.
 *
 * @returns what to tell; undefined when nothing changed, unless the same event has changed it before
 * @throws what the registry does, except for a chart that is broken or gone
 */
export async function followHint(
  hint: Hint,
  { by, coverage, split, store, registries, onProblem, onConflict, onIndex, signal }: ReconcileOptions,
): Promise<EventData<"dev.stowage.index.updated.v1"> | undefined> {
  if (!coverage.covers(hint)) return undefined;
  const tags = await refreshRecords(hint, by, store, registries, signal);
  for (const { place, broken } of tags) {
    if (broken !== undefined) onProblem({ ...place, reason: broken, isBroken: true });
  }
  const records = tags.map(({ record }) => record).filter((record) => record !== undefined);
  if (records.length === 0) return undefined;
  const written = await writeIndex(records, split, store, signal);
  for (const conflict of written.conflicts) onConflict(conflict);
  onIndex?.(written.head);
  const announcement = new Announcement(split);
  announcement.add(written);
  await announcement.addBrought(records, by, store, signal);
  return toData(announcement.toTold(), written.head);
}
