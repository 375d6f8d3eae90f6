import { RejectedError } from "../errors.ts";
import { type Descriptor, type Digest, isIndex, mediaTypes } from "./descriptor.ts";
import { type ImageIndex, type Manifest, parseManifest } from "./manifest.ts";

/**
 * The tag of the index that lists the referrers of a manifest, at places that cannot list them otherwise:
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
 */
export const referrersTag = (subject: Digest): string => subject.replace(":", "-");

/** Whether a name is one that cosign or {@linkcode referrersTag} makes: nobody means it who does not say so. */
export const isAttachmentTag = (name: string): boolean => /^sha256-[a-f0-9]{64}(?:\.[a-z]+)?$/.test(name);

/** How a list of referrers names a manifest: its type and annotations come along. */
export function describeReferrer(descriptor: Descriptor, manifest: Manifest): Descriptor {
  const { mediaType, digest, size } = descriptor;
  const { annotations } = manifest;
  // an image without a type of its own has its config's
  const artifactType = manifest.artifactType || (manifest.kind === "image" ? manifest.config.mediaType : undefined);
  return { mediaType, digest, size, ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
}

/** A manifest that refers to another one. */
export interface Referring {
  readonly subject: Digest;
  /** As a list of referrers names it. */
  readonly referrer: Descriptor;
}

/** @returns undefined for what has no subject, be it a manifest or not */
export function readReferrer(descriptor: Descriptor, bytes: Uint8Array): Referring | undefined {
  try {
    const manifest = parseManifest(bytes, descriptor.mediaType);
    const subject = manifest.subject?.digest;
    return subject && { subject, referrer: describeReferrer(descriptor, manifest) };
  } catch (error) {
    if (error instanceof RejectedError) return undefined;
    throw error;
  }
}

/** @param place who has sent the bytes, for messages @throws RejectedError MANIFEST_INVALID */
export function parseReferrers(bytes: Uint8Array, mediaType: string, place: string): readonly Descriptor[] {
  if (!isIndex(mediaType)) {
    throw new RejectedError("MANIFEST_INVALID", `Cannot read referrers in ${place}: their list is ${mediaType}`);
  }
  return (parseManifest(bytes, mediaType) as ImageIndex).manifests;
}

/**
 * A list of referrers with one more. What else is in it stays.
 *
 * @param list the index so far, if there is one
 * @returns undefined when it names the referrer already
 * @throws RejectedError MANIFEST_INVALID for what is no such list
 */
export function withReferrer(list: Uint8Array | undefined, referrer: Descriptor): Uint8Array | undefined {
  if (list !== undefined) parseManifest(list, mediaTypes.ociIndex);
  const raw =
    list === undefined
      ? { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] }
      : (JSON.parse(Buffer.from(list).toString("utf8")) as { readonly manifests: readonly Descriptor[] });
  if (raw.manifests.some(({ digest }) => digest === referrer.digest)) return undefined;
  return Buffer.from(JSON.stringify({ ...raw, manifests: [...raw.manifests, referrer] }));
}
