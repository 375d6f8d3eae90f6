import { setTimeout } from "node:timers/promises";
import { TransientError } from "../../errors.ts";

/** Wait. Part of a clock that is a parameter everywhere, so that tests assert the waits instead of waiting. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

export const sleepFor: Sleep = (milliseconds, signal) => setTimeout(milliseconds, undefined, signal && { signal });

/** Time as one sees it. Tests give their own. */
export interface Clock {
  /** Milliseconds; only ever more. */
  now(): number;
  readonly sleep: Sleep;
}

export const realClock: Clock = { now: () => performance.now(), sleep: sleepFor };

/** How this side bears with a registry that is unavailable. */
export interface Patience {
  readonly clock: Clock;
  /** Milliseconds that one request may take altogether before it is tried again. */
  readonly maxWait: number;
  /** Count only the waits between tries: where a try moves a whole blob, it may well take minutes. */
  readonly onlyWaits?: boolean;
}

/** Two layers of retry: whatever needs longer is the broker's business, which knows the wait from `retryAfter`. */
export const MAX_WAIT_MS = 5000;
export const MAX_TRIES = 3;

/**
 * Try something again while a registry is unavailable: three times at most, and as long as patience lasts.
 *
 * @param attempt must be safe to repeat
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { clock, maxWait, onlyWaits = false }: Patience,
  signal?: AbortSignal,
): Promise<T> {
  const started = clock.now();
  let waited = 0;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientError) || error.code !== "REGISTRY_UNAVAILABLE") throw error;
      const wait = error.retryAfter === undefined ? backoff(tries) : error.retryAfter * 1000;
      const spent = onlyWaits ? waited : clock.now() - started;
      if (tries === MAX_TRIES || spent + wait > maxWait) throw error;
      await clock.sleep(wait, signal);
      waited += wait;
    }
  }
}

/** Milliseconds before the next try: 200–400, then 800–1600. Random, so that callers who failed together part. */
export const backoff = (tries: number): number => Math.round(200 * 4 ** (tries - 1) * (1 + Math.random()));

/** A day: longer waits are as good as none, and come from broken clocks. */
const MAX_RETRY_AFTER = 86_400;

/**
 * Seconds to wait by a `Retry-After` header: a number or a date (RFC 9110 section 10.2.3).
 *
 * @returns undefined when there is no such header or it is neither
 */
export function parseRetryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER);
}
