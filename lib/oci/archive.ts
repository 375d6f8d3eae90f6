import { RejectedError } from "../errors.ts";
import { type ArchiveFile, openArchiveFile } from "./archive-file.ts";
import type { Source } from "./content.ts";
import { blobPathOf, checkLayoutFile, layoutSource, parseLayoutIndex } from "./layout-source.ts";

/**
 * An OCI image layout in an uncompressed tar: what `skopeo copy … oci-archive:`, `docker save` (25 and newer) and stowage
 * write. Blobs are read where they lie; nothing is unpacked. References are read as layoutSource says, so an image of a
 * `docker save` can be asked for by tag or by full name. Dispose it after the last read.
 *
 * @throws RejectedError ARCHIVE_INVALID for what is no sound tar, LAYOUT_INVALID for a tar that holds no layout;
 *   TransientError DISK_UNAVAILABLE: also from the methods
 */
export const openImageArchive = (file: string): Promise<Source & AsyncDisposable> =>
  openArchiveFile(file, `oci-archive:${file}`, "refuse", async (archive) => {
    const index = await readLayoutIndex(archive);
    const blob = (digest: Parameters<typeof blobPathOf>[0]) => archive.find(blobPathOf(digest));
    return layoutSource({
      name: archive.name,
      readIndex: async () => index,
      sizeOf: async (digest) => blob(digest)?.size,
      read: (digest, start, end, signal) => blob(digest)!.read(start, end, signal),
    });
  });

/** The bytes of index.json, once it is clear that they are one. @throws RejectedError LAYOUT_INVALID */
export async function readLayoutIndex(archive: ArchiveFile): Promise<Uint8Array> {
  if (archive.find("oci-layout") === undefined && archive.find("manifest.json") !== undefined) {
    throw new RejectedError(
      "LAYOUT_INVALID",
      `Cannot read ${archive.name}: it holds no oci-layout, only docker's manifest.json: try docker-archive:`,
    );
  }
  checkLayoutFile(await archive.readSmall("oci-layout"), archive.name);
  const index = await archive.readSmall("index.json");
  parseLayoutIndex(index, archive.name);
  return index;
}
