import { RejectedError } from "../../errors.ts";
import { streamOf } from "../bytes.ts";
import { concurrently } from "../concurrently.ts";
import type { Bytes, Source, Target } from "../content.ts";
import { type Descriptor, type Digest, isDigest, isIndex, isManifest } from "../descriptor.ts";
import { type GraphOptions, type ReadManifest, readGraph } from "../graph.ts";
import { readManifest } from "../manifest.ts";
import { resolveIfThere } from "../resolve-if-there.ts";
import type { CopyName, CopyOptions, CopyResult, Progress } from "../transfer.ts";
import type { Attachments } from "./attachments.ts";
import type { Holdings } from "./holdings.ts";
import type { Recall } from "./recall.ts";

/** How deep attachments of attachments go: a signature of an SBOM of an image is two. */
const MAX_DEPTH = 4;
/** Attachments of one image and all that is attached to them. */
const MAX_ATTACHED = 1000;

/** What the copies of a transfer know together. */
interface Shared {
  readonly recall: Recall;
  readonly holdings: Holdings;
  readonly attachments: Attachments;
}

/** One thing to be copied: what it is, and the tag it gets. */
interface Item {
  readonly descriptor: Descriptor;
  readonly tag?: string | undefined;
}

/** Below what an item hangs: nothing for what was asked for itself. */
type Chain = readonly Digest[];

/** One copy of a transfer, from what a reference names down to what is attached to it. */
export class CopyRun {
  readonly #recall: Recall;
  readonly #holdings: Holdings;
  readonly #attachments: Attachments;
  readonly #source: Source;
  readonly #reference: string;
  readonly #target: Target;
  /** The target, as far as a graph looks at it. */
  readonly #holder: NonNullable<GraphOptions["except"]>;
  readonly #options: CopyOptions;
  readonly #tell: (progress: Progress) => void;
  readonly #name: CopyName;

  readonly #blobs = { written: 0, mounted: 0, present: 0 };
  readonly #bytes = { moved: 0, reused: 0 };
  readonly #attached = new Set<string>();
  readonly #leftOut: Descriptor[] = [];

