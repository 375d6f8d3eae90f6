import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import https from "node:https";
import { pipeline } from "node:stream/promises";
import { streamOf } from "../bytes.ts";
import type { Bytes } from "../content.ts";
import { ReadingAgent } from "./reading-agent.ts";
import { createTurn } from "./turn.ts";

export interface HttpBody {
  /** Bytes; sent as Content-Length. */
  readonly size: number;
  readonly open: () => Promise<Bytes>;
}

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly body?: HttpBody | undefined;
  /** How long the other side may keep still while it is its turn, in milliseconds. */
  readonly patience?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read, in whole or in part: leaving it early ends the connection. */
  readonly body: Bytes;
}

export interface HttpOptions {
  readonly userAgent: string;
  /** `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`; loopback addresses are never asked through a proxy. */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>> | undefined;
  /** Milliseconds that no request lets the other side keep still for longer. For tests, which cannot wait for minutes. */
  readonly patience?: number | undefined;
}

export interface Http {
  /**
   * One request, one answer, whatever its status. Redirects are not followed and nothing is decompressed.
   *
   * @throws ConnectionFailure when there was no answer or it broke off, also while the body is read
   * @throws BodyFailure when the request's own body could not be read
   */
  send(request: HttpRequest): Promise<HttpResponse>;
}

/** The other side could not be reached, kept still or broke off. The message is one line without address or secret. */
export class ConnectionFailure extends Error {
  readonly code: string;

  constructor(cause: unknown) {
    const { code = "", message } =
      cause instanceof Error ? (cause as NodeJS.ErrnoException) : { message: String(cause) };
    // OpenSSL's reason stands between its numbers and file names; a failure of several addresses at once has no message
    const reason = /SSL routines:[^:]*:([^:\n]+)/.exec(message)?.[1];
    super(reason === undefined ? message || code : `TLS: ${reason}`, { cause });
    this.code = code;
  }
}

/** Reading what was to be sent failed: not the registry's fault. The reason is the `cause`. */
export class BodyFailure extends Error {}

const PATIENCE_MS = 120_000;

/**
 * HTTP over node:http rather than fetch: back pressure reaches from socket to reader without a web stream in between, a
 * streamed body has its Content-Length, no redirect is followed with credentials, blobs arrive as they were stored
 * (fetch decompresses), and connections are pooled here.
 *
 * Sockets are not limited in number: whoever copies inside one registry holds a download open while it waits for an
 * upload, and would wait for ever on a full pool. Callers bound their concurrency.
 */
export function createHttp({ userAgent, proxyEnv, patience = Number.POSITIVE_INFINITY }: HttpOptions): Http {
  const pools = (options: http.AgentOptions) => ({
    "http:": new ReadingAgent({ keepAlive: true, ...options }),
    "https:": new https.Agent({ keepAlive: true, ...options }),
  });
  const direct = pools({});
  const proxied = proxyEnv ? pools({ proxyEnv: { ...proxyEnv } }) : direct;

  return {
    async send(request) {
      request.signal?.throwIfAborted();
      const { url, method, body } = request;
      const secure = url.protocol === "https:";
      const asks = method === "GET" || method === "HEAD";
      const headers = {
        "user-agent": userAgent,
        "accept-encoding": "identity",
        "content-length": asks ? undefined : String(body?.size ?? 0),
        ...request.headers,
      };
      const outgoing = (secure ? https : http).request(url, {
        method,
        agent: (isLoopback(url.hostname) ? direct : proxied)[secure ? "https:" : "http:"],
        headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)),
      });
      return exchange(outgoing, request, Math.min(request.patience ?? PATIENCE_MS, patience));
    },
  };
}

async function exchange(outgoing: http.ClientRequest, request: HttpRequest, patience: number): Promise<HttpResponse> {
  const { body, signal } = request;
  const turn = createTurn(patience, (error) => end(error));
  let ended: unknown;
  const end = (why: unknown): void => {
    ended ??= why;
    outgoing.destroy();
  };
  const explain = (error: unknown): unknown => {
    if (signal?.aborted) return signal.reason;
    const why = ended ?? error;
    return why instanceof BodyFailure ? why : new ConnectionFailure(why);
  };

  const onAbort = (): void => end(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  outgoing.once("close", () => {
    turn.end();
    signal?.removeEventListener("abort", onAbort);
  });

  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  outgoing.once("response", resolve);
  // stays for the connection's life: an error after the answer shows in the body
  outgoing.on("error", (error) => reject(explain(error)));
  turn.start();
  // an answer that comes before the body is through is still the answer, so a failure to send only counts without one
  if (body) pipeline(sending(body), outgoing).catch((error) => reject(explain(error)));
  else outgoing.end();

  const incoming = await promise;
  turn.stop();
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: receiving(incoming) };

  // The last chunk is held back until the source has ended well: a source that fails at its very end (a wrong digest)
  // never leaves a complete body behind.
  async function* sending({ open }: HttpBody): Bytes {
    let held: Uint8Array | undefined;
    turn.stop();
    try {
      for await (const chunk of await open()) {
        if (held) {
          turn.start();
          yield held;
          turn.stop();
          // all of it has left this process
          if (outgoing.writableLength === 0) free(held);
        }
        held = chunk;
      }
    } catch (error) {
      ended ??= new BodyFailure("The body could not be read", { cause: error });
      throw ended;
    }
    turn.start();
    if (held) yield held;
  }

  async function* receiving(incoming: IncomingMessage): Bytes {
    try {
      turn.start();
      for await (const chunk of incoming) {
        turn.stop();
        received.add(chunk);
        yield chunk;
        turn.start();
      }
    } catch (error) {
      throw explain(error);
    } finally {
      turn.stop();
      // the answer is known: what is left of the question need not be sent
      if (!outgoing.writableFinished) outgoing.destroy();
    }
  }
}

/** The chunks of answers, each with memory of its own, which belongs to whoever has the chunk. */
const received = new WeakSet<Uint8Array>();

/**
 * Let go of the memory of a chunk that nobody reads any more, if it came with an answer. Left to the garbage collector,
 * gigabytes of chunks that pass through are the better part of all its work.
 */
function free(chunk: Uint8Array): void {
  const { buffer, byteLength } = chunk;
  if (received.has(chunk) && buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** `localhost`, 127.0.0.0/8 and ::1, as a URL's `hostname` spells them. */
export const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);

/** A header's value; where it was sent several times, all of them with commas between. */
export function headerOf({ headers }: Pick<HttpResponse, "headers">, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/**
 * The whole body, when it has no more than `limit` bytes.
 *
 * @returns undefined when it has more; the connection is ended then
 */
export async function collectBody(
  { body }: Pick<HttpResponse, "body">,
  limit: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** End an answer nobody wants to read. That it was broken already does not matter then. */
export async function abandon(response: Pick<HttpResponse, "body">): Promise<void> {
  await collectBody(response, 0).catch(() => {});
}

/** Bytes at hand as a request's body. */
export const bodyOf = (bytes: Uint8Array): HttpBody => ({
  size: bytes.byteLength,
  open: async () => streamOf(bytes),
});
