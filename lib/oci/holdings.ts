import { StowageError } from "../errors.ts";
import { Bounded } from "./bounded.ts";
import { concurrently } from "./concurrently.ts";
import type { PutOptions, Target } from "./content.ts";
import { type Descriptor, isManifest } from "./descriptor.ts";
import { childrenOf, readManifest } from "./manifest.ts";
import type { Recall } from "./recall.ts";
import { Turns } from "./turns.ts";
import { whereaboutsOf } from "./whereabouts.ts";

/** How content came to be at a target: {@linkcode Target.put}. */
export type Arrival = Awaited<ReturnType<Target["put"]>>;

/** Puts content when it has to be: as {@linkcode Target.put}, with what is known. */
type Put = (known: Pick<PutOptions, "from" | "absent">) => Promise<Arrival>;

/** A manifest that is at a target, with all its parts. */
interface Found {
  readonly target: Target;
  readonly descriptor: Descriptor;
}

/** Contents that are remembered; each is some 200 bytes. What is forgotten is asked for again. */
const MAX_KNOWN = 250_000;
/** Repositories that are remembered to hold one content. */
const MAX_HOLDERS = 8;
/** Manifests that are remembered to be somewhere without having been read. */
const MAX_UNREAD = 1000;
/** How many of them are read at once. */
const READERS = 8;
/** Finding out who holds a blob costs a few requests: smaller ones are moved as fast. */
const WORTH_ASKING_BYTES = 1024 * 1024;

/**
 * Who holds what, as far as a run has seen: so a blob moves at most once to a place, however many repositories of it need
 * it. Two who need the same at once do not both move it: the second waits for the first and then takes it from there.
 *
 * All of it only saves work. Where a target does not mount, or what was there is gone, bytes move as if nothing were known.
 */
export class Holdings {
  readonly #recall: Recall;
  readonly #turns = new Turns();
  /** By place and content, the repositories that hold it, the first that was seen to do so first. */
  readonly #holders = new Bounded<string, readonly string[]>(MAX_KNOWN);
  /** By place, the manifests that are there with all their parts, which nobody has listed yet. */
  readonly #unread = new Map<string, Map<string, Found>>();

  constructor(recall: Recall) {
    this.#recall = recall;
  }

  /** Whether a repository is known to hold a content. */
  holds(target: Target, descriptor: Descriptor): boolean {
    const { place, repository } = whereaboutsOf(target);
    return this.#holdersOf(place, descriptor).includes(repository);
  }

  /** Take note of a manifest that was found at a target, with all its parts. */
  found(target: Target, descriptor: Descriptor): void {
    const { place, repository } = whereaboutsOf(target);
    this.#note(place, repository, descriptor);
    if (target.shared === undefined) return;
    const unread = this.#unread.get(place) ?? new Map<string, Found>();
    this.#unread.set(place, unread);
    if (unread.size < MAX_UNREAD) unread.set(`${repository} ${descriptor.digest}`, { target, descriptor });
  }

  /**
   * Let a target have a content. `put` is called at most once, and not at all for what is known to be there.
   *
   * @param guess a repository that may hold it, where nothing better is known
   */
  async give(
    target: Target,
    descriptor: Descriptor,
    put: Put,
    { guess, signal }: { readonly guess?: string | undefined; readonly signal: AbortSignal },
  ): Promise<Arrival> {
    const { place, repository } = whereaboutsOf(target);
    const key = keyOf(place, descriptor);
    const arrive = async (known: Parameters<Put>[0]): Promise<Arrival> => {
      const arrival = await put(known);
      this.#note(place, repository, descriptor);
      return arrival;
    };
    const elsewhere = () => (isManifest(descriptor.mediaType) ? undefined : this.#holdersOf(place, descriptor)[0]);

    /** The first of all who need it at this place: the others wait, and find somebody who holds it. */
    const first = async (): Promise<Arrival | undefined> => {
      if (elsewhere() !== undefined) return undefined;
      if (guess !== undefined) return arrive({ from: guess });
      if (await target.has(descriptor, signal)) {
        this.#note(place, repository, descriptor);
        return "present";
      }
      if (descriptor.size >= WORTH_ASKING_BYTES) await this.#learn(place, signal);
      return arrive({ absent: true, from: elsewhere() });
    };
    const take = async (): Promise<Arrival> => {
      if (this.holds(target, descriptor)) return "present";
      if (isManifest(descriptor.mediaType)) return arrive({ absent: true });
      const arrival = await this.#turns.take(key, first, signal);
      return arrival ?? arrive({ from: elsewhere() });
    };
    return this.#turns.take(`${repository} in ${key}`, take, signal);
  }

  /**
   * Read the manifests that are only known to be there, so that their blobs can be taken from them. That is one request
   * each, so it is done when a blob would have to move else, as after a run that was interrupted.
   */
  async #learn(place: string, signal: AbortSignal): Promise<void> {
    await this.#turns.take(`manifests of ${place}`, () => this.#readUnread(place, signal), signal);
  }

  async #readUnread(place: string, signal: AbortSignal): Promise<void> {
    const unread = this.#unread.get(place) ?? new Map<string, never>();
    while (unread.size > 0) {
      const batch = [...unread.values()];
      unread.clear();
      const below = await concurrently(batch, READERS, (found, stop) => this.#partsOf(place, found, stop), signal);
      for (const found of below.flat().slice(0, MAX_UNREAD)) unread.set(...found);
    }
  }

  /** Take note of the blobs of a manifest. @returns the manifests of an index */
  async #partsOf(
    place: string,
    { target, descriptor }: Found,
    signal: AbortSignal,
  ): Promise<readonly [string, Found][]> {
    const { repository } = whereaboutsOf(target);
    try {
      const { manifest } = await readManifest(this.#recall.of(target), descriptor, signal);
      if (manifest.kind === "index") {
        const images = manifest.manifests.filter(({ mediaType }) => isManifest(mediaType));
        return images.map((child) => [`${repository} ${child.digest}`, { target, descriptor: child }]);
      }
      for (const blob of childrenOf(manifest)) this.#note(place, repository, blob);
      return [];
    } catch (error) {
      // an index may name images that are not there, and who knows less only moves more
      if (error instanceof StowageError) return [];
      throw error;
    }
  }

  #holdersOf(place: string, descriptor: Descriptor): readonly string[] {
    return this.#holders.get(keyOf(place, descriptor)) ?? [];
  }

  #note(place: string, repository: string, descriptor: Descriptor): void {
    const holders = this.#holdersOf(place, descriptor);
    if (holders.includes(repository) || holders.length === MAX_HOLDERS) return;
    this.#holders.set(keyOf(place, descriptor), [...holders, repository]);
  }
}

/** Size and kind belong to it: what lies about them is another content, and is looked at anew. */
const keyOf = (place: string, { digest, size, mediaType }: Descriptor): string =>
  `${place} ${isManifest(mediaType) ? "manifest" : "blob"} ${digest} ${size}`;
