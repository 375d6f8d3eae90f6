import { TransientError } from "../../errors.ts";
import type { StoredHead } from "../index/head.ts";

/** Milliseconds after which a store that does not answer counts as away. */
const PATIENCE = 10_000;
/** Milliseconds a store that failed is left alone. */
const HOLD_OFF = 1000;

export interface NewestHeadOptions {
  /** How old what is known may be, in milliseconds; 0: who asks after a push sees it. */
  readonly maxAge: number;
  /** The same while the store does not answer. */
  readonly maxStale: number;
  /** Told of each look that failed: at most one a second. */
  readonly onFailure: (error: unknown) => void;
}

/** A head as it was seen; `isStale` when the store did not say whether there is a newer one. */
export interface Seen {
  readonly stored: StoredHead | undefined;
  readonly isStale: boolean;
}

/**
 * The newest head of an index for any number of readers. There is one look at the store at a time: whoever comes while it is
 * under way waits for the next, together with all others who do. So the store is not asked more the more requests there
 * are, and still nobody sees less than what had been published when he asked.
 */
export class NewestHead {
  readonly #read: (known: StoredHead | undefined, signal: AbortSignal) => Promise<StoredHead | undefined>;
  readonly #options: NewestHeadOptions;
  /** `asOf`: when the look began that found it. */
  #known: { readonly stored: StoredHead | undefined; readonly asOf: number } | undefined;
  #look: Promise<void> | undefined;
  #failure: { readonly error: unknown; readonly at: number } | undefined;

  constructor(
    read: (known: StoredHead | undefined, signal: AbortSignal) => Promise<StoredHead | undefined>,
    options: NewestHeadOptions,
  ) {
    this.#read = read;
    this.#options = options;
  }

  /** @throws what the store throws, when nothing is known that is young enough */
  async see(maxAge: number = this.#options.maxAge): Promise<Seen> {
    const asked = performance.now();
    for (;;) {
      const known = this.#known;
      if (known !== undefined && known.asOf >= asked - maxAge) return { stored: known.stored, isStale: false };
      try {
        await this.#lookOnce(asked);
      } catch (error) {
        if (known?.stored === undefined || known.asOf < asked - this.#options.maxStale) throw error;
        return { stored: known.stored, isStale: true };
      }
    }
  }

  /** Begin a look, or wait for the one that is under way. */
  async #lookOnce(now: number): Promise<void> {
    if (this.#failure !== undefined && now - this.#failure.at < HOLD_OFF) throw this.#failure.error;
    this.#look ??= this.#lookAgain().finally(() => {
      this.#look = undefined;
    });
    await this.#look;
  }

  async #lookAgain(): Promise<void> {
    const asOf = performance.now();
    // a timer that is cleared: thousands of looks in a second must leave nothing behind
    const impatience = new AbortController();
    const { signal } = impatience;
    const timer = setTimeout(() => impatience.abort(), PATIENCE);
    try {
      this.#known = { stored: await this.#read(this.#known?.stored, signal), asOf };
      this.#failure = undefined;
    } catch (cause) {
      const error = signal.aborted
        ? new TransientError("STORE_UNAVAILABLE", "Cannot read index: the store does not answer", { cause })
        : cause;
      this.#failure = { error, at: performance.now() };
      this.#options.onFailure(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
