import { RejectedError } from "../errors.ts";
import { openImageArchive } from "./archive.ts";
import type { Source } from "./content.ts";
import { isDigest } from "./descriptor.ts";
import { openDockerArchive } from "./docker-archive.ts";
import { openLayout } from "./layout.ts";
import type { ArchivePlace, LayoutPlace, Place } from "./places.ts";
import { formatReference, isTag, parseReference, type Reference, tagOrDigest } from "./reference.ts";
import type { Registries } from "./registries.ts";
import { openTree } from "./tree.ts";
import { findTree } from "./tree-place.ts";

export interface OpenedSource extends AsyncDisposable {
  readonly source: Source;
  /** What to resolve in it. */
  readonly reference: string;
  /** What the image is called there, as far as the place knows: for destinations that are not told what to call it. */
  readonly called: Partial<Reference>;
}

/** Nothing is asked of a registry yet. @throws RejectedError LAYOUT_INVALID, ARCHIVE_INVALID, TREE_INVALID */
export async function openSourcePlace(place: Place, registries: Registries): Promise<OpenedSource> {
  if (place.transport === "docker") {
    const { registry, repository } = place.reference;
    const reference = tagOrDigest(place.reference);
    const called = { ...(isDigest(reference) ? {} : { tag: reference }), ...place.reference };
    const source = registries.repository(registry, repository);
    return { source, reference, called, async [Symbol.asyncDispose]() {} };
  }
  if (place.transport === "registry-tree") {
    const { root, repository } = await findTree(place);
    const reference = tagOrDigest(place);
    const called = isDigest(reference) ? {} : { tag: reference };
    return { source: openTree(root).repository(repository), reference, called, async [Symbol.asyncDispose]() {} };
  }
  return openFiles(place);
}

const openers = { oci: openLayout, "oci-archive": openImageArchive, "docker-archive": openDockerArchive } as const;

async function openFiles({ transport, path, name = "" }: LayoutPlace | ArchivePlace): Promise<OpenedSource> {
  const source: Source & Partial<AsyncDisposable> = await openers[transport](path);
  // an empty reference means the only image there is
  const names = name === "" ? await Array.fromAsync(source.tags()) : [name];
  const called = names.length === 1 ? calledIn(transport, names[0]!) : {};
  return { source, reference: name, called, [Symbol.asyncDispose]: async () => source[Symbol.asyncDispose]?.() };
}

/** What a name in a layout or archive says. Layouts know images by tags and by full names, `docker save` by short ones. */
export function calledIn(transport: Place["transport"], name: string): Partial<Reference> {
  const isShort = transport === "docker-archive";
  if (!isShort && isTag(name)) return { tag: name };
  try {
    const reference = parseReference(name);
    return isShort || formatReference(reference) === name ? { tag: "latest", ...reference } : {};
  } catch (error) {
    // a layout may call an image anything
    if (error instanceof RejectedError) return {};
    throw error;
  }
}
