import { createHash } from "node:crypto";
import type { Bytes, Source, Target } from "../../lib/oci/content.ts";
import { type Descriptor, describe, mediaTypes } from "../../lib/oci/descriptor.ts";

/** A piece of content with all its bytes at hand. */
export interface Piece {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** An image in pieces, children first. */
export interface ImageFixture {
  readonly config: Piece;
  readonly layers: readonly Piece[];
  readonly manifest: Piece;
  readonly pieces: readonly Piece[];
}

export const piece = (mediaType: string, content: Uint8Array | string): Piece => {
  const bytes = Buffer.from(content);
  return { descriptor: describe(mediaType, bytes), bytes };
};

/** Bytes that look random and are the same for the same seed. Layers need not be tars to travel. */
export function noise(seed: string, size: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, block) =>
    createHash("sha256").update(`${seed}/${block}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

export const layerPiece = (seed: string, size = 1000): Piece => piece(mediaTypes.ociLayerGzip, noise(seed, size));

/** A manifest in OCI's form; `mediaType` inside is left out as helm does when `bare`. */
export function imageFixture(seed: string, options: { layers?: readonly Piece[]; bare?: boolean } = {}): ImageFixture {
  const layers = options.layers ?? [layerPiece(`${seed}/0`), layerPiece(`${seed}/1`)];
  const config = piece(
    mediaTypes.ociConfig,
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Labels: { seed } },
      rootfs: { type: "layers", diff_ids: layers.map(({ descriptor }) => descriptor.digest) },
    }),
  );
  const manifest = piece(
    mediaTypes.ociManifest,
    JSON.stringify({
      schemaVersion: 2,
      ...(options.bare ? {} : { mediaType: mediaTypes.ociManifest }),
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
    }),
  );
  return { config, layers, manifest, pieces: [...layers, config, manifest] };
}

/** The same in Docker's form: https://github.com/distribution/distribution/blob/v2.8.2/docs/spec/manifest-v2-2.md */
export function dockerImageFixture(seed: string): ImageFixture {
  const layer = piece("application/vnd.docker.image.rootfs.diff.tar.gzip", noise(seed, 1000));
  const config = piece(
    "application/vnd.docker.container.image.v1+json",
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, seed }),
  );
  const manifest = piece(
    mediaTypes.dockerManifest,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: config.descriptor,
      layers: [layer.descriptor],
    }),
  );
  return { config, layers: [layer], manifest, pieces: [layer, config, manifest] };
}

/**
 * Something that refers to a manifest: a signature, an SBOM.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage
 */
export function referrerFixture(seed: string, subject: Piece): ImageFixture & { readonly listed: Descriptor } {
  const config = piece("application/vnd.oci.empty.v1+json", "{}");
  const layer = piece("application/vnd.example.statement", noise(seed, 300));
  const about = { artifactType: "application/vnd.example.statement.v1", annotations: { seed } };
  const manifest = piece(
    mediaTypes.ociManifest,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: config.descriptor,
      layers: [layer.descriptor],
      subject: subject.descriptor,
      ...about,
    }),
  );
  const pieces = [layer, config, manifest];
  return { config, layers: [layer], manifest, pieces, listed: { ...manifest.descriptor, ...about } };
}

/** An index over manifests, in the form its media type says. */
export const indexPiece = (children: readonly Piece[], mediaType: string = mediaTypes.ociIndex): Piece =>
  piece(
    mediaType,
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      manifests: children.map(({ descriptor }, position) => ({
        ...descriptor,
        platform: { os: "linux", architecture: ["amd64", "arm64", "s390x", "riscv64"][position % 4] },
      })),
    }),
  );

/** Bytes as a transfer delivers them: in chunks, each at a later tick. */
export async function* inChunks(bytes: Uint8Array, size = 64 * 1024): Bytes {
  for (let at = 0; at < bytes.byteLength; at += size) {
    await new Promise(setImmediate);
    yield bytes.subarray(at, at + size);
  }
}

/** Put pieces in their order. */
export async function putAll(target: Target, pieces: readonly Piece[]): Promise<void> {
  for (const { descriptor, bytes } of pieces) await target.put(descriptor, async () => inChunks(bytes));
}

/** Everything a source gives for a descriptor. */
export async function read(source: Source, ...[wanted, options]: Parameters<Source["open"]>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(await source.open(wanted, options)));
}
