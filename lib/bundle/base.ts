import { type Segment, slice } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import { type Digest, digestOf, hexOf } from "../oci/index.ts";
import { BILL, type Bill, MAX_BILL, parseBill } from "./bill.ts";
import { blobsInTar, type ContainedFile, type Extent, openContents } from "./contents.ts";

/** An older bundle that a customer has: what is in it need not be sent again. */
export interface Base {
  readonly bill: Bill;
  readonly directory: string;
  /** Of its bundle.json, which names the digest of every other file. */
  readonly sha256: string;
  /** Files, and blobs in archives, by their digest. */
  readonly extents: ReadonlyMap<Digest, Extent>;
  /** The same, to be read. */
  readonly contents: ReadonlyMap<Digest, Segment>;
}

/**
 * Open a bundle as the base of a delta. Only headers and its bundle.json are read.
 *
 * @throws RejectedError BASE_INVALID when it is none, or itself a delta; ARCHIVE_INVALID
 */
export async function openBase(bundle: Segment, signal?: AbortSignal): Promise<Base> {
  const { directory, files } = await openContents(bundle, signal);
  const refuse = (why: string): RejectedError =>
    new RejectedError("BASE_INVALID", `Cannot base a delta on "${bundle.name ?? directory}": ${why}`);
  const billFile = files.get(BILL)!.content;
  if (billFile.size > MAX_BILL) throw refuse(`its bundle.json has more than ${MAX_BILL} bytes`);
  const bytes = Buffer.concat(await Array.fromAsync(billFile.read(0, billFile.size, signal)));
  const bill = parseBill(bytes);
  if (bill === undefined) throw refuse("its bundle.json is no bill of materials");
  if (bill.base !== undefined) throw refuse("it is a delta itself");
  for (const { path, size } of bill.files) {
    if (files.get(path)?.content.size !== size) throw refuse(`it lacks ${path}`);
  }
  const extents = await extentsOf(files, bill, signal);
  return { bill, directory, sha256: hexOf(digestOf(bytes)), extents, contents: contentsAt(extents, files) };
}

type Contained = ReadonlyMap<string, ContainedFile>;

/** Where files lie, and blobs in archives, by their digest. The files are all there. */
export async function extentsOf(
  files: Contained,
  bill: Bill,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<Digest, Extent>> {
  const extents = new Map<Digest, Extent>();
  const add = (digest: Digest, extent: Extent): void => {
    if (!extents.has(digest)) extents.set(digest, extent);
  };
  for (const { path, size, sha256 } of bill.files) {
    add(`sha256:${sha256}`, { path, offset: 0, size });
    const blobs = await blobsOf(files.get(path)!, bill, signal);
    for (const { digest, offset, size: bytes } of blobs) add(digest, { path, offset, size: bytes });
  }
  return extents;
}

/** The same, to be read. */
export const contentsAt = (extents: ReadonlyMap<Digest, Extent>, files: Contained): ReadonlyMap<Digest, Segment> =>
  new Map(
    [...extents].map(([digest, { path, offset, size }]) => [
      digest,
      slice(files.get(path)!.content, offset, offset + size, digest),
    ]),
  );

/** Blobs can be reached in tars that are not compressed. */
const blobsOf = async ({ path, content }: ContainedFile, { images }: Bill, signal: AbortSignal | undefined) =>
  path.endsWith(".tar") && images.some((image) => image.path === path) ? blobsInTar(content, signal) : [];
