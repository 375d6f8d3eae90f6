import { createHash } from "node:crypto";
import * as z from "zod";
import { bytesSegment, gunzipBounded, type Segment } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import type { ArchiveFile } from "./archive-file.ts";
import type { Bytes } from "./content.ts";
import { type Descriptor, type Digest, describe, mediaTypes } from "./descriptor.ts";
import type { DockerItem } from "./docker-manifest.ts";

/** An image that was saved without a manifest, and was given one. */
export interface MadeUpImage {
  readonly descriptor: Descriptor;
  /** Its manifest, config and layers. */
  readonly contents: readonly (readonly [Digest, Segment])[];
}

/** What a layer is that was saved without a digest. */
export interface MeasuredLayer {
  readonly descriptor: Descriptor;
  /** Of what it unpacks to. */
  readonly diffId: Digest;
}

/**
 * Give an image the manifest that docker 25 and newer write for it: OCI's, with config and layers as they were saved. The
 * same config and layers make the same manifest. Layers are read for that, and held against what the config says of them.
 *
 * @param measured layers that are known already, and those that were read
 * @throws RejectedError LAYOUT_INVALID for an image that docker would not load, CONTENT_MISMATCH for a layer that is not the
 *   config's, ARCHIVE_INVALID for damaged gzip
 */
export async function makeUpImage(
  archive: ArchiveFile,
  item: DockerItem,
  config: Uint8Array,
  measured: Map<Segment, MeasuredLayer>,
  signal?: AbortSignal,
): Promise<MadeUpImage> {
  const invalid = (why: string): RejectedError =>
    new RejectedError("LAYOUT_INVALID", `Cannot read ${archive.name}: ${why}`);
  const diffIds = diffIdsOf(config);
  if (diffIds === undefined) throw invalid(`${JSON.stringify(item.config)} is no config of an image`);
  if (diffIds.length !== item.layers.length) {
    throw invalid(`a config has ${diffIds.length} layers, and manifest.json names ${item.layers.length} for it`);
  }
  const contents: [Digest, Segment][] = [];
  const layers: Descriptor[] = [];
  for (const [position, path] of item.layers.entries()) {
    const layer = archive.find(path);
    if (layer === undefined) throw invalid(`it holds no ${JSON.stringify(path)}, which manifest.json names`);
    const known = measured.get(layer) ?? (await measure(layer, signal));
    measured.set(layer, known);
    if (known.diffId !== diffIds[position]) {
      throw new RejectedError(
        "CONTENT_MISMATCH",
        `Cannot take ${JSON.stringify(path)} from ${archive.name}: as a tar, gzipped or not, it has digest ${known.diffId}, not its config's ${diffIds[position]}`,
      );
    }
    layers.push(known.descriptor);
    contents.push([known.descriptor.digest, layer]);
  }
  const described = describe(mediaTypes.ociConfig, config);
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: described, layers }),
  );
  const descriptor = describe(mediaTypes.ociManifest, manifest);
  contents.push([described.digest, bytesSegment(config)], [descriptor.digest, bytesSegment(manifest)]);
  return { descriptor, contents };
}

// https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties; Go writes null for no layers
const configSchema = z.object({ rootfs: z.object({ diff_ids: z.array(z.string().max(100)).nullish() }) });

function diffIdsOf(config: Uint8Array): readonly string[] | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(config));
    const { data } = configSchema.safeParse(json);
    return data && (data.rootfs.diff_ids ?? []);
  } catch {
    return undefined;
  }
}

/** Zeros deflate to a thousandth. Nothing of it is kept: only the time needs a bound. */
const limits = { bytes: Number.MAX_SAFE_INTEGER, ratio: 2000 } as const;

/** Read a layer from front to end: twice when it is gzip, else it is taken for a tar. */
async function measure(layer: Segment, signal?: AbortSignal): Promise<MeasuredLayer> {
  const { size } = layer;
  const [first, second] = Buffer.concat(await Array.fromAsync(layer.read(0, Math.min(2, size), signal)));
  const digest = await sha256(layer.read(0, size, signal));
  // RFC 1952 section 2.3.1; no tar begins so
  const isGzip = first === 0x1f && second === 0x8b;
  const diffId = isGzip ? await sha256(gunzipBounded(layer.read(0, size, signal), limits)) : digest;
  const mediaType = isGzip ? mediaTypes.ociLayerGzip : mediaTypes.ociLayer;
  return { descriptor: { mediaType, digest, size }, diffId };
}

async function sha256(bytes: Bytes): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}
