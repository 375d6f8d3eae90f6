import { TransientError } from "../../errors.ts";

/** Does what several ask for at once. @returns a result for each of `items`, in their order */
export type Work<Item, Result> = (items: readonly Item[], signal: AbortSignal) => Promise<readonly Result[]>;

/**
 * Does work of one kind in rounds, one at a time for each key: whatever is asked for while a round is under way is done
 * together in the next one. So work that costs much once and little more for many keeps up with however many ask.
 */
export class Rounds<Item, Result> {
  /** What waits, by key; a key without a round under way is not there. */
  readonly #waiting = new Map<string, Request<Item, Result>[]>();

  /**
   * Whoever asks leaves when `signal` is aborted; a round is aborted only when all have left it.
   *
   * @param work the same for all who ask for `key`
   * @throws what the round throws; anything but a TransientError only when the same item fails alone
   */
  ask(key: string, item: Item, work: Work<Item, Result>, signal: AbortSignal): Promise<Result> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const request = new Request<Item, Result>(item, signal);
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) {
      waiting.push(request);
    } else {
      this.#waiting.set(key, [request]);
      void this.#run(key, work);
    }
    return request.answered;
  }

  async #run(key: string, work: Work<Item, Result>): Promise<void> {
    const waiting = this.#waiting.get(key)!;
    while (waiting.length > 0) {
      const requests = waiting.splice(0).filter(({ isOpen }) => isOpen);
      if (requests.length > 0) await doRound(requests, work);
    }
    this.#waiting.delete(key);
  }
}

async function doRound<Item, Result>(
  requests: readonly Request<Item, Result>[],
  work: Work<Item, Result>,
): Promise<void> {
  const stop = new AbortController();
  for (const request of requests) {
    request.onLeft = (reason) => {
      if (!requests.some(({ isOpen }) => isOpen)) stop.abort(reason);
    };
  }
  try {
    const results = await work(
      requests.map(({ item }) => item),
      stop.signal,
    );
    for (const [index, request] of requests.entries()) request.answer(results[index]!);
  } catch (error) {
    const isOfOne = requests.length > 1 && !stop.signal.aborted && !(error instanceof TransientError);
    for (const request of requests) {
      // the others must not suffer from one that can never succeed
      if (!isOfOne) request.fail(error);
      else if (request.isOpen) await doRound([request], work);
    }
  }
}

/** Somebody waits for an answer, until his signal is aborted. */
class Request<Item, Result> {
  readonly item: Item;
  readonly answered: Promise<Result>;
  /** Told when he does not wait any longer. */
  onLeft: (reason: unknown) => void = () => {};
  isOpen = true;
  readonly #signal: AbortSignal;
  readonly #settle: PromiseWithResolvers<Result> = Promise.withResolvers();
  readonly #leave = (): void => {
    this.fail(this.#signal.reason);
    this.onLeft(this.#signal.reason);
  };

  constructor(item: Item, signal: AbortSignal) {
    this.item = item;
    this.answered = this.#settle.promise;
    this.#signal = signal;
    signal.addEventListener("abort", this.#leave, { once: true });
  }

  answer(result: Result): void {
    this.#close();
    this.#settle.resolve(result);
  }

  fail(error: unknown): void {
    this.#close();
    this.#settle.reject(error);
  }

  #close(): void {
    this.isOpen = false;
    this.#signal.removeEventListener("abort", this.#leave);
  }
}
