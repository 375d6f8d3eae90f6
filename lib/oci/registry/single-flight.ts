/** Run something once for all who ask for it while it runs. */
export type SingleFlight<T> = (key: string, run: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/**
 * The run belongs to nobody: a caller whose signal aborts stops waiting, the others still get their answer. So `run`
 * must be bounded by itself. Nothing is kept once it has ended.
 */
export function createSingleFlight<T>(): SingleFlight<T> {
  const running = new Map<string, Promise<T>>();
  return (key, run, signal) => {
    let flight = running.get(key);
    if (!flight) {
      flight = run().finally(() => running.delete(key));
      // every waiter sees the failure; with none left it must not end the process
      flight.catch(() => {});
      running.set(key, flight);
    }
    return until(flight, signal);
  };
}

async function until<T>(flight: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return flight;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([flight, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
