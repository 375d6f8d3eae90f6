import type { IncomingMessage } from "node:http";
import type { Bytes } from "../content.ts";

/** The body, without ending the connection when reading stops early: the client still has to hear why. */
export const bodyOf = (request: IncomingMessage): Bytes => ({
  [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }),
});

/** Bytes as the header announces them; node has made sure that the body has that many. */
export const contentLength = ({ headers }: IncomingMessage): number | undefined =>
  headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);

/** Pass on `room` bytes; throw `surplus` instead of more. */
export async function* atMost(bytes: Bytes, room: number, surplus: () => Error): Bytes {
  for await (const chunk of bytes) {
    room -= chunk.byteLength;
    if (room < 0) throw surplus();
    yield chunk;
  }
}
