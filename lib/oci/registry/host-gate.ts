import { AdaptiveLimit } from "./adaptive-limit.ts";
import type { Clock } from "./retry.ts";

/**
 * Reading and writing wait apart: who copies inside one host holds a place for writing while it waits to read. Who holds
 * a place for several requests goes in with each of them as `within`, and only waits for pauses.
 */
export type Lane = "read" | "write" | "within";

/** A place at a host. */
export interface Pass {
  /** The answer to a request that had nothing to send has begun: how long that took shows how the host is. */
  answered(): void;
  /**
   * The host has no room, or broke off.
   *
   * @param pause milliseconds during which it wants to hear nothing
   */
  busy(pause?: number): void;
  /** Give the place back. Only the first time counts. */
  leave(): void;
}

/** Lets requests to one host through, as many at once as it can take. */
export interface HostGate {
  /** @throws HostPaused */
  enter(lane: Lane, signal?: AbortSignal): Promise<Pass>;
}

export interface HostGateOptions {
  /** How many may be under way at once at most, in each lane. */
  readonly most: number;
  /** How long a request waits while the host wants to hear nothing, in milliseconds. */
  readonly patience: number;
  readonly clock: Clock;
}

/** The host wants to hear nothing for longer than anybody here waits. */
export class HostPaused extends Error {
  readonly milliseconds: number;

  constructor(milliseconds: number) {
    super("The host wants to be left alone");
    this.milliseconds = milliseconds;
  }
}

interface Waiting {
  resolve(pass: Pass): void;
  reject(error: unknown): void;
}

interface LaneState {
  readonly limit: AdaptiveLimit;
  /** Those who hold a place that counts. */
  active: number;
  /** In the order they came. */
  readonly waiting: Set<Waiting>;
}

/** What one lane learns is its own; a pause is for both. */
export function createHostGate({ most, patience, clock }: HostGateOptions): HostGate {
  const lane = (limit = new AdaptiveLimit(most)): LaneState => ({ limit, active: 0, waiting: new Set() });
  const [read, write] = [lane(), lane()];
  const within = lane(write.limit);
  const lanes: Readonly<Record<Lane, LaneState>> = { read, write, within };
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let alarm: AbortController | undefined;

  const all = (): readonly Waiting[] => Object.values(lanes).flatMap(({ waiting }) => [...waiting]);

  /** Let in who may come in, now or when the pause is over. */
  function admit(): void {
    const pause = pausedUntil - clock.now();
    if (pause > patience) for (const { reject } of all()) reject(new HostPaused(pause));
    if (pause > 0) {
      wakeAfter(pause);
      return;
    }
    for (const state of Object.values(lanes)) {
      for (const { resolve } of state.waiting) {
        if (state !== within && state.active >= state.limit.value) break;
        resolve(enterNow(state));
      }
    }
  }

  function wakeAfter(milliseconds: number): void {
    if (alarm !== undefined || all().length === 0) return;
    const own = new AbortController();
    alarm = own;
    const wake = () => {
      alarm = undefined;
      admit();
    };
    // only ever aborted when nobody waits any more
    clock.sleep(milliseconds, own.signal).then(wake, () => {});
  }

  function enterNow(state: LaneState): Pass {
    const began = clock.now();
    let isBusy = false;
    let left = false;
    if (state !== within) state.active += 1;
    return {
      answered: () => state.limit.answered(clock.now() - began),
      busy(pause = 0) {
        isBusy = true;
        state.limit.shrink(began, clock.now());
        pausedUntil = Math.max(pausedUntil, clock.now() + pause);
      },
      leave() {
        if (left) return;
        left = true;
        if (state === within) return;
        if (!isBusy && state.active >= state.limit.value) state.limit.grow();
        state.active -= 1;
        admit();
      },
    };
  }

  return {
    enter(lane, signal) {
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<Pass>();
      const state = lanes[lane];
      const settle = (): void => {
        state.waiting.delete(waiting);
        signal?.removeEventListener("abort", abort);
        if (all().length > 0) return;
        alarm?.abort();
        alarm = undefined;
      };
      const waiting: Waiting = {
        resolve(pass) {
          settle();
          resolve(pass);
        },
        reject(error) {
          settle();
          reject(error);
        },
      };
      const abort = (): void => waiting.reject(signal!.reason);
      signal?.addEventListener("abort", abort, { once: true });
      state.waiting.add(waiting);
      admit();
      return promise;
    },
  };
}
