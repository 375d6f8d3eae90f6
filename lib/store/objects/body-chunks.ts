import type { Readable } from "node:stream";
import { ServiceFailure } from "./service.ts";

/**
 * The bytes of an answer. A connection that breaks is "unavailable". It is closed at the end, when the signal aborts, and
 * when the reader stops: also before it began, which a generator could not notice.
 */
export function bodyChunks(
  stream: Readable,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<Uint8Array, undefined> {
  const chunks: AsyncIterator<Uint8Array> = stream[Symbol.asyncIterator]();
  const close = (): void => {
    signal?.removeEventListener("abort", close);
    stream.destroy();
  };
  signal?.addEventListener("abort", close, { once: true });
  return {
    async next() {
      try {
        signal?.throwIfAborted();
        const step = await chunks.next();
        signal?.throwIfAborted();
        if (!step.done) return step;
      } catch (cause) {
        close();
        signal?.throwIfAborted();
        throw new ServiceFailure("unavailable", "the connection broke in the middle of an answer", { cause });
      }
      close();
      return { done: true, value: undefined };
    },
    async return() {
      close();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
