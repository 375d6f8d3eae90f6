/** Lets work on the same thing happen one at a time, in the order it came; work on different things runs at once. */
export class Turns {
  /** Settles, never fails, when the last of those who asked for a key so far has ended. */
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Run `work` once everything that asked for `key` before has ended, however it ended. Whoever still waits when
   * `signal` is aborted leaves at once, and `work` never runs.
   */
  async take<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const before = this.#last.get(key);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const last = Promise.all([before, ended]).then(() => {
      if (this.#last.get(key) === last) this.#last.delete(key);
    });
    this.#last.set(key, last);
    try {
      if (before !== undefined) await orAborted(before, signal);
      return await work();
    } finally {
      end();
    }
  }
}

/** Wait for what cannot fail, but no longer than until `signal` is aborted. */
async function orAborted(wanted: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return wanted;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([wanted, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
