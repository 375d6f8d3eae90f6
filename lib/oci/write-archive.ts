import { realpath, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { Segment } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import type { Source } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";
import { flushDirectory, kindOf, publish } from "./disk.ts";
import { type Graph, readGraph } from "./graph.ts";
import { type ArchivedImage, contentSegment, dockerImageOf, imageArchive } from "./image-archive.ts";
import { Attachments } from "./transfer/attachments.ts";
import type { CopyName, CopyOptions, CopyResult, TransferOptions } from "./transfer.ts";

/** How an image will be called in an archive. */
export type ArchiveNames = Pick<ArchivedImage, "reference" | "name">;

/** An archive that could be written: nothing but manifests has been read for it. */
export interface PlannedArchive {
  readonly copy: CopyName;
  readonly image: ArchivedImage;
  /** What copying it means. */
  readonly result: CopyResult;
}

export interface ArchiveOptions extends Pick<CopyOptions, "platforms" | "rewriteIndex" | "signal"> {
  readonly names: ArchiveNames;
  /** Refuse what docker could not load: charts and other artifacts, images whose layers are elsewhere. */
  readonly loadable: boolean;
}

/**
 * Find out what an archive of one image would hold: the image alone. Signatures and the like are listed as left out:
 * an archive that names what is no image makes `ctr images import` fail.
 *
 * @param place how the archive is called in messages
 * @throws RejectedError IMAGE_INVALID, and what `readGraph` throws
 */
export async function planArchive(
  place: string,
  source: Source,
  reference: string,
  { names, loadable, platforms, rewriteIndex: rewrite, signal }: ArchiveOptions,
): Promise<PlannedArchive> {
  const descriptor = await source.resolve(reference, signal);
  const graph = await readGraph(source, descriptor, { platforms, rewrite, signal });
  const { root } = graph;
  const image: ArchivedImage = { source, root, graph, ...names };
  if (loadable && dockerImageOf(image) === undefined) {
    throw new RejectedError(
      "IMAGE_INVALID",
      `Cannot write ${place}: docker could not load ${root.digest}, for it is no image, or not all of its layers are there`,
    );
  }
  const moved = graph.blobs.reduce((sum, { size }) => sum + size, 0);
  return {
    copy: { source: source.name, reference, target: place },
    image,
    result: {
      descriptor,
      copied: root,
      blobs: { moved: graph.blobs.length, mounted: 0, present: 0 },
      bytes: { moved, reused: 0 },
      attached: 0,
      leftOut: await attachedTo(graph, source, signal),
    },
  };
}

async function attachedTo({ manifests }: Graph, source: Source, signal?: AbortSignal): Promise<readonly Descriptor[]> {
  const attachments = new Attachments();
  const found: Descriptor[] = [];
  for (const { descriptor } of manifests) {
    for await (const attached of attachments.to(descriptor.digest, source, signal)) found.push(attached.descriptor);
  }
  return found;
}

/**
 * Write an archive: straight from the source into a private file beside `path`, which is flushed and then renamed. An
 * archive that was there before stays until then, and is replaced, never added to. The target of a symbolic link is
 * written, not the link.
 *
 * @throws RejectedError REFERENCE_INVALID where `path` is no regular file; TransientError DISK_UNAVAILABLE; what the source
 *   throws
 */
export async function writeArchive(
  path: string,
  { copy, image, result }: PlannedArchive,
  { onBlob, onProgress = () => {}, signal }: Pick<CopyOptions, "onBlob" | "signal"> & TransferOptions = {},
): Promise<void> {
  const file = await realpath(path).catch(() => path);
  const kind = await kindOf(file);
  if (kind !== "absent" && typeof kind !== "number") {
    throw new RejectedError("REFERENCE_INVALID", `Cannot write archive "${path}": it is there, and no regular file`);
  }
  const archive = imageArchive([image], (source, descriptor) => {
    const content = contentSegment(source, descriptor);
    const moving = (bytes: number) => onProgress({ copy, step: "moving", descriptor, bytes });
    return counted(content, moving, () => {
      const arrived = { descriptor, outcome: "written" } as const;
      onBlob?.(arrived);
      onProgress({ copy, step: "arrived", ...arrived });
    });
  });
  const directory = dirname(file);
  onProgress({ copy, step: "planned", blobs: image.graph.blobs.length, bytes: result.bytes.moved });
  try {
    await publish(directory, file, async () => archive.read(0, archive.size, signal), rename, signal);
    await flushDirectory(directory);
  } catch (error) {
    onProgress({ copy, step: "failed" });
    throw error;
  }
  onProgress({ copy, step: "done", result });
}

/** Tell up to where a segment has been read, and when it was read to its end. */
const counted = (segment: Segment, moving: (bytes: number) => void, arrived: () => void): Segment => ({
  size: segment.size,
  async *read(start, end, signal) {
    let at = start;
    for await (const chunk of segment.read(start, end, signal)) {
      at += chunk.byteLength;
      yield chunk;
      moving(at);
    }
    if (end === segment.size) arrived();
  },
});
