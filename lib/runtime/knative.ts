import type { IncomingMessage, RequestListener } from "node:http";
import * as framework from "@google-cloud/functions-framework";
import { getTestServer } from "@google-cloud/functions-framework/testing";
import { RejectedError } from "../errors.ts";
import { decode, encode } from "../events/index.ts";
import type { AnyFunction } from "./function.ts";
import { readBody } from "./http-body.ts";
import { type Exchange, HttpHost, httpRequest, json, retryAfterHeader, send } from "./http-host.ts";
import { answer, type Deps, invoke } from "./invoke.ts";

export interface ServeOptions {
  /** 0 = any free port. */
  readonly port: number;
  /** Default: every interface. */
  readonly host?: string;
  /**
   * How long requests in flight may take once the process is asked to end. Default 280: Knative Serving's pods get
   * `timeoutSeconds` (300 by default) until they are killed.
   */
  readonly drainSeconds?: number;
  /** Bytes of a request body. Default: 1 MiB. */
  readonly bodyLimit?: number;
}

export interface Served {
  /** Without path. */
  readonly url: string;
  /** Stop accepting, finish what is in flight, close. */
  drain(): Promise<void>;
}

/**
 * Serve one function as Knative Serving wants it: an event or sink function takes CloudEvents by POST on any path and
 * answers with a status that Knative's brokers understand, and the reply event, if any; an HTTP function gets requests.
 *
 * The functions framework runs the function under its `http` signature: its own CloudEvent signature checks nothing,
 * answers 500 to every error and sends results that brokers refuse. Its command is not used either: it drops what is in
 * flight on SIGTERM. docs/decisions says more. Bodies are read, bounded, before the framework sees a request; its
 * parsers step aside then.
 */
export async function serveFunction(
  fn: AnyFunction,
  deps: Deps,
  { port, host = "0.0.0.0", drainSeconds = 280, bodyLimit }: ServeOptions,
): Promise<Served> {
  const runs = new WeakMap<IncomingMessage, () => void>();
  framework.http(fn.name, (request) => runs.get(request)?.());
  const server = getTestServer(fn.name);
  const [app] = server.listeners("request") as [RequestListener];
  server.removeAllListeners("request");

  const http = new HttpHost(server, deps.log.child({ function: fn.name }), async (exchange) => {
    const { request, response, signal } = exchange;
    if (fn.kind !== "http" && request.method !== "POST") {
      const message = `Cannot ${request.method} an event: it is posted`;
      return send(exchange, json(405, { code: "METHOD_NOT_ALLOWED", message }, { allow: "POST" }));
    }
    const body = await readBody(request, { limit: bodyLimit, signal });
    await new Promise<void>((resolve, reject) => {
      runs.set(request, () => void run(fn, exchange, body, deps).then(resolve, reject));
      // the framework answers some requests itself
      response.once("close", resolve);
      app(request, response);
    });
  });
  return { url: await http.listen(port, host), drain: () => http.drain(drainSeconds * 1000) };
}

async function run(fn: AnyFunction, exchange: Exchange, body: Uint8Array, deps: Deps): Promise<void> {
  const { request, signal } = exchange;
  if (fn.kind === "http") return send(exchange, await answer(fn, httpRequest(exchange, body), deps, signal));
  const [event, ...more] = decode({ headers: request.headers, body });
  if (event === undefined || more.length > 0) {
    throw new RejectedError(
      "EVENT_MALFORMED",
      `Cannot take a batch of ${event ? more.length + 1 : 0} events: send one`,
    );
  }
  const { status, reply, failure, retryAfter } = await invoke(fn, event, deps, signal);
  if (failure) return send(exchange, json(status, failure, retryAfterHeader(retryAfter)));
  return send(exchange, reply ? { status, ...(await encode(reply, "binary")) } : { status });
}
