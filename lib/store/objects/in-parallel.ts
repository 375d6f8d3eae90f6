/**
 * Work on values, several at a time, taking one when there is room for it. The first failure aborts `stop` for all that is
 * under way, waits for its end, and is thrown; so is the reason of `signal`.
 */
export async function inParallel<T>(
  values: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (value: T, stop: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const running = new Set<Promise<void>>();
  const start = (value: T): void => {
    const job = work(value, controller.signal)
      .catch((error: unknown) => controller.abort(error))
      .finally(() => running.delete(job));
    running.add(job);
  };
  try {
    signal?.throwIfAborted();
    for await (const value of values) {
      if (controller.signal.aborted) break;
      start(value);
      if (running.size >= limit) await Promise.race(running);
      if (controller.signal.aborted) break;
    }
  } catch (error) {
    controller.abort(error);
  } finally {
    await Promise.all(running);
    signal?.removeEventListener("abort", onAbort);
  }
  controller.signal.throwIfAborted();
}
