import { RejectedError } from "../errors.ts";
import type { Bytes, Source } from "./content.ts";
import { type Descriptor, type Digest, hexOf, isDigest, mediaTypes } from "./descriptor.ts";
import { layoutReferrers } from "./layout-referrers.ts";
import { type ImageIndex, MAX_MANIFEST_BYTES, parseManifest, sniffMediaType } from "./manifest.ts";
import { isAttachmentTag } from "./referrers.ts";
import { verified } from "./verify.ts";

/** The tag: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
export const REF_NAME = "org.opencontainers.image.ref.name";
/** The full name, beside it: https://github.com/containerd/containerd/blob/v1.7.0/images/annotations.go */
export const FULL_NAME = "io.containerd.image.name";

/** Names a layout keeps: tags, and whole references, as images of several repositories in one layout need them. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:@+/-]{0,511}$/;

export const isLayoutName = (text: string): boolean => NAME.test(text) && !isDigest(text);

/** Where a blob lies in a layout. */
export const blobPathOf = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;

/** Where the files of a layout lie: a directory or an archive. */
export interface LayoutFiles {
  /** How the layout is called in messages. */
  readonly name: string;
  /** The bytes of index.json, bounded. */
  readIndex(): Promise<Uint8Array>;
  /** @returns undefined when there is no such blob */
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** Bytes `start` to `end` (exclusive) of a blob that is there. */
  read(digest: Digest, start: number, end: number, signal?: AbortSignal): Bytes;
}

/**
 * Read an OCI image layout: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 *
 * What a reference can be: a digest; a name that index.json gives to a manifest, be it the tag or the full name; or the
 * empty text for the only manifest there is besides signatures and the like. A name of several different manifests is
 * refused (REFERENCE_INVALID).
 */
export function layoutSource(files: LayoutFiles): Source {
  const { name } = files;
  const unknown = (what: string) =>
    new RejectedError("CONTENT_UNKNOWN", `Cannot find "${what}" in ${name}: it is not there`);
  const entries = async () => parseLayoutIndex(await files.readIndex(), name).entries;

  async function resolveDigest(digest: Digest, signal?: AbortSignal): Promise<Descriptor> {
    const size = await files.sizeOf(digest);
    if (size === undefined) throw unknown(digest);
    const named = (await entries()).find((entry) => entry.digest === digest);
    const mediaType = named?.mediaType ?? (await mediaTypeOf(digest, size, signal));
    if (mediaType === undefined) throw unknown(digest);
    return { mediaType, digest, size };
  }

  /** @returns undefined for what is no manifest */
  async function mediaTypeOf(digest: Digest, size: number, signal?: AbortSignal): Promise<string | undefined> {
    if (size > MAX_MANIFEST_BYTES) return undefined;
    const stored = verified(files.read(digest, 0, size, signal), { mediaType: "", digest, size }, name);
    const bytes = Buffer.concat(await Array.fromAsync(stored));
    try {
      const mediaType = sniffMediaType(bytes);
      parseManifest(bytes, mediaType);
      return mediaType;
    } catch (error) {
      if (error instanceof RejectedError && error.code === "MANIFEST_INVALID") return undefined;
      throw error;
    }
  }

  const source: Source = {
    name,

    async resolve(reference, signal) {
      signal?.throwIfAborted();
      if (isDigest(reference)) return resolveDigest(reference, signal);
      const isMeant = (entry: Descriptor): boolean =>
        reference === "" ? !namesOf(entry).some(isAttachmentTag) : namesOf(entry).includes(reference);
      const found = (await entries()).filter(isMeant);
      const [first] = found;
      if (first === undefined) throw unknown(reference);
      if (found.some(({ digest }) => digest !== first.digest)) {
        const names = found.map((entry) => namesOf(entry)[0] ?? entry.digest).join(", ");
        throw new RejectedError(
          "REFERENCE_INVALID",
          `Cannot choose "${reference}" in ${name}: it may be any of ${names.slice(0, 300)}`,
        );
      }
      return { mediaType: first.mediaType, digest: first.digest, size: first.size };
    },

    async open(wanted, { start, end, signal } = {}) {
      signal?.throwIfAborted();
      const { digest } = wanted;
      const size = await files.sizeOf(digest);
      if (size === undefined) throw unknown(digest);
      if (size !== wanted.size) {
        throw new RejectedError(
          "CONTENT_MISMATCH",
          `Cannot take ${digest} from ${name}: it has ${size} instead of ${wanted.size} bytes`,
        );
      }
      const whole = start === undefined && end === undefined;
      const bytes = files.read(digest, start ?? 0, Math.min(size, (end ?? size) + 1), signal);
      return whole ? verified(bytes, wanted, name) : bytes;
    },

    async *tags(signal) {
      signal?.throwIfAborted();
      yield* new Set((await entries()).flatMap((entry) => namesOf(entry).slice(0, 1)));
    },

    async *referrers(subject, { signal } = {}) {
      signal?.throwIfAborted();
      const named = (await entries()).map((entry) => [entry, namesOf(entry)] as const);
      for await (const referrer of listReferrers(subject, named, signal)) {
        // a list may name what is not there, or not yet
        if ((await files.sizeOf(referrer.digest)) !== undefined) yield referrer;
      }
    },
  };
  const listReferrers = layoutReferrers(source);
  return source;
}

/** What a manifest in index.json can be asked for by, the most telling name first. */
export const namesOf = ({ annotations }: Descriptor): readonly string[] =>
  [annotations?.[FULL_NAME], annotations?.[REF_NAME]].filter((name) => name !== undefined);

/** index.json as it was written, and what it names, position by position. */
export interface LayoutIndex {
  readonly raw: { readonly manifests: readonly unknown[] };
  readonly entries: readonly Descriptor[];
}

/** @throws RejectedError LAYOUT_INVALID */
export function parseLayoutIndex(bytes: Uint8Array, layout: string): LayoutIndex {
  const raw = parseJson(bytes, `index.json of ${layout}`);
  // umoci writes null for no manifests
  if (isRecord(raw) && raw["manifests"] === null) raw["manifests"] = [];
  try {
    const index = parseManifest(Buffer.from(JSON.stringify(raw)), mediaTypes.ociIndex) as ImageIndex;
    return { raw: raw as LayoutIndex["raw"], entries: index.manifests };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RejectedError("LAYOUT_INVALID", `Cannot read index.json of ${layout}: ${why}`, { cause: error });
  }
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#oci-layout-file */
export const LAYOUT_FILE = JSON.stringify({ imageLayoutVersion: "1.0.0" });

/** The index.json of a layout that holds nothing yet. */
export const EMPTY_INDEX = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] });

/** @throws RejectedError LAYOUT_INVALID */
export function checkLayoutFile(bytes: Uint8Array, layout: string): void {
  const json = parseJson(bytes, `oci-layout of ${layout}`);
  if (!isRecord(json) || json["imageLayoutVersion"] !== "1.0.0") {
    throw new RejectedError("LAYOUT_INVALID", `Cannot read ${layout}: its oci-layout does not say version 1.0.0`);
  }
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new RejectedError("LAYOUT_INVALID", `Cannot read ${what}: it is not JSON`, { cause: error });
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
