import type { Segment } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import { type Digest, digestOf, hexOf } from "../oci/index.ts";
import { BILL, type Bill, MAX_BILL, parseBill } from "./bill.ts";
import { blobsInTar, type ContainedFile, type Extent, openContents, slice } from "./contents.ts";

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
  const extents = new Map<Digest, Extent>();
  for (const { path, size, sha256 } of bill.files) {
    const file = files.get(path);
    if (file?.content.size !== size) throw refuse(`it lacks ${path}`);
    if (!extents.has(`sha256:${sha256}`)) extents.set(`sha256:${sha256}`, { path, offset: 0, size });
    for (const blob of await blobsOf(file, bill, signal)) {
      if (!extents.has(blob.digest)) extents.set(blob.digest, { path, offset: blob.offset, size: blob.size });
    }
  }
  const contents = new Map(
    [...extents].map(([digest, { path, offset, size }]) => [
      digest,
      slice(files.get(path)!.content, digest, offset, size),
    ]),
  );
  return { bill, directory, sha256: hexOf(digestOf(bytes)), extents, contents };
}

/** Blobs can be reached in tars that are not compressed. */
const blobsOf = async ({ path, content }: ContainedFile, { images }: Bill, signal: AbortSignal | undefined) =>
  path.endsWith(".tar") && images.some((image) => image.path === path) ? blobsInTar(content, signal) : [];
