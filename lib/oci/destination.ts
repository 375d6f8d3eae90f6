import { join } from "node:path";
import { RejectedError } from "../errors.ts";
import type { Target } from "./content.ts";
import { kindOf } from "./disk.ts";
import { dryRun } from "./dry-run.ts";
import { openLayout } from "./layout.ts";
import { isLayoutName } from "./layout-source.ts";
import { openMemory } from "./memory.ts";
import type { ArchivePlace, Place } from "./places.ts";
import { isTag, parseReference, type Reference } from "./reference.ts";
import type { Registries } from "./registries.ts";
import { calledIn, type OpenedSource } from "./source-place.ts";
import { type CopyOptions, type CopyResult, createTransfer, type TransferOptions } from "./transfer.ts";
import { openTree } from "./tree.ts";
import { placeTree } from "./tree-place.ts";
import { type ArchiveNames, type PlannedArchive, planArchive, writeArchive } from "./write-archive.ts";

export type DestinationOptions = Pick<CopyOptions, "platforms" | "rewriteIndex" | "onBlob" | "signal"> &
  TransferOptions;

/** A place that an image can be copied to. */
export interface Destination {
  /**
   * Copy what was opened, under the name that the place was told, else under the one it has at its source. Registries,
   * trees and layouts are added to; an archive is written anew and replaces what was there.
   *
   * @throws whatever `copy` throws; IMAGE_INVALID for what a docker-archive cannot hold
   */
  copy(from: OpenedSource, options?: DestinationOptions): Promise<CopyResult>;
}

/** @throws RejectedError REFERENCE_INVALID for places that cannot be written */
export async function openDestination(place: Place, registries: Registries): Promise<Destination> {
  if (isArchive(place)) {
    const plan = planner(place);
    return {
      async copy(from, options) {
        const planned = await plan(from, options);
        await writeArchive(place.path, planned, options);
        return planned.result;
      },
    };
  }
  return copier(await openTarget(place, registries, (directory) => openLayout(directory, { create: true })));
}

/** The same for a place that shall stay as it is: copying tells what would be done. */
export async function rehearseDestination(place: Place, registries: Registries): Promise<Destination> {
  if (isArchive(place)) {
    const plan = planner(place);
    return {
      async copy(from, options) {
        const { image, result } = await plan(from, options);
        for (const descriptor of image.graph.blobs) options?.onBlob?.({ descriptor, outcome: "written" });
        return result;
      },
    };
  }
  const { target, tag } = await openTarget(place, registries, openLayoutIfThere);
  return copier({ target: dryRun(target), tag });
}

const isArchive = (place: Place): place is ArchivePlace =>
  place.transport === "oci-archive" || place.transport === "docker-archive";

interface OpenedTarget {
  readonly target: Target;
  /** The tag to give, where the place was told. */
  readonly tag: string | undefined;
}

const copier = ({ target, tag }: OpenedTarget): Destination => ({
  copy: ({ source, reference, called }, { onProgress, ...options } = {}) =>
    createTransfer({ onProgress }).copy(source, reference, target, { ...options, as: tag ?? called.tag ?? "latest" }),
});

async function openTarget(
  place: Exclude<Place, ArchivePlace>,
  registries: Registries,
  openLayoutAt: (directory: string) => Promise<Target>,
): Promise<OpenedTarget> {
  if (place.transport === "oci") return { target: await openLayoutAt(place.path), tag: place.name };
  const { tag, digest } = place.transport === "docker" ? place.reference : place;
  if (digest !== undefined) throw refused("to a digest: name a tag");
  if (place.transport === "docker") {
    const { registry, repository } = place.reference;
    return { target: registries.repository(registry, repository), tag };
  }
  const { root, repository } = await placeTree(place);
  return { target: openTree(root, { referrersTags: true }).repository(repository), tag };
}

/** A layout that is not there yet holds nothing. */
const openLayoutIfThere = async (directory: string): Promise<Target> =>
  (await kindOf(join(directory, "oci-layout"))) === "absent" ? openMemory(`oci:${directory}`) : openLayout(directory);

/** Reads nothing before it is asked to. @throws RejectedError REFERENCE_INVALID for a name that cannot be given */
function planner(place: ArchivePlace) {
  const loadable = place.transport === "docker-archive";
  const nameOf = loadable ? dockerNames(place.name) : ociNames(place.name);
  return ({ source, reference, called }: OpenedSource, options: DestinationOptions = {}): Promise<PlannedArchive> => {
    const names = nameOf(called);
    return planArchive(`${place.transport}:${place.path}`, source, reference, { ...options, names, loadable });
  };
}

type Namer = (called: Partial<Reference>) => ArchiveNames;

/** Under a tag, with the full name beside it where that is known; or under a full name. */
function ociNames(name: string | undefined): Namer {
  if (name !== undefined && !isLayoutName(name)) throw refused(`under the name "${name.slice(0, 200)}"`);
  if (name !== undefined && !isTag(name)) return () => ({ name, reference: fullName(calledIn("oci-archive", name)) });
  return ({ tag = "latest", ...called }) => ({
    name: name ?? tag,
    reference: fullName({ ...called, tag: name ?? tag }),
  });
}

/** As docker tags an image. */
function dockerNames(name: string | undefined): Namer {
  if (name === undefined) return ociNames(undefined);
  const reference: Reference = { tag: "latest", ...parseReference(name) };
  if (reference.digest !== undefined) throw refused("under a digest: name a tag");
  return () => ({ reference });
}

const fullName = ({ registry, repository, tag }: Partial<Reference>): Reference | undefined =>
  registry === undefined || repository === undefined ? undefined : { registry, repository, ...(tag && { tag }) };

const refused = (what: string): RejectedError => new RejectedError("REFERENCE_INVALID", `Cannot copy ${what}`);
