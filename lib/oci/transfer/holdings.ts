import { StowageError } from "../../errors.ts";
import { Bounded } from "../bounded.ts";
import { concurrently } from "../concurrently.ts";
import type { PutOptions, Target } from "../content.ts";
import { type Descriptor, type Digest, isManifest } from "../descriptor.ts";
import { childrenOf, readManifest } from "../manifest.ts";
import { Turns } from "../turns.ts";
import { whereaboutsOf } from "../whereabouts.ts";
import type { Recall } from "./recall.ts";

/** How content came to be at a target: {@linkcode Target.put}. */
export type Arrival = Awaited<ReturnType<Target["put"]>>;

/** Puts content when it has to be: as {@linkcode Target.put}, with what is known. */
type Put = (known: Pick<PutOptions, "from" | "absent">) => Promise<Arrival>;

/** Contents of one place that are remembered; each is some 400 bytes. What is forgotten is asked for again. */
const MAX_KNOWN = 200_000;
/** Repositories that are remembered to hold one content. */
const MAX_HOLDERS = 8;
/** Manifests that are remembered to be somewhere without having been read. */
const MAX_UNREAD = 1000;
/** How many of them are read at once. */
const READERS = 8;
/** Finding out who holds a blob costs a few requests: smaller ones are moved as fast. */
const WORTH_ASKING_BYTES = 1024 * 1024;

/** A content that is somewhere. */
interface Known {
  /** It belongs to it: what lies about the size is another content, and is looked for anew. */
  readonly size: number;
  /** The repositories that hold it, the first that was seen to do so first. */
  readonly holders: readonly string[];
}

/** A manifest that is at a target, with all its parts. */
interface Found {
  readonly target: Target;
  readonly descriptor: Descriptor;
}

interface Place {
  readonly blobs: Bounded<Digest, Known>;
  readonly manifests: Bounded<Digest, Known>;
  /** The manifests that are known to be there, whose parts nobody has listed yet. */
  readonly unread: Map<string, Found>;
}

/**
 * Who holds what, as far as a run has seen: so a blob moves at most once to a place, however many repositories of it need
 * it. Two who need the same at once do not both move it: the second waits for the first and then takes it from there.
 *
 * All of it only saves work. Where a target does not mount, or what was there is gone, bytes move as if nothing were known.
 */
export class Holdings {
  readonly #recall: Recall;
  readonly #turns = new Turns();
  readonly #places = new Map<string, Place>();

  constructor(recall: Recall) {
    this.#recall = recall;
  }

  /** Whether a repository is known to hold a content. */
  holds(target: Target, descriptor: Descriptor): boolean {
    return this.#holdersOf(target, descriptor).includes(whereaboutsOf(target).repository);
  }

  /** Take note of a manifest that was found at a target, with all its parts. */
  found(target: Target, descriptor: Descriptor): void {
    this.#note(target, descriptor);
    if (target.shared === undefined) return;
    const { unread } = this.#placeOf(target);
    if (unread.size < MAX_UNREAD)
      unread.set(`${target.shared.repository} ${descriptor.digest}`, { target, descriptor });
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
    const arrive = async (known: Parameters<Put>[0]): Promise<Arrival> => {
      const arrival = await put(known);
      this.#note(target, descriptor);
      return arrival;
    };
    const elsewhere = () => this.#holdersOf(target, descriptor)[0];
    const { place, repository } = whereaboutsOf(target);
    const key = `${place} ${isManifest(descriptor.mediaType)} ${descriptor.digest}`;

    /** The first of all who need it at this place: the others wait, and find somebody who holds it. */
    const first = async (): Promise<Arrival | undefined> => {
      if (elsewhere() !== undefined) return undefined;
      if (guess !== undefined) return arrive({ from: guess });
      if (descriptor.size >= WORTH_ASKING_BYTES) await this.#learn(target, signal);
      return arrive({ absent: true, from: elsewhere() });
    };
    const take = async (): Promise<Arrival> => {
      if (this.holds(target, descriptor)) return "present";
      if (isManifest(descriptor.mediaType)) return arrive({ absent: true });
      // before waiting for others: who has it already, as after a run that was interrupted, lets them know
      const look = guess === undefined && elsewhere() === undefined;
      if (look && (await target.has(descriptor, signal))) {
        this.#note(target, descriptor);
        return "present";
      }
      const arrival = await this.#turns.take(key, first, signal);
      return arrival ?? arrive({ from: elsewhere(), absent: look });
    };
    return this.#turns.take(`${key} in ${repository}`, take, signal);
  }

  /**
   * Read the manifests that are only known to be at a place, so that their blobs can be taken from there. That is one
   * request each, so it is done when a blob would have to move else, as after a run that was interrupted.
   */
  async #learn(target: Target, signal: AbortSignal): Promise<void> {
    const { unread } = this.#placeOf(target);
    const readAll = async () => {
      while (unread.size > 0) {
        const batch = [...unread.values()];
        unread.clear();
        const below = await concurrently(batch, READERS, (found, stop) => this.#below(found, stop), signal);
        for (const found of below.flat().slice(0, MAX_UNREAD)) unread.set(...found);
      }
    };
    await this.#turns.take(`manifests of ${whereaboutsOf(target).place}`, readAll, signal);
  }

  /** Take note of the blobs of a manifest. @returns the manifests of an index */
  async #below({ target, descriptor }: Found, signal: AbortSignal): Promise<readonly [string, Found][]> {
    try {
      const { manifest } = await readManifest(this.#recall.of(target), descriptor, signal);
      if (manifest.kind === "index") {
        const images = manifest.manifests.filter(({ mediaType }) => isManifest(mediaType));
        return images.map((child) => [
          `${whereaboutsOf(target).repository} ${child.digest}`,
          { target, descriptor: child },
        ]);
      }
      for (const blob of childrenOf(manifest)) this.#note(target, blob);
      return [];
    } catch (error) {
      // an index may name images that are not there, and who knows less only moves more
      if (error instanceof StowageError) return [];
      throw error;
    }
  }

  #holdersOf(target: Target, { mediaType, digest, size }: Descriptor): readonly string[] {
    const { blobs, manifests } = this.#placeOf(target);
    const known = (isManifest(mediaType) ? manifests : blobs).get(digest);
    return known?.size === size ? known.holders : [];
  }

  #note(target: Target, descriptor: Descriptor): void {
    const { repository } = whereaboutsOf(target);
    const holders = this.#holdersOf(target, descriptor);
    if (holders.includes(repository) || holders.length === MAX_HOLDERS) return;
    const { blobs, manifests } = this.#placeOf(target);
    const { mediaType, digest, size } = descriptor;
    (isManifest(mediaType) ? manifests : blobs).set(digest, { size, holders: [...holders, repository] });
  }

  #placeOf(target: Target): Place {
    const { place } = whereaboutsOf(target);
    const known = this.#places.get(place) ?? {
      blobs: new Bounded(MAX_KNOWN),
      manifests: new Bounded(MAX_KNOWN),
      unread: new Map(),
    };
    this.#places.set(place, known);
    return known;
  }
}
