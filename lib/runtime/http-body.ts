import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import { RejectedError, TransientError } from "../errors.ts";

/** CloudEvents guarantees 64 KiB through intermediaries; what is larger than this is no event but a payload. */
export const EVENT_BODY_LIMIT = 1024 * 1024;

export interface BodyLimits {
  /** Bytes as they are sent. Default: 1 MiB. */
  readonly limit?: number | undefined;
  /** Bytes after inflating. Default: `limit`. */
  readonly inflatedLimit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const inflaters = { gzip: promisify(gunzip), "x-gzip": promisify(gunzip), deflate: promisify(inflate) } as const;

/**
 * Read the whole body of a request, inflated where it is compressed.
 *
 * A body that says it is too large is refused before a byte of it is read; one that turns out to be, as soon as it is.
 * The request is left readable then: answer it, and let {@linkcode refuseBody} end the connection.
 *
 * @throws RejectedError EVENT_TOO_LARGE, EVENT_MEDIA_TYPE (content encoding), EVENT_MALFORMED (damaged or cut)
 * @throws TransientError EVENT_TIMEOUT when `signal` is aborted
 */
export async function readBody(
  request: IncomingMessage,
  { limit = EVENT_BODY_LIMIT, inflatedLimit = limit, signal }: BodyLimits = {},
): Promise<Uint8Array> {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const expand = Object.hasOwn(inflaters, encoding) ? inflaters[encoding as keyof typeof inflaters] : undefined;
  if (expand === undefined && encoding !== "identity") {
    throw new RejectedError("EVENT_MEDIA_TYPE", "Cannot read body: its content encoding is neither gzip nor deflate");
  }
  if (Number(request.headers["content-length"] ?? 0) > limit) throw tooLarge(limit);
  const body = await collect(request, limit, signal);
  if (expand === undefined) return body;
  try {
    return await expand(body, { maxOutputLength: inflatedLimit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(inflatedLimit, "inflated");
    throw new RejectedError("EVENT_MALFORMED", `Cannot read body: it is not ${encoding}`, { cause: error });
  }
}

const tooLarge = (limit: number, state = "sent"): RejectedError =>
  new RejectedError("EVENT_TOO_LARGE", `Cannot read body: it is larger than ${limit} bytes as ${state}`);

/** Events, not an async iterator: leaving a loop over a request early would cut the connection before the answer. */
function collect(request: IncomingMessage, limit: number, signal: AbortSignal | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (settle: () => void): void => {
      request.off("data", take).off("end", whole).off("close", cut).pause();
      signal?.removeEventListener("abort", abort);
      settle();
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) end(() => reject(tooLarge(limit)));
      else chunks.push(chunk);
    };
    const whole = (): void => end(() => resolve(Buffer.concat(chunks)));
    const cut = (): void =>
      end(() => reject(new RejectedError("EVENT_MALFORMED", "Cannot read body: it ended before it was complete")));
    const abort = (): void =>
      end(() =>
        reject(
          new TransientError("EVENT_TIMEOUT", "Cannot read body: it is not wanted any more", { cause: signal?.reason }),
        ),
      );
    // a request that is cut emits an error before it closes; `cut` reports it
    request.on("error", () => {});
    if (signal?.aborted) return abort();
    if (request.destroyed && !request.complete) return cut();
    signal?.addEventListener("abort", abort);
    request.on("data", take).on("end", whole).on("close", cut);
  });
}

/** How long somebody who sends too much may take to hear that it is not wanted. */
const LINGER = 1000;

/**
 * Call before answering a request whose body was not read to its end: the client gets the answer while the rest of its
 * body is thrown away, and is cut off if it goes on sending.
 */
export function refuseBody(request: IncomingMessage): void {
  if (request.complete) return;
  const cut = setTimeout(() => request.destroy(), LINGER);
  request.once("close", () => clearTimeout(cut)).resume();
}
