import { TransientError } from "../../errors.ts";
import type { EventData } from "../../events/index.ts";
import { Announcement, toData } from "./announce.ts";
import type { ReconcileOptions } from "./reconcile.ts";
import { placeOf } from "./record.ts";
import type { RefreshedTag } from "./refresh.ts";
import { type Hint, refreshRecords, writeIndex } from "./update.ts";

export interface FollowOptions extends ReconcileOptions {
  /** When the tag was pushed to (RFC 3339); undefined for any other hint. */
  readonly pushed?: string | undefined;
}

/**
 * Look at what a hint points at, and let the index say the same.
 *
 * @returns what to tell; undefined when nothing changed, unless the same event has changed it before
 * @throws what the registry does, except for a chart that is broken or gone;
 *   TransientError REGISTRY_UNAVAILABLE while a registry does not show yet what was pushed
 */
export async function followHint(
  hint: Hint,
  { by, coverage, split, store, registries, onProblem, onConflict, onIndex, pushed, signal }: FollowOptions,
): Promise<EventData<"dev.stowage.index.updated.v1"> | undefined> {
  if (!coverage.covers(hint)) return undefined;
  const tags = await refreshRecords(hint, by, store, registries, signal);
  for (const { place, broken } of tags) {
    if (broken !== undefined) onProblem({ ...place, reason: broken, isBroken: true });
  }
  const places = tags.map(({ record }) => record).filter((record) => record !== undefined);
  let told: EventData<"dev.stowage.index.updated.v1"> | undefined;
  if (places.length > 0) {
    const written = await writeIndex(places, split, store, signal);
    for (const conflict of written.conflicts) onConflict(conflict);
    onIndex?.(written.head);
    const announcement = new Announcement(split);
    announcement.add(written);
    await announcement.addBrought(places, by, store, signal);
    told = toData(announcement.toTold(), written.head);
  }
  // last: whatever the registry shows is right to have, and what is told is told again to the redelivery
  if (pushed !== undefined) requireShown(hint, tags, pushed);
  return told;
}

/** Milliseconds. The trigger delivers again for twice as long (triggers/index-charts.yaml). */
const SHOWN_WITHIN = 60_000;

/**
 * Look again a little later when a tag does not name what was just pushed to it. CNCF Distribution tells of a manifest
 * before it writes the tag (registry/handlers/manifests.go: the listener around `Put`, then `Tag`), so whoever looks at
 * once may see what was there before. A tag that was pushed to again, or deleted, is looked at a few times too often.
 */
function requireShown({ digest }: Hint, tags: readonly RefreshedTag[], pushed: string): void {
  const other = digest === undefined ? undefined : tags.find(({ manifest }) => manifest !== digest);
  if (other === undefined || Math.abs(Date.now() - Date.parse(pushed)) > SHOWN_WITHIN) return;
  throw new TransientError(
    "REGISTRY_UNAVAILABLE",
    `Cannot see the push of ${digest} yet: ${placeOf(other.place)} names ${other.manifest ?? "nothing"}`,
  );
}
