import { RejectedError } from "../errors.ts";
import { type Digest, parseDigest } from "./descriptor.ts";
import { isTag, parseReference, type Reference } from "./reference.ts";

/** Where an image may lie, as skopeo spells it: https://github.com/containers/image/blob/v5.36.0/docs/containers-transports.5.md */
export type Place = RegistryPlace | TreePlace | LayoutPlace | ArchivePlace;

export interface RegistryPlace {
  readonly transport: "docker";
  readonly reference: Reference;
}

/** A registry's storage on disk: stowage's own addition. */
export interface TreePlace {
  readonly transport: "registry-tree";
  /** `DIR/REPO`, or `DIR//REPO` to say where one ends and the other begins. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export interface LayoutPlace {
  readonly transport: "oci";
  readonly path: string;
  readonly name?: string;
}

export interface ArchivePlace {
  readonly transport: "oci-archive" | "docker-archive";
  readonly path: string;
  readonly name?: string;
}

const forms =
  "docker://REFERENCE, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF] and registry-tree:DIR/REPO:TAG are supported";

/**
 * Read one of the forms that stowage copies from and to.
 *
 * @throws RejectedError REFERENCE_INVALID, also for transports that are not supported; DIGEST_INVALID
 */
export function parsePlace(text: string): Place {
  if (text.startsWith("docker://")) {
    return { transport: "docker", reference: parseReference(text.slice("docker://".length)) };
  }
  const [, tree, tag, digest] = /^registry-tree:([^@]+?)(?::([^:/@]+))?(?:@(.+))?$/.exec(text) ?? [];
  if (tree !== undefined) {
    if (tag !== undefined && !isTag(tag)) throw refused(text, `"${tag.slice(0, 200)}" is not a tag`);
    return {
      transport: "registry-tree",
      path: tree,
      ...(tag && { tag }),
      ...(digest && { digest: parseDigest(digest) }),
    };
  }
  const [, transport, path, name] = /^(oci|oci-archive|docker-archive):([^:]+)(?::(.+))?$/.exec(text) ?? [];
  if (path === undefined) throw refused(text, forms);
  return { transport: transport as "oci" | "oci-archive" | "docker-archive", path, ...(name && { name }) };
}

const refused = (text: string, why: string): RejectedError =>
  new RejectedError("REFERENCE_INVALID", `Cannot read place "${text.slice(0, 300)}": ${why}`);
