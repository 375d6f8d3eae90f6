import pLimit from "p-limit";

/**
 * Do `work` for every item, `concurrency` at a time. The first failure is thrown, but only after it has stopped the rest
 * (through the signal given to `work`) and all that was begun has ended.
 */
export async function concurrently<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const results = await pLimit(concurrency).map(items, async (item) => {
    if (stop.aborted) return [];
    try {
      return [await work(item, stop)];
    } catch (error) {
      failed.abort(error);
      return [];
    }
  });
  // failures that came after the first have been told to be ones
  failed.signal.throwIfAborted();
  signal?.throwIfAborted();
  return results.flat();
}
