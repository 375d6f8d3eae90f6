import type { Bytes } from "../content.ts";
import type { HttpBody } from "./http.ts";

/** A stream that is sent in several requests, one after the other. Nothing of it is held. */
export interface Parts extends AsyncDisposable {
  /** The next bytes. They can be sent once only. */
  next(size: number): HttpBody;
  /** The same for the last ones: it ends only when the stream has ended well. */
  last(size: number): HttpBody;
}

/** @param sentTwice thrown where a part is asked for a second time */
export function openParts(bytes: Bytes, sentTwice: Error): Parts {
  const source = bytes[Symbol.asyncIterator]();
  let held: Uint8Array = Buffer.of();

  async function* take(size: number, isLast: boolean): Bytes {
    for (let missing = size; missing > 0; ) {
      if (held.byteLength === 0) {
        const next = await source.next();
        if (next.done) return;
        held = next.value;
      }
      const part = held.subarray(0, missing);
      held = held.subarray(part.byteLength);
      missing -= part.byteLength;
      if (part.byteLength > 0) yield part;
    }
    // what checks itself does so at its end
    if (isLast) await source.next();
  }

  const body = (size: number, isLast: boolean): HttpBody => {
    let isOpen = false;
    return {
      size,
      async open() {
        if (isOpen) throw sentTwice;
        isOpen = true;
        return take(size, isLast);
      },
    };
  };

  return {
    next: (size) => body(size, false),
    last: (size) => body(size, true),
    async [Symbol.asyncDispose]() {
      await source.return?.();
    },
  };
}
