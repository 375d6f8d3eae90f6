import type { Descriptor, Digest } from "./descriptor.ts";

/**
 * Bytes as they flow. Whoever stops reading early ends the transfer behind it. A chunk belongs to whoever it came to: who
 * passes it on keeps nothing of it, since its memory may be gone as soon as it has been sent.
 */
export type Bytes = AsyncIterable<Uint8Array>;

export interface OpenOptions {
  /** First byte wanted, counted from 0. A resumed or partial read; such bytes can be checked for length only. */
  readonly start?: number | undefined;
  /** Last byte wanted, inclusive. */
  readonly end?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One repository of content that can only be read: a registry repository, an OCI layout, an archive.
 *
 * Names resolve to descriptors, descriptors open to bytes. Manifests and blobs are opened alike; the media type tells
 * an implementation which of its doors to use.
 */
export interface Source {
  /** How the place is called in messages, without secrets: `docker://host/repo`, `oci:dir`. */
  readonly name: string;

  /**
   * What it keeps its content together with. Repositories of one `place` (a registry, a storage tree) can take content
   * from each other without moving bytes: see {@linkcode PutOptions.from}. Whoever opens the same repository twice gets
   * the same two texts. Absent: it shares with nobody.
   */
  readonly shared?: { readonly place: string; readonly repository: string };

  /**
   * @param reference a tag or a digest
   * @throws RejectedError CONTENT_UNKNOWN when there is no such tag or manifest
   */
  resolve(reference: string, signal?: AbortSignal): Promise<Descriptor>;

  /**
   * Open content. The stream ends only after size and digest were verified (whole reads); a mismatch breaks it with
   * RejectedError CONTENT_MISMATCH, so no reader ever sees a complete wrong content.
   *
   * Read it, in whole or in part: a stream that nobody begins to read may hold a connection until the signal is aborted.
   *
   * @throws RejectedError CONTENT_UNKNOWN
   */
  open(descriptor: Descriptor, options?: OpenOptions): Promise<Bytes>;

  /** The tags, in no particular order. A repository that nobody knows has none: it comes into being with its first content. */
  tags(signal?: AbortSignal): AsyncIterable<string>;

  /**
   * The manifests whose `subject` is the given one: signatures, attestations, SBOMs. The subject itself need not be there.
   * Absent: the place cannot tell, and there are none.
   */
  referrers?(subject: Digest, options?: ReferrersOptions): AsyncIterable<Descriptor>;
}

export interface ReferrersOptions {
  readonly signal?: AbortSignal | undefined;
  /** All tags of the place, or all that begin with `sha256-`, where the caller has them: it can save a request. */
  readonly tags?: ReadonlySet<string> | undefined;
}

export interface PutOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Where else the same place may already hold the blob (a repository name on the same registry); a target that can
   * mount takes it from there without moving bytes, before it looks whether it holds the blob itself.
   */
  readonly from?: string | undefined;
  /** The caller has just asked {@linkcode Target.has}, and it is not there: it need not be looked for again. */
  readonly absent?: boolean | undefined;
  /**
   * `bytes` check themselves: they are a whole read of a {@linkcode Source}, of this very descriptor. The target need not
   * hash them again. It still shows nothing before they have come to their end.
   */
  readonly verified?: boolean | undefined;
}

/** A Source that also takes content. */
export interface Target extends Source {
  has(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean>;

  /**
   * Take content. `bytes` is opened only when the target really needs it, and may be opened again after a failed
   * attempt. What arrives is verified before it becomes visible; content that is there already is left alone.
   * Children first: a target may refuse a manifest whose parts it does not hold. A target that knows referrers finds a
   * manifest that has a subject by {@linkcode Source.referrers} from now on.
   *
   * @returns how the content came to be there
   * @throws RejectedError CONTENT_MISMATCH
   */
  put(
    descriptor: Descriptor,
    bytes: () => Promise<Bytes>,
    options?: PutOptions,
  ): Promise<"written" | "mounted" | "present">;

  /** Let a tag name a manifest that is there. Replaces what the tag named before. */
  tag(name: string, descriptor: Descriptor, signal?: AbortSignal): Promise<void>;

  /** Forget a tag or (by digest) a manifest. Forgetting what is not there is no error. */
  remove(reference: string | Digest, signal?: AbortSignal): Promise<void>;
}
