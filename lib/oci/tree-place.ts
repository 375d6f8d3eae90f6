import { readdir } from "node:fs/promises";
import { RejectedError } from "../errors.ts";
import { kindOf, onDisk } from "./disk.ts";
import type { TreePlace } from "./places.ts";
import { isRepository } from "./reference.ts";
import { treeBase } from "./tree-paths.ts";

/** A repository in a storage tree. */
export interface TreeLocation {
  /** What the registry calls its root directory. */
  readonly root: string;
  readonly repository: string;
}

/**
 * Find out where in `DIR/REPO` the directory ends: at `//` where that is written, else where a storage tree lies.
 *
 * @throws RejectedError TREE_INVALID where there is none; REFERENCE_INVALID where no repository is named
 */
export async function findTree(place: TreePlace): Promise<TreeLocation> {
  const found = await existing(place);
  if (found !== undefined) return found;
  throw new RejectedError(
    "TREE_INVALID",
    `Cannot open registry-tree:${place.path}: no part of it holds a registry's storage`,
  );
}

/**
 * As {@linkcode findTree}; where there is no tree yet, one can be made in the deepest directory of the path that is there,
 * if it is empty, else in the first one that is missing.
 *
 * @throws RejectedError REFERENCE_INVALID where no repository is named
 */
export async function placeTree(place: TreePlace): Promise<TreeLocation> {
  const found = await existing(place);
  if (found !== undefined) return found;
  const all = readings(place);
  let fallback = all[0]!;
  for (const reading of all) {
    if ((await kindOf(reading.root)) !== "directory") return reading;
    fallback = reading;
    if ((await onDisk(`read "${reading.root}"`, readdir(reading.root))).length === 0) break;
  }
  return fallback;
}

async function existing(place: TreePlace): Promise<TreeLocation | undefined> {
  const all = readings(place);
  for (const reading of all) if ((await kindOf(treeBase(reading.root))) === "directory") return reading;
  return undefined;
}

/** What a path can mean, the shortest directory first. */
function readings({ path }: TreePlace): readonly TreeLocation[] {
  const double = path.indexOf("//");
  const cuts = double > 0 ? [double] : [...path.matchAll(/(?<=.)\//g)].map(({ index }) => index);
  const all = cuts
    .map((cut) => ({ root: path.slice(0, cut), repository: path.slice(cut + (double > 0 ? 2 : 1)) }))
    .filter(({ repository }) => isRepository(repository));
  if (all.length > 0) return all;
  throw new RejectedError("REFERENCE_INVALID", `Cannot read registry-tree:${path}: it is no DIR/REPO`);
}
