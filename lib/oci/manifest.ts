import * as z from "zod";
import { RejectedError } from "../errors.ts";
import type { Bytes, Source } from "./content.ts";
import { type Descriptor, isDigest, isIndex, isManifest, mediaTypes } from "./descriptor.ts";

/** Registries refuse larger ones: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const descriptor = z.object({
  mediaType: z.string().min(1).max(255),
  digest: z.custom<Descriptor["digest"]>(
    (value) => typeof value === "string" && isDigest(value),
    "is not a sha256 digest",
  ),
  size: z.int().min(0),
  annotations: z.record(z.string(), z.string()).optional(),
  platform: z
    .object({
      architecture: z.string(),
      os: z.string(),
      variant: z.string().optional(),
      "os.version": z.string().optional(),
      "os.features": z.array(z.string()).optional(),
    })
    .optional(),
  artifactType: z.string().optional(),
});
const annotations = z.record(z.string(), z.string()).optional();

// image-spec v1.1.1 manifest.md and image-index.md; Docker's schema 2 has the same fields
const imageSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: descriptor,
  layers: z.array(descriptor),
  subject: descriptor.optional(),
  annotations,
});
const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  manifests: z.array(descriptor),
  subject: descriptor.optional(),
  annotations,
});

export type ImageManifest = Readonly<z.output<typeof imageSchema>> & { readonly kind: "image" };
export type ImageIndex = Readonly<z.output<typeof indexSchema>> & { readonly kind: "index" };
export type Manifest = ImageManifest | ImageIndex;

/**
 * Read the bytes of a manifest or index.
 *
 * @param mediaType what the bytes were announced as; must agree with the `mediaType` inside, where there is one
 * @throws RejectedError MANIFEST_INVALID
 */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest {
  const refuse = (why: string, cause?: unknown): never => {
    throw new RejectedError("MANIFEST_INVALID", `Cannot read manifest (${mediaType}): ${why}`, { cause });
  };
  if (bytes.byteLength > MAX_MANIFEST_BYTES) return refuse(`it has ${bytes.byteLength} bytes, more than 4 MiB`);
  if (!isManifest(mediaType)) return refuse("its media type is neither OCI nor Docker schema 2");
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return refuse("it is not JSON", error);
  }
  if (isAmbiguous(json)) return refuse("it is an image and an index at once");
  const parsed = (isIndex(mediaType) ? indexSchema : imageSchema).safeParse(json);
  if (!parsed.success) return refuse(z.prettifyError(parsed.error).replaceAll("\n", " "));
  const inner = parsed.data.mediaType;
  if (inner !== undefined && inner !== mediaType) return refuse(`it calls itself ${inner}`);
  return isIndex(mediaType)
    ? { kind: "index", ...(parsed.data as z.output<typeof indexSchema>) }
    : { kind: "image", ...(parsed.data as z.output<typeof imageSchema>) };
}

/**
 * One document with the parts of both would be one thing to one reader and another to the next: CVE-2021-41190,
 * https://github.com/opencontainers/image-spec/security/advisories/GHSA-77vh-xpmg-72qh
 */
const isAmbiguous = (json: unknown): boolean =>
  typeof json === "object" && json !== null && "manifests" in json && ("config" in json || "layers" in json);

/** What a manifest's bytes say they are, for places that keep bytes without a media type (distribution's storage). */
export function sniffMediaType(bytes: Uint8Array): string {
  try {
    const json = JSON.parse(Buffer.from(bytes).toString("utf8")) as { mediaType?: unknown; manifests?: unknown };
    if (typeof json.mediaType === "string") return json.mediaType;
    return Array.isArray(json.manifests) ? mediaTypes.ociIndex : mediaTypes.ociManifest;
  } catch (error) {
    throw new RejectedError("MANIFEST_INVALID", "Cannot tell the media type of a manifest that is not JSON", {
      cause: error,
    });
  }
}

/** The content a manifest cannot do without, in the order it must be pushed. `subject` is no child. */
export const childrenOf = (manifest: Manifest): readonly Descriptor[] =>
  manifest.kind === "index" ? manifest.manifests : [manifest.config, ...manifest.layers];

/** @throws RejectedError MANIFEST_INVALID, CONTENT_UNKNOWN, CONTENT_MISMATCH */
export async function readManifest(
  source: Pick<Source, "open">,
  wanted: Descriptor,
  signal?: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly manifest: Manifest }> {
  const bytes = await readAll(source, wanted, MAX_MANIFEST_BYTES, signal);
  return { bytes, manifest: parseManifest(bytes, wanted.mediaType) };
}

/** Whole content in memory; only for what is small by nature (manifests, configs, charts). */
export async function readAll(
  source: Pick<Source, "open">,
  wanted: Descriptor,
  limit: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (wanted.size > limit) {
    throw new RejectedError(
      "MANIFEST_INVALID",
      `Cannot read ${wanted.digest}: ${wanted.size} bytes, more than ${limit}`,
    );
  }
  return collect(await source.open(wanted, { signal }));
}

async function collect(bytes: Bytes): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}
