import { StowageError } from "../errors.ts";

/** On top of those of each request: what helps a host that is unavailable is time. */
const MAX_WAITS = 4;
const FIRST_WAIT_MS = 1000;
/** Who wants to be left alone for longer is tried in the next run. */
const MAX_ASKED_MS = 120_000;
/** So many images in a row that were given up on one host say that it is down. */
const DOWN_AFTER = 5;
/** What helps against damage is another answer. */
const MAX_REPEATS = 7;
const REPEAT_AFTER_MS = 250;

/** Decides which images of a run are tried again, and when. */
export class Retries {
  /** By host, how many images in a row were given up there because it was unavailable. */
  readonly #givenUp = new Map<string, number>();

  /**
   * A host that is unavailable gets longer and longer waits, and none any more once it seems to be down. Anything else may
   * come from bytes that were damaged on their way, in a refusal as well, and is tried again soon; but not what is denied.
   *
   * @param fruitless how many attempts in a row brought nothing further
   * @param host where the error arose
   * @returns milliseconds until the next attempt; undefined when there should be none
   */
  waitAfter(error: unknown, fruitless: number, host: string): number | undefined {
    // a bug stays
    if (!(error instanceof StowageError) || error.code === "REGISTRY_DENIED") return undefined;
    if (!isUnavailable(error)) return fruitless > MAX_REPEATS ? undefined : jittered(REPEAT_AFTER_MS);
    const asked = error.retryAfter === undefined ? undefined : error.retryAfter * 1000;
    const givenUp = this.#givenUp.get(host) ?? 0;
    if (fruitless > MAX_WAITS || (asked ?? 0) > MAX_ASKED_MS || givenUp >= DOWN_AFTER) {
      this.#givenUp.set(host, givenUp + 1);
      return undefined;
    }
    return asked ?? jittered(FIRST_WAIT_MS * 4 ** (fruitless - 1));
  }

  /** An image went through: its hosts are up. */
  succeeded(...hosts: readonly string[]): void {
    for (const host of hosts) this.#givenUp.delete(host);
  }
}

/** The registry did not answer, or not with content: what it said before still counts. */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof StowageError && error.code === "REGISTRY_UNAVAILABLE";

/** Random, so that images that failed together part. */
const jittered = (milliseconds: number): number => Math.round(milliseconds * (1 + Math.random()));
