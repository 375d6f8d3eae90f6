import { RejectedError, TransientError } from "../../errors.ts";

/** Whether an object was removed: in the index that means that a newer one has taken its place. */
export const isNotFound = (error: unknown): boolean =>
  error instanceof RejectedError && error.code === "STORE_NOT_FOUND";

/** What a reader gives, or undefined where there is nothing. */
export async function unlessMissing<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** As often as that, somebody else can be quicker in a row before it is no race. */
const MAX_TRIES = 100;

/** Gone that often, a thing was not replaced but lost, and must be made anew. */
export const LOST = 5;

/**
 * Do something that reads what others may replace meanwhile, from the beginning each time it finds something gone.
 *
 * @param attempt gives undefined to begin again; `missed`: how often something was gone
 * @throws TransientError STORE_UNAVAILABLE when that does not end
 */
export async function untilSettled<T extends object>(
  what: string,
  signal: AbortSignal | undefined,
  attempt: (missed: number) => Promise<T | undefined>,
): Promise<T> {
  let missing: unknown;
  let missed = 0;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    signal?.throwIfAborted();
    try {
      const done = await attempt(missed);
      if (done !== undefined) return done;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      missing = error;
      missed += 1;
    }
  }
  throw new TransientError("STORE_UNAVAILABLE", `Cannot ${what}: others are always quicker, or parts of it are gone`, {
    cause: missing,
  });
}
