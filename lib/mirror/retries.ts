import { StowageError } from "../errors.ts";

/** On top of those of each request: what helps a host that is unavailable is time. */
const MAX_WAITS = 4;
const FIRST_WAIT_MS = 1000;
/** What helps against damage is another answer. */
const MAX_REPEATS = 7;
const REPEAT_AFTER_MS = 250;
/** A host may ask to be left alone for so long at once, and for one image in all; the next run tries again. */
const MAX_ASKED_MS = 120_000;
const MAX_ASKED_IN_ALL_MS = 600_000;
/** So many images in a row that were given up on one host say that it is down. */
const DOWN_AFTER = 5;
/** Whatever the attempts bring. */
const MAX_ATTEMPTS = 100;

/** Decides which images of a run are tried again, and when. */
export class Retries {
  /** By host, how many images in a row were given up there because it was unavailable. */
  readonly #givenUp = new Map<string, number>();

  /** Begin an image. */
  begin(): ImageRetries {
    return new ImageRetries(this.#givenUp);
  }
}

/** The attempts for one image. */
export class ImageRetries {
  readonly #givenUp: Map<string, number>;
  #attempts = 0;
  /** Attempts in a row that brought nothing further, but for those that ended because a host asked to be left alone. */
  #fruitless = 0;
  #asked = 0;

  constructor(givenUp: Map<string, number>) {
    this.#givenUp = givenUp;
  }

  /**
   * A host that is unavailable gets longer and longer waits, and none any more once it seems to be down. Anything else may
   * come from bytes that were damaged on their way, in a refusal as well, and is tried again soon; but not what is denied.
   *
   * @param host where the error arose
   * @param fruitful whether the attempt brought the image further
   * @returns milliseconds until the next attempt; undefined when there should be none
   */
  waitAfter(error: unknown, host: string, fruitful: boolean): number | undefined {
    this.#attempts += 1;
    // a bug stays
    if (!(error instanceof StowageError) || error.code === "REGISTRY_DENIED") return undefined;
    const asked = isUnavailable(error) ? error.retryAfter : undefined;
    if (fruitful) this.#fruitless = 0;
    if (asked === undefined) this.#fruitless += 1;
    const over = this.#attempts === MAX_ATTEMPTS;
    if (!isUnavailable(error)) return over || this.#fruitless > MAX_REPEATS ? undefined : jittered(REPEAT_AFTER_MS);
    const isPatient = asked === undefined ? this.#fruitless <= MAX_WAITS : this.#grant(asked * 1000);
    const givenUp = this.#givenUp.get(host) ?? 0;
    if (over || !isPatient || givenUp >= DOWN_AFTER) {
      this.#givenUp.set(host, givenUp + 1);
      return undefined;
    }
    return asked === undefined ? jittered(FIRST_WAIT_MS * 4 ** (this.#fruitless - 1)) : asked * 1000;
  }

  /** The image went through: its hosts are up. */
  succeeded(...hosts: readonly string[]): void {
    for (const host of hosts) this.#givenUp.delete(host);
  }

  #grant(asked: number): boolean {
    this.#asked += asked;
    return asked <= MAX_ASKED_MS && this.#asked <= MAX_ASKED_IN_ALL_MS;
  }
}

/** The registry did not answer, or not with content: what it said before still counts. */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof StowageError && error.code === "REGISTRY_UNAVAILABLE";

/** Random, so that images that failed together part. */
const jittered = (milliseconds: number): number => Math.round(milliseconds * (1 + Math.random()));
