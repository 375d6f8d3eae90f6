import http, { type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from "node:http";
import https from "node:https";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** There was no whole answer. The message is one line without address or secret. */
export class NoAnswer extends Error {}

/** Of one exchange altogether, in milliseconds. The API server itself gives up on a request after a minute. */
const DEADLINE = 70_000;
/** A page of a list may hold a hundred objects; one has 3 MiB at most, few have more than some KiB. */
const MAX_ANSWER_BYTES = 32 * 1024 ** 2;

/**
 * One request, one whole answer, whatever its status. Redirects are not followed.
 *
 * @param options TLS, proxy, method and headers
 * @throws NoAnswer; the signal's reason, when it is aborted
 */
export async function exchange(
  url: URL,
  options: RequestOptions,
  body: Uint8Array | undefined,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const outgoing = (url.protocol === "https:" ? https : http).request(url, options);
  outgoing.once("response", resolve);
  outgoing.on("error", reject);
  const end = (): unknown => outgoing.destroy();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end();
  }, DEADLINE);
  signal?.addEventListener("abort", end, { once: true });
  try {
    outgoing.end(body);
    const incoming = await promise;
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, text: await wholeText(incoming) };
  } catch (error) {
    signal?.throwIfAborted();
    if (late) throw new NoAnswer(`it gave no whole answer within ${DEADLINE / 1000} seconds`, { cause: error });
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new NoAnswer(message || code, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}

async function wholeText(incoming: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new Error(`its answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
