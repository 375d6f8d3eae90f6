import { Bounded } from "../bounded.ts";
import { streamOf } from "../bytes.ts";
import type { Bytes, OpenOptions, Source } from "../content.ts";
import { type Descriptor, type Digest, isManifest } from "../descriptor.ts";
import { MAX_MANIFEST_BYTES, readAll } from "../manifest.ts";
import { Turns } from "../turns.ts";
import { whereaboutsOf } from "../whereabouts.ts";

/** Each is some 300 bytes. */
const MAX_NAMES = 50_000;
const MAX_MANIFESTS_BYTES = 32 * 1024 * 1024;

/**
 * What sources have answered during a run: what names stand for, and manifests, which Docker Hub counts
 * (https://docs.docker.com/docker-hub/usage/pulls/). So several targets cost a source no more than one, and a name stands
 * for the same thing from the beginning of a run to its end.
 */
export class Recall {
  readonly #names = new Bounded<string, Descriptor>(MAX_NAMES);
  /** By digest alone: whoever has verified one of them has verified all. */
  readonly #manifests = new Bounded<Digest, Uint8Array>(MAX_MANIFESTS_BYTES, ({ byteLength }) => byteLength);
  readonly #turns = new Turns();

  /** The same source, which is not asked twice. */
  of(source: Source): Source {
    return {
      name: source.name,
      shared: whereaboutsOf(source),
      resolve: (reference, signal) => this.#resolve(source, reference, signal),
      open: (wanted, options) => this.#open(source, wanted, options),
      tags: (signal) => source.tags(signal),
      ...(source.referrers && { referrers: (subject, options) => source.referrers!(subject, options) }),
    };
  }

  /** Let a name be asked for anew: what it was said to be may have been wrong. */
  forget(source: Source, reference: string): void {
    this.#names.delete(nameOf(source, reference));
  }

  async #resolve(source: Source, reference: string, signal?: AbortSignal): Promise<Descriptor> {
    const key = nameOf(source, reference);
    const ask = async () => {
      const known = this.#names.get(key);
      if (known !== undefined) return known;
      const found = await source.resolve(reference, signal);
      this.#names.set(key, found);
      return found;
    };
    return this.#turns.take(key, ask, signal);
  }

  async #open(source: Source, wanted: Descriptor, options: OpenOptions = {}): Promise<Bytes> {
    const { start, end, signal } = options;
    if (!isManifest(wanted.mediaType) || start !== undefined || end !== undefined) return source.open(wanted, options);
    const read = async () => {
      const known = this.#manifests.get(wanted.digest);
      if (known?.byteLength === wanted.size) return known;
      const bytes = await readAll(source, wanted, MAX_MANIFEST_BYTES, signal);
      this.#manifests.set(wanted.digest, bytes);
      return bytes;
    };
    return streamOf(await this.#turns.take(wanted.digest, read, signal));
  }
}

function nameOf(source: Source, reference: string): string {
  const { place, repository } = whereaboutsOf(source);
  return `${place} ${repository} ${reference}`;
}
