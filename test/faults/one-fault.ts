import { StowageError } from "../../lib/errors.ts";
import { openRegistries, type Registries, type Sleep, type Target } from "../../lib/oci/index.ts";
import { type FaultProxyOptions, type Rule, startFaultProxy } from "../fakes/fault-proxy.ts";

export interface Clients {
  readonly registries: Registries;
  /** Of the clients' clock. */
  readonly sleep: Sleep;
  /** Milliseconds of the waits that were asked for. Nobody waited. */
  readonly waits: readonly number[];
}

/**
 * Clients without passwords, on a clock on which waiting takes no time.
 *
 * @param patience milliseconds, which do take their time, for which a registry may keep still; default: minutes
 * @param maxWait milliseconds that a request waits for a registry that throttles
 */
export function openClients(patience?: number, maxWait?: number): Clients {
  const waits: number[] = [];
  let now = 0;
  const clock = {
    now: () => now,
    async sleep(milliseconds: number, signal?: AbortSignal) {
      signal?.throwIfAborted();
      now += milliseconds;
      waits.push(milliseconds);
    },
  };
  const options = { settings: [], credentialFiles: [], userAgent: "stowage-test", patience, maxWait, clock };
  return { registries: openRegistries(options), sleep: clock.sleep, waits };
}

/** What came of something that was done while things went wrong. */
export interface Outcome {
  /** `done`, or the class and the code of the error: `TransientError REGISTRY_UNAVAILABLE`. */
  readonly ended: string;
  readonly retryAfter: number | undefined;
  /** How many requests the fault could have hit. */
  readonly requests: number;
  readonly waits: readonly number[];
}

export interface Trial extends FaultProxyOptions {
  readonly repository: string;
  readonly rule: Rule;
  readonly patience?: number | undefined;
  /** Done before anything goes wrong. */
  readonly prepare?: (repository: Target) => Promise<unknown>;
  /** Done while things go wrong. */
  readonly action: (repository: Target) => Promise<unknown>;
}

/** Do something with a repository that lies behind a proxy. @throws what is no StowageError */
export async function tryUnderFault(trial: Trial): Promise<Outcome> {
  const { rule, patience, prepare = async () => {}, action } = trial;
  await using proxy = await startFaultProxy(trial);
  const { registries, waits } = openClients(patience);
  const repository = registries.repository(proxy.host, trial.repository);
  await prepare(repository);
  const before = proxy.passages.length;
  proxy.inject(rule);
  const error = await action(repository).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error !== undefined && !(error instanceof StowageError)) throw error;
  const possible = proxy.passages.slice(before).filter(({ line }) => rule.match?.test(line) !== false);
  return {
    ended: error === undefined ? "done" : `${error.name} ${error.code}`,
    retryAfter: error?.retryAfter,
    requests: possible.length,
    waits,
  };
}
