import type { Source, Target } from "./content.ts";
import type { Descriptor } from "./descriptor.ts";
import { Attachments } from "./transfer/attachments.ts";
import { CopyRun } from "./transfer/copy-run.ts";
import { type Arrival, Holdings } from "./transfer/holdings.ts";
import { Recall } from "./transfer/recall.ts";

/** What has become of one blob. */
export interface BlobEvent {
  readonly descriptor: Descriptor;
  readonly outcome: Arrival;
}

export interface CopyOptions {
  /** The tag to give; default: the reference, unless it is a digest or empty. */
  readonly as?: string | undefined;
  /**
   * Which images of an index to copy: `linux/amd64`, `linux/arm64/v8`. The index keeps its bytes and digest and so names
   * images that are not there; a target may refuse that. At least one must be found.
   */
  readonly platforms?: readonly string[] | undefined;
  /**
   * Write an index that only names the images that were chosen, for targets that refuse the other. It has a digest of its
   * own, and what was attached to the whole index stays behind. A single image stays as it is. Default: false.
   */
  readonly rewriteIndex?: boolean | undefined;
  /**
   * Whether signatures, attestations and SBOMs come along: of every manifest that is copied, by cosign's tags and by OCI's
   * referrers, and what is attached to them in turn. Default: true. What it costs: {@linkcode Attachments}.
   */
  readonly referrers?: boolean | undefined;
  /**
   * What to look at again where the target's tag already names what the source's does. Tags come last, so the tag itself
   * says that the copy was completed: that is one HEAD at each side.
   *
   * - `nothing`: that is enough.
   * - `parts`: an index may have been copied for other platforms than are wanted now. For an index, one request more for
   *   itself and one for each of its images; for a single image only where `platforms` are given. The default.
   * - `all`: what is attached may have come later. One listing of tags for each repository, and one request for each
   *   manifest where the source speaks the referrers API.
   */
  readonly recheck?: "nothing" | "parts" | "all" | undefined;
  /** Where the target may already hold the blobs: {@linkcode PutOptions.from}. */
  readonly from?: string | undefined;
  /** How many blobs move at once; default 4. Registries have limits of their own besides. */
  readonly concurrency?: number | undefined;
  /** Called when a blob has arrived. */
  readonly onBlob?: ((event: BlobEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a copy did. Only blobs (configs and layers) are counted, those of attachments included, and not those below a
 * manifest that was there already: these were not even looked at.
 */
export interface CopyResult {
  /** What the reference named. */
  readonly descriptor: Descriptor;
  /** What the target has for it: the same, unless an index was rewritten. */
  readonly copied: Descriptor;
  readonly blobs: { readonly moved: number; readonly mounted: number; readonly present: number };
  readonly bytes: { readonly moved: number; readonly reused: number };
  /** How many signatures and the like are at the target now that were looked at. */
  readonly attached: number;
  /** What is attached and did not come: of a media type that nobody copies, or listed but gone. */
  readonly leftOut: readonly Descriptor[];
}

/** One copy of a transfer. */
export interface CopyName {
  readonly source: string;
  readonly reference: string;
  readonly target: string;
}

/**
 * How a transfer goes on.
 *
 * - `planned`: these blobs may have to move; said again for what is attached
 * - `moving`: so many bytes of a blob have gone since it was begun; they start again when a transfer breaks
 * - `arrived`: a blob is there
 * - `done`: all of it is
 * - `failed`: the copy has ended, and what was planned and has not arrived will not
 */
export type Progress = { readonly copy: CopyName } & (
  | { readonly step: "planned"; readonly blobs: number; readonly bytes: number }
  | { readonly step: "moving"; readonly descriptor: Descriptor; readonly bytes: number }
  | ({ readonly step: "arrived" } & BlobEvent)
  | { readonly step: "done"; readonly result: CopyResult }
  | { readonly step: "failed" }
);

export interface TransferOptions {
  /** Called often, at most once for each chunk of bytes; must not throw. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Copies that belong together. */
export interface Transfer {
  /**
   * Copy what `reference` names, with everything below it: mirroring, exporting and importing alike.
   *
   * What the target holds is left alone; every other part moves once, even if several copies of the transfer need it, be
   * it in several repositories of one place. Children come before parents and the tag comes last, so a copy that breaks
   * leaves nothing that looks complete, and can simply be done again. After the first failure nothing new is begun, and
   * all that was begun has ended when the error is thrown.
   *
   * @throws RejectedError MANIFEST_INVALID, CONTENT_MISMATCH, CONTENT_UNKNOWN; and whatever the places throw
   */
  copy(source: Source, reference: string, target: Target, options?: CopyOptions): Promise<CopyResult>;
}

/**
 * Begin a transfer: copies that share what they learn about the places they read and write. A tag is resolved once, or once
 * more after a copy of it has failed: for a transfer the world stands still. It is meant for one run, not for the life of
 * a process.
 */
export function createTransfer({ onProgress = () => {} }: TransferOptions = {}): Transfer {
  const recall = new Recall();
  const shared = { recall, holdings: new Holdings(recall), attachments: new Attachments() };
  return {
    copy: (source, reference, target, options = {}) =>
      new CopyRun(shared, source, reference, target, options, onProgress).run(),
  };
}
