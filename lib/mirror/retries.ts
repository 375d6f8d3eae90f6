import { RejectedError, StowageError } from "../errors.ts";

/** On top of those of each request: what helps here is time, or another answer. */
export const MAX_ATTEMPTS = 4;
const FIRST_WAIT_MS = 1000;
const SOON_MS = 250;
/** Who wants to be left alone for longer is tried in the next run. */
const MAX_WAIT_MS = 120_000;
/** So many images in a row that were given up on one host say that it is down. */
const DOWN_AFTER = 5;

/** Decides which images of a run are tried again, and when. */
export class Retries {
  /** By host, how many images in a row were given up there because it was unavailable. */
  readonly #givenUp = new Map<string, number>();

  /**
   * A host that is unavailable gets longer and longer waits, and none any more once it seems to be down. What was refused
   * may have been damaged on the way, as may the answer, so it is tried again soon; but not what is denied.
   *
   * @param host where the error arose
   * @returns milliseconds until the next attempt; undefined when there should be none
   */
  waitAfter(error: unknown, attempts: number, host: string): number | undefined {
    // a bug stays
    if (!(error instanceof StowageError)) return undefined;
    if (error instanceof RejectedError) {
      return error.code === "REGISTRY_DENIED" || attempts === MAX_ATTEMPTS ? undefined : jittered(SOON_MS);
    }
    const { retryAfter } = error;
    const wait = retryAfter === undefined ? jittered(FIRST_WAIT_MS * 4 ** (attempts - 1)) : retryAfter * 1000;
    const givenUp = this.#givenUp.get(host) ?? 0;
    if (attempts < MAX_ATTEMPTS && wait <= MAX_WAIT_MS && givenUp < DOWN_AFTER) return wait;
    this.#givenUp.set(host, givenUp + 1);
    return undefined;
  }

  /** An image went through: its hosts are up. */
  succeeded(...hosts: readonly string[]): void {
    for (const host of hosts) this.#givenUp.delete(host);
  }
}

/** Random, so that images that failed together part. */
const jittered = (milliseconds: number): number => Math.round(milliseconds * (1 + Math.random()));
