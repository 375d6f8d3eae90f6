import { isStored, type Segment, scanTar, storedContent, storedHeadSize } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import { type Digest, isDigest } from "../oci/index.ts";
import { limits } from "./contents-check.ts";

/** A file in a bundle, read where it lies. */
export interface ContainedFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Segment;
}

/** Part of a file of a bundle. */
export interface Extent {
  /** Of the file, below the bundle's directory. */
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

/**
 * The files of a bundle by their path below its directory, which is that of its bundle.json. Nothing but headers is read.
 *
 * @throws RejectedError ARCHIVE_INVALID for what is no bundle with a bundle.json, or is compressed otherwise than stowage
 *   does: its files cannot be reached without unpacking it
 */
export async function openContents(
  bundle: Segment,
  signal?: AbortSignal,
): Promise<{ readonly directory: string; readonly files: ReadonlyMap<string, ContainedFile> }> {
  const name = bundle.name ?? "bundle";
  const head = Buffer.concat(await Array.fromAsync(bundle.read(0, Math.min(storedHeadSize, bundle.size), signal)));
  if (head[0] === 0x1f && head[1] === 0x8b && !isStored(head)) {
    throw new RejectedError("ARCHIVE_INVALID", `Cannot open "${name}": it was compressed again; unpack it with gunzip`);
  }
  const content = isStored(head) ? storedContent(bundle) : bundle;
  const entries: ContainedFile[] = [];
  for await (const { type, path, mode, offset, size } of scanTar(content, limits, signal)) {
    if (type === "file") entries.push({ path, mode, content: slice(content, path, offset, size) });
  }
  const bill = entries.find(({ path }) => /^([^/]+\/)?bundle\.json$/.test(path));
  if (bill === undefined) throw new RejectedError("ARCHIVE_INVALID", `Cannot open "${name}": it has no bundle.json`);
  const directory = bill.path.slice(0, -"bundle.json".length);
  const files = entries.map(({ path, ...file }) => ({ ...file, path: path.slice(directory.length) }));
  return { directory: directory.slice(0, -1), files: new Map(files.map((file) => [file.path, file])) };
}

export const slice = (whole: Segment, name: string, from: number, size: number): Segment => ({
  name,
  size,
  read: (start, end, signal) => whole.read(from + start, from + end, signal),
});

/** Of blobs in an image archive, and in the tree of a registry. */
const BLOB = /(?:^|\/)(?:blobs\/sha256\/([a-f0-9]{64})|blobs\/sha256\/[a-f0-9]{2}\/([a-f0-9]{64})\/data)$/;

/** The digest in the path of a blob; undefined for other paths. */
export function digestInPath(path: string): Digest | undefined {
  const [, inArchive, inTree] = BLOB.exec(path) ?? [];
  const digest = `sha256:${inArchive ?? inTree}`;
  return isDigest(digest) ? digest : undefined;
}

/** The blobs in a plain tar, by where they lie in it. Only headers are read. */
export async function blobsInTar(
  tar: Segment,
  signal?: AbortSignal,
): Promise<readonly { readonly digest: Digest; readonly offset: number; readonly size: number }[]> {
  const blobs = [];
  for await (const { path, offset, size } of scanTar(tar, limits, signal)) {
    const digest = digestInPath(path);
    if (digest !== undefined) blobs.push({ digest, offset, size });
  }
  return blobs;
}
