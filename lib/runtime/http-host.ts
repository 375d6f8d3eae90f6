import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { RejectedError, StowageError } from "../errors.ts";
import type { HttpRequest, HttpResponse, Log } from "./function.ts";
import { refuseBody } from "./http-body.ts";
import { toOutcome } from "./invoke.ts";

/** One request on its way through a host. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** As it was sent, without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Aborted when the caller goes away or the host is out of patience at its end. */
  readonly signal: AbortSignal;
}

const HEALTH = ["/healthz", "/health/liveness", "/health/readiness"];
/** Longer than Go's 90 s for idle connections, which queue-proxy uses: the side that closes first must be the client. */
const KEEP_ALIVE = 120_000;
/** What aborted runs may still need for their answer. */
const LAST_WORDS = 2000;

/** What every HTTP host does besides its work: health, bounded patience, and an end that loses nothing in flight. */
export class HttpHost {
  readonly #server: Server;
  readonly #log: Log;
  /** Every answer that is not complete, with what aborts its run. */
  readonly #open = new Map<ServerResponse, AbortController>();
  #draining = false;
  #drained: Promise<void> | undefined;
  #idle: () => void = () => {};

  /**
   * @param server not listening yet, and without listeners for requests
   * @param handle answers one request; what it throws instead is answered as {@linkcode refusal} says
   */
  constructor(server: Server, log: Log, handle: (exchange: Exchange) => Promise<void>) {
    this.#server = server;
    this.#log = log;
    server.keepAliveTimeout = KEEP_ALIVE;
    server.headersTimeout = 30_000;
    server.requestTimeout = 60_000;
    server.on("request", (request, response) => void this.#take(request, response, handle));
  }

  /** @returns the URL without path. @throws RejectedError CONFIG_INVALID when the address cannot be had */
  async listen(port: number, host: string): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void =>
        reject(
          new RejectedError("CONFIG_INVALID", `Cannot listen on ${host}:${port}: ${error.code}`, { cause: error }),
        );
      this.#server.once("error", fail);
      this.#server.listen(port, host, () => {
        this.#server.off("error", fail);
        // a connection that could not be accepted, as when there are no more file descriptors, is no reason to end
        this.#server.on("error", (error) => this.#log.error({ err: error }, "Cannot accept a connection"));
        resolve();
      });
    });
    const { address, family, port: bound } = this.#server.address() as AddressInfo;
    const name = address === "0.0.0.0" || address === "::" ? "127.0.0.1" : family === "IPv6" ? `[${address}]` : address;
    return `http://${name}:${bound}`;
  }

  /**
   * Accept no more connections, let what is in flight finish, then close.
   *
   * @param patience milliseconds; after that the signals of the runs in flight are aborted
   */
  drain(patience: number): Promise<void> {
    this.#drained ??= this.#drain(patience);
    return this.#drained;
  }

  async #drain(patience: number): Promise<void> {
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const response of this.#open.keys()) response.shouldKeepAlive = false;
    const abort = setTimeout(() => {
      for (const run of this.#open.values()) run.abort(new Error("the host is shutting down"));
    }, patience);
    const cut = setTimeout(() => this.#idle(), patience + LAST_WORDS);
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      if (this.#open.size === 0) resolve();
    });
    clearTimeout(abort);
    clearTimeout(cut);
    // what is left are connections without a request, which clients keep for later
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(request: IncomingMessage, response: ServerResponse, handle: (exchange: Exchange) => Promise<void>) {
    // no AbortSignal.any with a signal of the host: Node keeps such a composite as long as the host lives
    const run = new AbortController();
    if (this.#draining) response.shouldKeepAlive = false;
    this.#open.set(response, run);
    response.once("close", () => {
      this.#open.delete(response);
      if (this.#open.size === 0) this.#idle();
      if (!response.writableFinished) run.abort(new Error("the caller went away"));
    });
    // a response that is cut emits an error before it closes
    response.on("error", () => {});
    const [path = "", ...query] = (request.url ?? "").split("?");
    try {
      if (!path.startsWith("/")) throw new RejectedError("EVENT_MALFORMED", "Cannot answer a request without a path");
      if (HEALTH.includes(path) && ["GET", "HEAD"].includes(request.method ?? "")) {
        const status = this.#draining && path === "/health/readiness" ? 503 : 200;
        return await send({ request, response }, { status });
      }
      await handle({ request, response, path, query: new URLSearchParams(query.join("?")), signal: run.signal });
    } catch (error) {
      await this.#fail(request, response, error);
    }
  }

  async #fail(request: IncomingMessage, response: ServerResponse, error: unknown): Promise<void> {
    // neither query nor the end of a long path: webhooks that can prove themselves no other way carry their secret there
    const log = this.#log.child({ path: request.url?.split("?", 1)[0]?.split("/", 3).join("/") });
    if (error instanceof StowageError) log.warn({ code: error.code, reason: error.message }, "refused");
    else if ((error as NodeJS.ErrnoException | undefined)?.code === "ERR_STREAM_PREMATURE_CLOSE") {
      log.debug({}, "the caller went away before the answer was complete");
    } else log.error({ err: error }, "Request failed");
    if (response.headersSent) {
      response.destroy();
      return;
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    await send({ request, response }, refusal(error));
  }
}

/** How a host answers for a request that did not reach a function: 400, 413 or 415, 503, or 500. */
export function refusal(error: unknown): HttpResponse {
  const { status, failure, retryAfter } = toOutcome(error);
  const statuses: Readonly<Record<string, number>> = {
    EVENT_MALFORMED: 400,
    EVENT_TOO_LARGE: 413,
    EVENT_MEDIA_TYPE: 415,
  };
  return json(statuses[failure?.code ?? ""] ?? status, failure ?? {}, retryAfterHeader(retryAfter));
}

export const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): HttpResponse => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

/** @param seconds rounded up: the header carries whole seconds */
export const retryAfterHeader = (seconds: number | undefined): Readonly<Record<string, string>> =>
  seconds === undefined ? {} : { "retry-after": String(Math.ceil(seconds)) };

/**
 * Write an answer; a stream flows as fast as the client reads.
 *
 * A stream that breaks, or a body that is not as long as `content-length` says, cuts the connection. So that a stream which
 * breaks after its last byte (a wrong digest) is no complete answer either, each chunk waits for what comes after it.
 *
 * @throws whatever the stream threw
 */
export async function send(
  { request, response }: Pick<Exchange, "request" | "response">,
  { status, headers = {}, body = "" }: HttpResponse,
): Promise<void> {
  refuseBody(request);
  const streamed = typeof body !== "string" && !(body instanceof Uint8Array);
  const silent = request.method === "HEAD" || status === 204 || status === 304;
  response.strictContentLength = !silent;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (!streamed) response.end(silent ? undefined : body);
  else if (silent) {
    response.end();
    await body[Symbol.asyncIterator]().return?.();
  } else await pipeline(oneBehind(body), response);
}

async function* oneBehind(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array | undefined;
  for await (const chunk of stream) {
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (held !== undefined) yield held;
}

/** What an HTTP function sees of a request. The body is as the sender's program wrote it: inflated, if it was compressed. */
export function httpRequest({ request, path, query }: Exchange, body: Uint8Array): HttpRequest {
  const { "content-encoding": _, ...headers } = request.headers;
  return { method: request.method ?? "GET", path, query, headers, body };
}
