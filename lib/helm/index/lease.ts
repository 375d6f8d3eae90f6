import * as z from "zod";
import { readJson, type Store } from "../../store/index.ts";
import { unlessMissing } from "./missing.ts";

/** Whose turn something is, among all instances: nobody is kept waiting for longer than the time that is left of it. */
export interface Lease {
  /** Hold on to it. @returns false when somebody else has it now */
  renew(signal: AbortSignal): Promise<boolean>;
  /** Give it back, if one still has it. Takes no signal: it is done also by those who were told to stop. */
  release(): Promise<void>;
}

export interface LeaseOptions {
  readonly key: string;
  /** The same holder, started again, gets his lease back. */
  readonly holder: string;
  /** Milliseconds. */
  readonly term: number;
  readonly now?: () => number;
}

const leaseSchema = z.object({ holder: z.string(), until: z.number() });
const MAX_LEASE_BYTES = 4096;

/**
 * Take a lease that nobody holds, that has run out, or that is one's own.
 *
 * It saves work and guards nothing: clocks differ, and two may take it in the same instant.
 *
 * @returns undefined when somebody else holds it
 */
export async function takeLease(
  store: Store,
  { key, holder, term, now = Date.now }: LeaseOptions,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const text = (): string => JSON.stringify({ holder, until: now() + term });
  const held = (stop?: AbortSignal) => unlessMissing(readJson(store, key, leaseSchema, MAX_LEASE_BYTES, stop));
  const isOthers = (lease: z.output<typeof leaseSchema> | undefined): boolean =>
    lease !== undefined && lease.holder !== holder && lease.until > now();

  const before = await held(signal);
  if (isOthers(before)) return undefined;
  if (before !== undefined) await store.delete(key, signal);
  if ((await store.put(key, text(), { ifAbsent: true, signal })) === "present") return undefined;
  return {
    async renew(stop) {
      if (isOthers(await held(stop))) return false;
      await store.put(key, text(), { signal: stop });
      return true;
    },
    async release() {
      if (!isOthers(await held())) await store.delete(key);
    },
  };
}
