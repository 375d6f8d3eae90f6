import { createHash } from "node:crypto";
import { pipeline } from "node:stream";
import { createGzip } from "node:zlib";
import type { Bytes } from "./content.ts";
import { type Digest, mediaTypes } from "./descriptor.ts";
import { type FileEntry, layerTar } from "./layer-tar.ts";
import type { Content } from "./memory.ts";
import { observed } from "./verify.ts";

/** A layer and the digest of its uncompressed tar. */
export interface Layer extends Content {
  readonly diffId: Digest;
}

export interface LayerOptions {
  /** gzip's level, 0 to 9; default 6. 0 for what is mostly compressed already: it is fast, and nothing would shrink. */
  readonly level?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Make a layer of files: a gzipped tar, owned by root.
 *
 * The same files give the same bytes, as far as Node brings the same zlib. The layer is not kept anywhere: its bytes are
 * made again whenever they are read, so the files must be left as they are until then (or the read fails as a mismatch).
 *
 * @throws RejectedError IMAGE_INVALID, TransientError DISK_UNAVAILABLE
 */
export async function buildLayer(files: Iterable<FileEntry>, options: LayerOptions = {}): Promise<Layer> {
  const { level = 6, signal } = options;
  const tar = await layerTar(files);
  const diffId = createHash("sha256");
  const digest = createHash("sha256");
  let size = 0;
  for await (const chunk of gzipped(observed(tar.read(0, tar.size, signal), diffId), level)) {
    digest.update(chunk);
    size += chunk.byteLength;
  }
  return {
    descriptor: { mediaType: mediaTypes.ociLayerGzip, digest: `sha256:${digest.digest("hex")}`, size },
    diffId: `sha256:${diffId.digest("hex")}`,
    bytes: (signal) => gzipped(tar.read(0, tar.size, signal), level),
  };
}

/** Where a gzip header says which operating system made it, and what says that it is unknown: RFC 1952 section 2.3.1. */
const OS_BYTE = 9;
const UNKNOWN_OS = 255;

async function* gzipped(bytes: Bytes, level: number): Bytes {
  // zlib writes no time; all that differs between machines is the operating system
  const gzip = createGzip({ level, chunkSize: 128 * 1024 });
  // a failure of the tar reaches the reader through the gzip stream
  pipeline(bytes, gzip, () => {});
  let seen = 0;
  for await (const chunk of gzip as AsyncIterable<Buffer>) {
    if (seen <= OS_BYTE && seen + chunk.byteLength > OS_BYTE) chunk[OS_BYTE - seen] = UNKNOWN_OS;
    seen += chunk.byteLength;
    yield chunk;
  }
}
