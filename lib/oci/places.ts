import { RejectedError } from "../errors.ts";
import type { Source, Target } from "./content.ts";
import { parseReference, type Reference, tagOrDigest } from "./reference.ts";
import type { Registries } from "./registries.ts";

/** Where an image may lie, as skopeo spells it: https://github.com/containers/image/blob/v5.36.0/docs/containers-transports.5.md */
export type Place =
  | { readonly transport: "docker"; readonly reference: Reference }
  | { readonly transport: "oci" | "oci-archive"; readonly path: string; readonly name?: string };

/**
 * Read `docker://REFERENCE`, `oci:DIR[:TAG]` or `oci-archive:FILE[:TAG]`.
 *
 * @throws RejectedError REFERENCE_INVALID, also for transports that are not supported
 */
export function parsePlace(text: string): Place {
  if (text.startsWith("docker://")) {
    return { transport: "docker", reference: parseReference(text.slice("docker://".length)) };
  }
  const [, transport, path, name] = /^(oci|oci-archive):([^:]+)(?::(.+))?$/.exec(text) ?? [];
  if (path === undefined) {
    throw new RejectedError(
      "REFERENCE_INVALID",
      `Cannot read place "${text.slice(0, 300)}": docker://REFERENCE, oci:DIR[:TAG] and oci-archive:FILE[:TAG] are supported`,
    );
  }
  return { transport: transport as "oci" | "oci-archive", path, ...(name === undefined ? {} : { name }) };
}

export interface OpenedSource extends AsyncDisposable {
  readonly source: Source;
  /** What to resolve in it. */
  readonly reference: string;
}

/** Nothing is asked of a registry yet. @throws RejectedError LAYOUT_INVALID, ARCHIVE_INVALID */
export async function openSourcePlace(place: Place, registries: Registries): Promise<OpenedSource> {
  if (place.transport === "docker") {
    const { registry, repository } = place.reference;
    const source = registries.repository(registry, repository);
    return { source, reference: tagOrDigest(place.reference), async [Symbol.asyncDispose]() {} };
  }
  // an empty reference means the only image there is
  const { path, name: reference = "" } = place;
  if (place.transport === "oci") {
    const { openLayout } = await import("./layout.ts");
    return { source: await openLayout(path), reference, async [Symbol.asyncDispose]() {} };
  }
  const { openImageArchive } = await import("./archive.ts");
  const source = await openImageArchive(path);
  return { source, reference, [Symbol.asyncDispose]: () => source[Symbol.asyncDispose]() };
}

export interface OpenedTarget {
  readonly target: Target;
  /** The tag to write; undefined: the same as at the source. */
  readonly as?: string;
}

/** @throws RejectedError REFERENCE_INVALID for places that cannot be written */
export async function openTargetPlace(place: Place, registries: Registries): Promise<OpenedTarget> {
  if (place.transport === "docker") {
    const { registry, repository, tag, digest } = place.reference;
    if (digest !== undefined) {
      throw new RejectedError("REFERENCE_INVALID", "Cannot copy to a digest: name a tag");
    }
    return { target: registries.repository(registry, repository), ...(tag === undefined ? {} : { as: tag }) };
  }
  if (place.transport === "oci-archive") {
    throw new RejectedError(
      "REFERENCE_INVALID",
      `Cannot write oci-archive:${place.path}: archives are read only so far`,
    );
  }
  const { openLayout } = await import("./layout.ts");
  const target = await openLayout(place.path, { create: true });
  return { target, ...(place.name === undefined ? {} : { as: place.name }) };
}
