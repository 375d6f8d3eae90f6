import { RejectedError } from "../errors.ts";
import { concurrently } from "./concurrently.ts";
import type { Bytes, Source, Target } from "./content.ts";
import { type Descriptor, isDigest } from "./descriptor.ts";
import { readGraph } from "./graph.ts";

/** What has become of one blob. */
export interface BlobEvent {
  readonly descriptor: Descriptor;
  readonly outcome: "written" | "mounted" | "present";
}

export interface CopyOptions {
  /** The tag to give; default: the reference, unless it is a digest or empty. */
  readonly as?: string | undefined;
  /**
   * Which images of an index to copy: `linux/amd64`, `linux/arm64/v8`. The index keeps its bytes and digest and so names
   * images that are not there; a target may refuse that. At least one must be found.
   */
  readonly platforms?: readonly string[] | undefined;
  /** Where the target may already hold the blobs: {@linkcode PutOptions.from}. */
  readonly from?: string | undefined;
  /** How many blobs move at once; default 4. */
  readonly concurrency?: number | undefined;
  /** Called when a blob has arrived. */
  readonly onBlob?: ((event: BlobEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a copy did. Only blobs (configs and layers) are counted, and not those below a manifest that was there already:
 * these were not even looked at.
 */
export interface CopyResult {
  /** What the reference named. */
  readonly descriptor: Descriptor;
  readonly blobs: { readonly moved: number; readonly mounted: number; readonly present: number };
  readonly bytes: { readonly moved: number; readonly reused: number };
}

/**
 * Copy what `reference` names, with everything below it: mirroring, exporting and importing alike.
 *
 * What the target holds is left alone; every other part moves once. Children come before parents and the tag comes last,
 * so a copy that breaks leaves nothing that looks complete, and can simply be done again. After the first failure nothing
 * new is begun, and all that was begun has ended when the error is thrown.
 *
 * @throws RejectedError MANIFEST_INVALID, CONTENT_MISMATCH, CONTENT_UNKNOWN; and whatever the places throw
 */
export async function copy(
  source: Source,
  reference: string,
  target: Target,
  options: CopyOptions = {},
): Promise<CopyResult> {
  const { platforms, from, concurrency = 4, onBlob, signal } = options;
  const descriptor = await source.resolve(reference, signal);
  const graph = await readGraph(source, descriptor, { platforms, except: target, concurrency, signal });

  const moved = { written: 0, mounted: 0, present: 0 };
  const bytes = { moved: 0, reused: 0 };
  const move = async (blob: Descriptor, stop: AbortSignal): Promise<void> => {
    const outcome = await target.put(blob, () => source.open(blob, { signal: stop }), { signal: stop, from });
    moved[outcome] += 1;
    bytes[outcome === "written" ? "moved" : "reused"] += blob.size;
    onBlob?.({ descriptor: blob, outcome });
  };
  await concurrently(graph.blobs, concurrency, move, signal);
  for (const manifest of graph.manifests) {
    await target.put(manifest.descriptor, async () => once(manifest.bytes), { signal });
  }
  const tag = options.as ?? (isDigest(reference) || reference === "" ? undefined : reference);
  if (tag !== undefined) await giveTag(target, tag, descriptor, signal);

  const { written, ...reused } = moved;
  return { descriptor, blobs: { moved: written, ...reused }, bytes };
}

/** Registries tell the world about every tag that is written; one that is right already is no news. */
async function giveTag(target: Target, tag: string, descriptor: Descriptor, signal?: AbortSignal): Promise<void> {
  try {
    if ((await target.resolve(tag, signal)).digest === descriptor.digest) return;
  } catch (error) {
    if (!(error instanceof RejectedError) || error.code !== "CONTENT_UNKNOWN") throw error;
  }
  await target.tag(tag, descriptor, signal);
}

async function* once(bytes: Uint8Array): Bytes {
  yield bytes;
}
