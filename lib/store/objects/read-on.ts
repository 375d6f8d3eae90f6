import { type Patience, retrying, stowageError } from "./retrying.ts";
import { type ObjectService, type Opened, ServiceFailure } from "./service.ts";

/** What is read: bytes `start` to `end` (exclusive) of an object that is open there. */
export interface Reading extends Opened {
  readonly service: ObjectService;
  readonly start: number;
  readonly end: number;
  /** For messages: `get "a"` */
  readonly doing: string;
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
}

/**
 * A range of an object. When the connection breaks, reading goes on where it was, in the same bytes: an object that was
 * overwritten meanwhile fails (STORE_UNAVAILABLE).
 */
export function readOn(reading: Reading): AsyncIterableIterator<Uint8Array, undefined> {
  const chunks = generate(reading);
  let begun = false;
  return {
    next() {
      begun = true;
      return chunks.next();
    },
    async return() {
      // A generator that has not begun does not know that it ends.
      if (!begun) await reading.body.return?.();
      return chunks.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* generate({
  service,
  object: { name, etag },
  body,
  start,
  end,
  doing,
  patience,
  signal,
}: Reading): AsyncGenerator<Uint8Array, undefined, undefined> {
  let at = start;
  let bytes: AsyncIterable<Uint8Array> | undefined = body;
  for (let failures = 0; ; ) {
    try {
      bytes ??= (await retrying(() => service.get(name, { start: at, end }, etag, signal), patience, signal)).body;
      for await (const chunk of bytes) {
        at += chunk.byteLength;
        if (at > end) throw new ServiceFailure("refused", "the service sent more than was asked for");
        failures = 0;
        yield chunk;
      }
      if (at === end) return;
      throw new ServiceFailure("unavailable", "the service sent less than was asked for");
    } catch (error) {
      signal?.throwIfAborted();
      const again = error instanceof ServiceFailure && error.kind === "unavailable";
      if (!again || ++failures >= patience.attempts) throw stowageError(doing, error);
      bytes = undefined;
    }
  }
}
