import {
  isStored,
  type Segment,
  type StoredGzip,
  scanTar,
  slice,
  storedContent,
  storedHeadSize,
} from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import { type Digest, isDigest } from "../oci/index.ts";
import { limits } from "./contents-check.ts";

/** A file in a bundle, read where it lies. */
export interface ContainedFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Segment;
}

/** A package as it lies somewhere; of gzip, how it is framed, where that is known. */
type Package = Segment & { readonly runs?: StoredGzip["runs"] | undefined };

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
  bundle: Package,
  signal?: AbortSignal,
): Promise<{ readonly directory: string; readonly files: ReadonlyMap<string, ContainedFile> }> {
  const entries = await openEntries(bundle, signal);
  const bill = entries.find(({ path }) => /^([^/]+\/)?bundle\.json$/.test(path));
  if (bill === undefined) {
    throw new RejectedError("ARCHIVE_INVALID", `Cannot open "${nameOf(bundle)}": it has no bundle.json`);
  }
  const directory = bill.path.slice(0, -"bundle.json".length);
  return { directory: directory.slice(0, -1), files: below(directory, entries) };
}

/**
 * The files of any package, by their path in it. One that is gzip and does not tell how it is framed is read once to find that.
 *
 * @throws RejectedError ARCHIVE_INVALID
 */
export async function openEntries(bundle: Package, signal?: AbortSignal): Promise<readonly ContainedFile[]> {
  const head = Buffer.concat(await Array.fromAsync(bundle.read(0, Math.min(storedHeadSize, bundle.size), signal)));
  if (head[0] === 0x1f && head[1] === 0x8b && !isStored(head)) {
    const why = "it was compressed again; unpack it with gunzip";
    throw new RejectedError("ARCHIVE_INVALID", `Cannot open "${nameOf(bundle)}": ${why}`);
  }
  const content = isStored(head) ? await storedContent(bundle, bundle.runs, signal) : bundle;
  const entries: ContainedFile[] = [];
  for await (const { type, path, mode, offset, size } of scanTar(content, limits, signal)) {
    if (type === "file") entries.push({ path, mode, content: slice(content, offset, offset + size, path) });
  }
  return entries;
}

const nameOf = ({ name = "bundle" }: Segment): string => name;

/** @param directory with its slash, or empty */
export const below = (directory: string, entries: readonly ContainedFile[]): ReadonlyMap<string, ContainedFile> =>
  new Map(
    entries.map((file) => {
      const path = file.path.slice(directory.length);
      return [path, { ...file, path }];
    }),
  );

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
