import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { bytesSegment, type TarEntry, tar } from "../../lib/archive/index.ts";
import { type Descriptor, hexOf } from "../../lib/oci/descriptor.ts";
import type { Piece } from "../contracts/image-fixture.ts";
import { temporaryDirectory } from "./temporary.ts";

/** A file of an archive, or a symbolic link. */
export type ArchivedFile = { readonly path: string } & (
  | { readonly content: Uint8Array | string }
  | { readonly link: string }
);

/** A tar of these files in a directory of the test. @returns its path */
export async function archiveOf(t: TestContext, files: readonly ArchivedFile[]): Promise<string> {
  const entries = files.map((file): TarEntry => {
    const { path } = file;
    if ("link" in file) return { type: "symlink", path, target: file.link };
    return { type: "file", path, content: bytesSegment(Buffer.from(file.content)) };
  });
  const archive = tar(entries, { links: "anywhere" });
  return tarFile(t, Buffer.concat(await Array.fromAsync(archive.read(0, archive.size))));
}

/** Any bytes as a file called image.tar. @returns its path */
export async function tarFile(t: TestContext, bytes: Uint8Array): Promise<string> {
  const file = join(await temporaryDirectory(t), "image.tar");
  await writeFile(file, bytes);
  return file;
}

export const layoutFile: ArchivedFile = { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' };

export const indexJson = (manifests: readonly Descriptor[]): ArchivedFile => ({
  path: "index.json",
  content: JSON.stringify({ schemaVersion: 2, manifests }),
});

/** A blob where a layout has it. */
export const fileOf = ({ descriptor, bytes }: Piece): ArchivedFile => ({
  path: `blobs/sha256/${hexOf(descriptor.digest)}`,
  content: bytes,
});