  constructor(
    { recall, holdings, attachments }: Shared,
    source: Source,
    reference: string,
    target: Target,
    options: CopyOptions,
    tell: (progress: Progress) => void,
  ) {
    this.#recall = recall;
    this.#holdings = holdings;
    this.#attachments = attachments;
    this.#source = recall.of(source);
    this.#reference = reference;
    this.#target = target;
    this.#holder = {
      name: target.name,
      open: recall.of(target).open,
      has: (descriptor, signal) => this.#holds(descriptor, signal),
    };
    this.#options = options;
    this.#tell = tell;
    this.#name = { source: source.name, reference, target: target.name };
  }

  async run(): Promise<CopyResult> {
    const { as } = this.#options;
    if (as === "") throw new RejectedError("REFERENCE_INVALID", `Cannot tag ${this.#target.name}: the tag is empty`);
    const reference = this.#reference;
    const { signal = new AbortController().signal } = this.#options;
    const descriptor = await this.#source.resolve(reference, signal);
    const tag = as ?? (isDigest(reference) || reference === "" ? undefined : reference);
    const copied = await this.#take({ descriptor, tag }, [], signal).catch((error: unknown) => {
      this.#recall.forget(this.#source, reference);
      this.#tell({ copy: this.#name, step: "failed" });
      throw error;
    });
    const { written, ...reused } = this.#blobs;
    const result: CopyResult = {
      descriptor,
      copied,
      blobs: { moved: written, ...reused },
      bytes: this.#bytes,
      attached: this.#attached.size - this.#leftOut.length,
      leftOut: this.#leftOut,
    };
    this.#tell({ copy: this.#name, step: "done", result });
    return result;
  }

  /** @returns what the target has for it */
  async #take({ descriptor, tag }: Item, above: Chain, signal: AbortSignal): Promise<Descriptor> {
    const { concurrency = 4, referrers = true, recheck = "parts" } = this.#options;
    // what is attached comes whole
    const { platforms, rewriteIndex: rewrite } = above.length === 0 ? this.#options : {};

    const named = tag === undefined ? undefined : (await resolveIfThere(this.#target, tag, signal))?.digest;
    const unchanged = named === descriptor.digest;
    if (unchanged) this.#holdings.found(this.#target, descriptor);
    const whole = platforms === undefined && !isIndex(descriptor.mediaType);
    if (unchanged && recheck === "parts" && whole) return descriptor;
    if (recheck === "nothing" && !rewrite) {
      if (unchanged || (tag === undefined && (await this.#holds(descriptor, signal)))) return descriptor;
    }

    const except = this.#holder;
    const graph = await readGraph(this.#source, descriptor, { platforms, rewrite, except, concurrency, signal });
    const isAtSource = ({ digest }: Descriptor) => digest !== graph.root.digest || digest === descriptor.digest;
    const bytes = graph.blobs.reduce((sum, { size }) => sum + size, 0);
    this.#tell({ copy: this.#name, step: "planned", blobs: graph.blobs.length, bytes });
    // the largest first: nothing else is left to do while the last one moves
    const blobs = graph.blobs.toSorted((a, b) => b.size - a.size);
    await concurrently(blobs, concurrency, (blob, stop) => this.#move(blob, stop), signal);
    for (const manifest of graph.manifests) await this.#putManifest(manifest, signal);
    if (referrers) {
      const copied = graph.manifests.map((manifest) => manifest.descriptor);
      // where the tag was not there yet, the last run may have ended before it came to them
      const subjects = unchanged && recheck !== "all" ? copied : [...copied, ...graph.held];
      await this.#takeAttached(subjects.filter(isAtSource), above, signal);
    }
    if (tag !== undefined && named !== graph.root.digest) await this.#target.tag(tag, graph.root, signal);
    return graph.root;
  }

  async #holds(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean> {
    if (this.#holdings.holds(this.#target, descriptor)) return true;
    const held = await this.#target.has(descriptor, signal);
    if (held) this.#holdings.found(this.#target, descriptor);
    return held;
  }

  async #move(blob: Descriptor, signal: AbortSignal): Promise<void> {
    const options = { signal, guess: this.#options.from };
    const outcome = await this.#holdings.give(
      this.#target,
      blob,
      (known) => this.#target.put(blob, () => this.#open(blob, signal), { ...known, signal, verified: true }),
      options,
    );
    this.#blobs[outcome] += 1;
    this.#bytes[outcome === "written" ? "moved" : "reused"] += blob.size;
    this.#options.onBlob?.({ descriptor: blob, outcome });
    this.#tell({ copy: this.#name, step: "arrived", descriptor: blob, outcome });
  }

  async #open(blob: Descriptor, signal: AbortSignal): Promise<Bytes> {
    const tell = (bytes: number) => this.#tell({ copy: this.#name, step: "moving", descriptor: blob, bytes });
    return counted(await this.#source.open(blob, { signal }), tell);
  }

  async #putManifest({ descriptor, bytes, sparse }: ReadManifest, signal: AbortSignal): Promise<void> {
    const put = (known: { absent?: boolean | undefined }) =>
      this.#target.put(descriptor, async () => streamOf(bytes), { ...known, signal, verified: true });
    try {
      await this.#holdings.give(this.#target, descriptor, put, { signal });
    } catch (error) {
      if (!(error instanceof RejectedError) || !sparse) throw error;
      throw new RejectedError(
        error.code,
        `${error.message}; the index names images that were left out: copy all platforms, or have it rewritten (rewriteIndex, --rewrite-index)`,
        { cause: error },
      );
    }
  }

  /** Copy what is attached to manifests, before the tag shows them: who checks signatures never misses one. */
  async #takeAttached(subjects: readonly Descriptor[], above: Chain, signal: AbortSignal): Promise<void> {
    const take = async ({ digest }: Descriptor, stop: AbortSignal) => {
      for await (const item of this.#attachments.to(digest, this.#source, stop)) {
        await this.#takeOne(item, [...above, digest], stop);
      }
    };
    await concurrently(subjects, this.#options.concurrency ?? 4, take, signal);
  }

  async #takeOne({ descriptor, tag }: Item, chain: Chain, signal: AbortSignal): Promise<void> {
    // an attachment may be attached to itself by name, or to several manifests
    const key = `${tag ?? ""} ${descriptor.digest}`;
    if (this.#attached.has(key)) return;
    this.#attached.add(key);
    const [image] = chain;
    if (chain.length > MAX_DEPTH || this.#attached.size > MAX_ATTACHED) {
      const limit = `${MAX_ATTACHED} things, or more than ${MAX_DEPTH} deep`;
      throw new RejectedError("MANIFEST_INVALID", `Cannot copy what is attached to ${image}: it is more than ${limit}`);
    }
    if (!isManifest(descriptor.mediaType)) {
      this.#leftOut.push(descriptor);
      return;
    }
    try {
      const wasThere = tag === undefined && (await this.#holds(descriptor, signal));
      await this.#take({ descriptor, tag }, chain, signal);
      if (wasThere) await this.#list(descriptor, chain.at(-1)!, signal);
    } catch (error) {
      // a list of referrers can name what was deleted
      if (!(error instanceof RejectedError) || error.code !== "CONTENT_UNKNOWN") throw error;
      this.#leftOut.push(descriptor);
    }
  }

  /** A referrer that was there already may not be listed: whoever put it may have been interrupted before. */
  async #list(descriptor: Descriptor, subject: Digest, signal: AbortSignal): Promise<void> {
    if (this.#target.referrers === undefined) return;
    for await (const { digest } of this.#target.referrers(subject, { signal }))
      if (digest === descriptor.digest) return;
    const { bytes } = await readManifest(this.#source, descriptor, signal);
    await this.#target.put(descriptor, async () => streamOf(bytes), { absent: true, verified: true, signal });
  }
}

async function* counted(bytes: Bytes, tell: (bytes: number) => void): Bytes {
  let count = 0;
  for await (const chunk of bytes) {
    count += chunk.byteLength;
    yield chunk;
    tell(count);
  }
}
