import { once } from "node:events";
import http, { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { createFaultPlan, type Fault, type Rule } from "./fault-plan.ts";

export type { Fault, Rule } from "./fault-plan.ts";

/** One request that came by. */
export interface Passage {
  /** `METHOD /path?query` */
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly fault: Fault["kind"] | undefined;
  /** Bytes of the bodies that went through, up to a fault. */
  readonly bytes: { up: number; down: number };
}

export interface FaultProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Everything that was asked, in order; without what was asked of the token service. */
  readonly passages: readonly Passage[];
  /** Let things go wrong. The first rule that has something for a request decides. */
  inject(rule: Rule): void;
  /** From now on nothing goes wrong. */
  heal(): void;
  /** Requests and bytes by kind of fault; `none` for those that went well. */
  counts(): Readonly<Record<string, { readonly requests: number; readonly up: number; readonly down: number }>>;
}

export interface FaultProxyOptions {
  /** The registry behind it: `127.0.0.1:PORT`. */
  readonly registry: string;
  /** Decides where things go wrong. */
  readonly seed?: string;
  /** Ask for tokens, and give one to everybody who asks; the registry itself sees none. For `expire`. */
  readonly tokens?: boolean;
}

/** A reverse proxy in front of a registry, which streams and breaks what it is told to break. */
export async function startFaultProxy({ registry, seed = "", tokens = false }: FaultProxyOptions): Promise<FaultProxy> {
  const plan = createFaultPlan(seed);
  const passages: Passage[] = [];
  const agent = new http.Agent({ keepAlive: true });
  const valid = new Set<string>();
  let given = 0;

  const server = createServer((request, response) => {
    // whoever leaves early is no fault of the proxy
    request.on("error", () => {});
    response.on("error", () => {});
    if (tokens && request.url?.startsWith("/token?")) return void giveToken(response);
    const line = `${request.method} ${request.url}`;
    const fault = plan.next(line);
    const passage: Passage = { line, headers: request.headers, fault: fault?.kind, bytes: { up: 0, down: 0 } };
    passages.push(passage);
    const token = request.headers.authorization?.replace("Bearer ", "") ?? "";
    if (fault?.kind === "expire") valid.delete(token);
    if (tokens && !valid.has(token)) return void challenge(request, response);
    pass(request, response, fault, passage).catch(() => response.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  function giveToken(response: ServerResponse): void {
    given += 1;
    valid.add(`token-${given}`);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ token: `token-${given}`, expires_in: 300 }));
  }

  function challenge(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader("www-authenticate", `Bearer realm="http://${host}/token",service="fault-proxy"`);
    response.writeHead(401).end();
    request.resume();
  }

  async function pass(
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
    { bytes }: Passage,
  ): Promise<void> {
    if (fault && answerInstead(request, response, fault)) return;
    const { authorization: _, ...headers } = request.headers;
    const { method, url } = request;
    const [hostname, port] = registry.split(":");
    const outgoing = http.request({ hostname, port, method, path: url, headers, agent });
    response.once("close", () => outgoing.destroy());
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    outgoing.once("response", resolve);
    outgoing.on("error", reject);
    const up = broken(request, faultOfBody(fault, "up"), (count) => {
      bytes.up += count;
    });
    pipeline(up, outgoing).catch((error) => (error === RESET ? reset(response) : response.destroy()));
    const incoming = await promise;

    const hasBody = method !== "HEAD" && incoming.headers["content-length"] !== "0";
    if (fault?.kind === "reset-answer" && (fault.at === 0 || !hasBody)) return reset(response);
    response.writeHead(incoming.statusCode ?? 502, alteredHeaders(incoming.headers, fault));
    const down = broken(incoming, faultOfBody(fault, "down"), (count) => {
      bytes.down += count;
    });
    try {
      await send(down, response);
      // a body that is shorter than announced only shows when the connection ends
      response.end(fault?.kind === "wrong-length" ? () => response.socket?.end() : undefined);
    } catch (error) {
      if (error === CUT) response.socket?.end();
      else if (error === RESET) reset(response);
      else if (error !== STALL) throw error;
    }
  }

  return {
    host,
    passages,
    inject: plan.add,
    heal: plan.clear,
    counts() {
      const counts: Record<string, { requests: number; up: number; down: number }> = {};
      for (const { fault = "none", bytes } of passages) {
        counts[fault] ??= { requests: 0, up: 0, down: 0 };
        counts[fault].requests += 1;
        counts[fault].up += bytes.up;
        counts[fault].down += bytes.down;
      }
      return counts;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

/** How a body breaks off. */
const RESET = new Error("reset");
const CUT = new Error("cut");
const STALL = new Error("stall");

interface BodyFault {
  readonly at: number;
  /** What the body breaks off with; absent: one bit is turned over and all goes on. */
  readonly end?: Error;
}

function faultOfBody(fault: Fault | undefined, direction: "up" | "down"): BodyFault | undefined {
  if (fault === undefined || !("at" in fault) || fault.kind.endsWith("-upload") !== (direction === "up")) {
    return undefined;
  }
  const { at } = fault;
  switch (fault.kind) {
    case "reset-upload":
    case "reset-answer":
      return { at, end: RESET };
    case "truncate":
      return { at, end: CUT };
    case "stall-answer":
      return { at, end: STALL };
    case "flip":
    case "flip-upload":
      return { at };
  }
}

/** Pass a body on, up to where it goes wrong. What it came from stays open. */
async function* broken(
  body: IncomingMessage,
  fault: BodyFault | undefined,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const last = Number(body.headers["content-length"] ?? Number.POSITIVE_INFINITY) - 1;
  let left = fault ? Math.min(fault.at, last) : Number.POSITIVE_INFINITY;
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const happens = left >= 0 && left < chunk.byteLength;
    const passed = happens && fault?.end ? chunk.subarray(0, left) : chunk;
    if (happens && !fault?.end) passed[left]! ^= 1;
    count(passed.byteLength);
    yield passed;
    if (happens && fault?.end) throw fault.end;
    left -= chunk.byteLength;
  }
}

/**
 * Unlike pipeline(), this does not destroy a response that has to stay open or to be reset; and all that was sent is with
 * the kernel afterwards, which would not send it any more after a reset.
 */
async function send(body: AsyncIterable<Buffer>, response: ServerResponse): Promise<void> {
  const { promise: gone, reject: leave } = Promise.withResolvers<never>();
  gone.catch(() => {});
  response.once("close", () => leave(new Error("The client has left")));
  for await (const chunk of body) {
    await Promise.race([gone, new Promise<void>((resolve) => response.write(chunk, () => resolve()))]);
  }
}

const LOGIN = "<html><title>Log in</title></html>";

/** @returns whether there is nothing left to do */
function answerInstead(request: IncomingMessage, response: ServerResponse, fault: Fault): boolean {
  switch (fault.kind) {
    case "stall":
      return true;
    case "reset":
      reset(response);
      return true;
    case "status": {
      const { status, retryAfter } = fault;
      response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter }).end();
      break;
    }
    case "loop":
      response.writeHead(307, { location: request.url }).end();
      break;
    case "html":
      response.writeHead(200, { "content-type": "text/html", "content-length": LOGIN.length }).end(LOGIN);
      break;
    default:
      return false;
  }
  request.resume();
  return true;
}

function alteredHeaders(headers: IncomingHttpHeaders, fault: Fault | undefined): IncomingHttpHeaders {
  if (fault?.kind === "wrong-length") {
    return { ...headers, "content-length": String(Number(headers["content-length"] ?? 0) + fault.by) };
  }
  if (fault?.kind === "wrong-digest") return { ...headers, "docker-content-digest": `sha256:${"0".repeat(64)}` };
  return headers;
}

function reset({ socket }: ServerResponse): void {
  // libuv refuses to reset what is being shut down, and Node then never gets rid of it
  if (socket?.writableEnded) socket.destroy();
  else socket?.resetAndDestroy();
}
