import { RejectedError } from "../errors.ts";
import type { Bytes, OpenOptions, PutOptions, ReferrersOptions, Source, Target } from "./content.ts";
import { type Descriptor, type Digest, describe, isDigest, isManifest } from "./descriptor.ts";
import { readManifest } from "./manifest.ts";
import { isTag } from "./reference.ts";
import { describeReferrer } from "./referrers.ts";
import { Turns } from "./turns.ts";
import { arriving, verified } from "./verify.ts";

/** A piece of content that can be produced as often as it is asked for, the same each time. */
export interface Content {
  readonly descriptor: Descriptor;
  bytes(signal?: AbortSignal): Bytes;
}

/** Bytes at hand as content. */
export const contentOf = (...[mediaType, bytes, extra]: Parameters<typeof describe>): Content =>
  held(describe(mediaType, bytes, extra), bytes);

const held = (descriptor: Descriptor, bytes: Uint8Array): Content => ({
  descriptor,
  async *bytes() {
    yield bytes;
  },
});

/** A Target that keeps everything in memory: for small images, and for tests. */
export const openMemory = (name = "memory:"): Target => new Memory(name, [], {});

/** A Source of content that is at hand. `tags` say what it can be asked for by name. */
export const sourceOf = (
  name: string,
  contents: Iterable<Content>,
  tags: Readonly<Record<string, Descriptor>>,
): Source => new Memory(name, contents, tags);

class Memory implements Target {
  readonly name: string;
  readonly #manifests = new Map<Digest, Content>();
  readonly #blobs = new Map<Digest, Content>();
  readonly #tags: Map<string, Descriptor>;
  readonly #turns = new Turns();

  constructor(name: string, contents: Iterable<Content>, tags: Readonly<Record<string, Descriptor>>) {
    this.name = name;
    this.#tags = new Map(Object.entries(tags));
    for (const content of contents) this.#shelf(content.descriptor).set(content.descriptor.digest, content);
  }

  async resolve(reference: string, signal?: AbortSignal): Promise<Descriptor> {
    signal?.throwIfAborted();
    const found = isDigest(reference) ? this.#manifests.get(reference)?.descriptor : this.#tags.get(reference);
    if (found === undefined) {
      throw new RejectedError("CONTENT_UNKNOWN", `Cannot resolve "${reference}" in ${this.name}: nothing is called so`);
    }
    return { mediaType: found.mediaType, digest: found.digest, size: found.size };
  }

  async open(wanted: Descriptor, { start, end, signal }: OpenOptions = {}): Promise<Bytes> {
    signal?.throwIfAborted();
    const content = this.#shelf(wanted).get(wanted.digest);
    if (content === undefined) {
      throw new RejectedError("CONTENT_UNKNOWN", `Cannot open ${wanted.digest} in ${this.name}: it is not there`);
    }
    const bytes = content.bytes(signal);
    if (start === undefined && end === undefined) return verified(bytes, wanted, this.name);
    return slice(bytes, start ?? 0, (end ?? Number.POSITIVE_INFINITY) + 1);
  }

  async *tags(signal?: AbortSignal): AsyncIterable<string> {
    signal?.throwIfAborted();
    yield* [...this.#tags.keys()];
  }

  async *referrers(subject: Digest, { signal }: ReferrersOptions = {}): AsyncIterable<Descriptor> {
    for (const { descriptor } of this.#manifests.values()) {
      const { manifest } = await readManifest(this, descriptor, signal);
      if (manifest.subject?.digest === subject) yield describeReferrer(descriptor, manifest);
    }
  }

  async has(descriptor: Descriptor, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    return this.#shelf(descriptor).get(descriptor.digest)?.descriptor.size === descriptor.size;
  }

  async put(
    descriptor: Descriptor,
    bytes: () => Promise<Bytes>,
    options: PutOptions = {},
  ): Promise<"written" | "present"> {
    const { signal } = options;
    const take = async () => {
      if (await this.has(descriptor, signal)) return "present";
      const chunks: Uint8Array[] = [];
      for await (const chunk of arriving(bytes, descriptor, options)) {
        signal?.throwIfAborted();
        chunks.push(chunk);
      }
      this.#shelf(descriptor).set(descriptor.digest, held(descriptor, Buffer.concat(chunks)));
      return "written";
    };
    return this.#turns.take(`${isManifest(descriptor.mediaType)} ${descriptor.digest}`, take, signal);
  }

  async tag(name: string, { digest }: Descriptor, signal?: AbortSignal): Promise<void> {
    if (!isTag(name)) throw new RejectedError("REFERENCE_INVALID", `Cannot tag ${digest} as "${name}": it is no tag`);
    this.#tags.set(name, await this.resolve(digest, signal));
  }

  async remove(reference: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (isDigest(reference)) this.#manifests.delete(reference);
    for (const [name, { digest }] of this.#tags) {
      if (name === reference || digest === reference) this.#tags.delete(name);
    }
  }

  /** Manifests and blobs are apart, as in a registry: the same bytes can be asked for as one and not the other. */
  #shelf({ mediaType }: Pick<Descriptor, "mediaType">): Map<Digest, Content> {
    return isManifest(mediaType) ? this.#manifests : this.#blobs;
  }
}

/** Bytes `start` to `end` (exclusive) of a stream. */
async function* slice(bytes: Bytes, start: number, end: number): Bytes {
  let at = 0;
  for await (const chunk of bytes) {
    const part = chunk.subarray(Math.max(start - at, 0), Math.max(end - at, 0));
    if (part.byteLength > 0) yield part;
    at += chunk.byteLength;
    if (at >= end) return;
  }
}
