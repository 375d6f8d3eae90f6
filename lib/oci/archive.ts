import { type FileHandle, realpath } from "node:fs/promises";
import { RejectedError } from "../errors.ts";
import type { Source } from "./content.ts";
import { hexOf } from "./descriptor.ts";
import { openRegular, readRange } from "./disk.ts";
import { checkLayoutFile, layoutSource, parseLayoutIndex } from "./layout-source.ts";
import { MAX_MANIFEST_BYTES } from "./manifest.ts";
import { scanTar, type TarEntry } from "./tar-entries.ts";

/**
 * An OCI image layout in an uncompressed tar: what `skopeo copy … oci-archive:`, `docker save` (25 and newer) and stowage
 * write. Blobs are read where they lie; nothing is unpacked. References are read as layoutSource says, so an image of a
 * `docker save` can be asked for by tag or by full name. Dispose it after the last read.
 *
 * @throws RejectedError ARCHIVE_INVALID for what is no sound tar, LAYOUT_INVALID for a tar that holds no layout;
 *   TransientError DISK_UNAVAILABLE: also from the methods
 */
export async function openImageArchive(file: string): Promise<Source & AsyncDisposable> {
  const opened = await openRegular(await realpath(file).catch(() => file));
  if (typeof opened === "string") {
    throw new RejectedError("ARCHIVE_INVALID", `Cannot open archive "${file}": it is ${opened}`);
  }
  const name = `oci-archive:${file}`;
  try {
    return await readLayout(opened.file, opened.size, name);
  } catch (error) {
    await opened.file.close();
    // the tar reader does not know what it reads
    if (!(error instanceof RejectedError) || error.code !== "ARCHIVE_INVALID") throw error;
    throw new RejectedError(error.code, `Cannot open ${name}: ${error.message}`, { cause: error });
  }
}

async function readLayout(handle: FileHandle, size: number, name: string): Promise<Source & AsyncDisposable> {
  const readAt = async (start: number, end: number): Promise<Uint8Array> =>
    Buffer.concat(await Array.fromAsync(readRange(handle, start, end)));
  refuseCompressed(await readAt(0, Math.min(size, 4)));
  const entries = await scanTar(readAt, size);

  const readSmall = async (path: string): Promise<Uint8Array> => {
    const { offset, size } = entries.get(path) ?? noLayout(entries, path, name);
    if (size > MAX_MANIFEST_BYTES) throw invalid(name, `its ${path} is larger than 4 MiB`);
    return readAt(offset, offset + size);
  };
  checkLayoutFile(await readSmall("oci-layout"), name);
  const index = await readSmall("index.json");
  parseLayoutIndex(index, name);

  const source = layoutSource({
    name,
    readIndex: async () => index,
    sizeOf: async (digest) => entries.get(`blobs/sha256/${hexOf(digest)}`)?.size,
    read(digest, start, end, signal) {
      const { offset } = entries.get(`blobs/sha256/${hexOf(digest)}`)!;
      return readRange(handle, offset + start, offset + end, signal);
    },
  });
  return { ...source, [Symbol.asyncDispose]: () => handle.close() };
}

/** Blobs of a compressed archive cannot be read where they lie, and unpacking it here would take its whole size. */
function refuseCompressed(start: Uint8Array): void {
  const magic = Buffer.from(start).toString("hex");
  // RFC 1952 section 2.3.1, RFC 8878 section 3.1.1
  const kind = magic.startsWith("1f8b") ? "gzip" : magic === "28b52ffd" ? "zstd" : undefined;
  if (kind === undefined) return;
  const unpack = kind === "gzip" ? "gunzip" : "unzstd";
  throw new RejectedError("ARCHIVE_INVALID", `Cannot read compressed archive: unpack it with ${unpack} first`);
}

function noLayout(entries: ReadonlyMap<string, TarEntry>, path: string, name: string): never {
  const hint = entries.has("manifest.json") ? "; skopeo turns a docker-archive: into an oci-archive:" : "";
  throw invalid(name, `it holds no ${path}${hint}`);
}

const invalid = (name: string, why: string): RejectedError =>
  new RejectedError("LAYOUT_INVALID", `Cannot read ${name}: ${why}`);
