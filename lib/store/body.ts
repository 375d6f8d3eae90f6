import { RejectedError } from "../errors.ts";
import type { Body, RangeBody } from "./store.ts";

/**
 * The bytes of a body of any form, from the first to the last.
 *
 * Breaks with the signal's reason as soon as the signal aborts, also while the body gives nothing. What a body throws
 * passes as it is.
 *
 * @throws RejectedError CONTENT_MISMATCH when a RangeBody gives more or fewer bytes than it promised
 */
export function bytesOf(body: Body, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  const bytes = source(body, signal);
  return signal === undefined ? bytes : abortable(bytes, signal);
}

function source(body: Body, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  if (typeof body === "string") return once(new TextEncoder().encode(body));
  if (body instanceof Uint8Array) return once(body);
  return Symbol.asyncIterator in body ? body : whole(body, signal);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function* whole(body: RangeBody, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  let seen = 0;
  for await (const chunk of body.read(0, body.size, signal)) {
    seen += chunk.byteLength;
    if (seen > body.size) break;
    yield chunk;
  }
  if (seen === body.size) return;
  const given = seen > body.size ? "more" : `${seen}`;
  throw new RejectedError("CONTENT_MISMATCH", `Cannot store body: it gave ${given} instead of ${body.size} bytes`);
}

async function* abortable<T>(values: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  signal.throwIfAborted();
  const iterator = values[Symbol.asyncIterator]();
  // One promise per step: racing all steps against one long-lived promise would pile up reactions on it.
  let interrupt: (reason: unknown) => void = () => {};
  const onAbort = (): void => interrupt(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  let open = true;
  try {
    for (;;) {
      const step = await new Promise<IteratorResult<T>>((resolve, reject) => {
        interrupt = reject;
        signal.throwIfAborted();
        iterator.next().then(resolve, (error: unknown) => {
          open = false;
          reject(error);
        });
      });
      if (step.done) {
        open = false;
        return;
      }
      yield step.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (open) {
      const closed = iterator.return?.();
      // A body that hangs never answers: it is told to stop, not waited for.
      if (signal.aborted) closed?.catch(() => {});
      else await closed;
    }
  }
}
