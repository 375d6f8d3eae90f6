import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { TransientError } from "../../errors.ts";
import { isRepository } from "../reference.ts";
import type { Tree } from "../tree.ts";
import { deleteBlob, getBlob } from "./blobs.ts";
import { type Answer, type Exchange, json, type RegistryChange, type Service } from "./exchange.ts";
import { listRepositories, listTags } from "./lists.ts";
import { deleteManifest, getManifest, putManifest } from "./manifests.ts";
import { listReferrers } from "./referrers.ts";
import { Refusal } from "./refusal.ts";
import { contentLength } from "./request-body.ts";
import { cancelUpload, continueUpload, finishUpload, startUpload, uploadStatus } from "./uploads.ts";

export type { RegistryChange } from "./exchange.ts";

export interface RegistryHandlerOptions {
  readonly tree: Tree;
  /**
   * Told of every manifest or tag that was pushed or deleted, also when nothing changed by it, before the client hears
   * that it was. When it throws, the client is answered 503 and may try again: no accepted push goes unnoticed.
   */
  readonly onChange: (change: RegistryChange) => Promise<void>;
  readonly log?: RegistryLog;
  readonly limits?: RegistryLimits;
}

export interface RegistryLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface RegistryLimits {
  /** Bytes; default 100 GiB. */
  readonly blobSize?: number;
  /** Milliseconds after which a connection on which nothing moves is cut; default 5 minutes. */
  readonly idle?: number;
}

/**
 * What a server with this handler must be created with: an upload may take longer than the 5 minutes node gives a request;
 * `limits.idle` ends those that stand still.
 */
export const registryServerOptions = { requestTimeout: 0 } as const;

const MAX_BLOB_BYTES = 100 * 1024 ** 3;
const IDLE_MS = 5 * 60 * 1000;
/** So much of a body nobody wants is read before the connection is given up. */
const MAX_UNWANTED_BYTES = 8 * 1024 * 1024;

/**
 * An OCI registry (distribution-spec v1.1) over a storage tree, for `http.createServer(registryServerOptions, handler)`.
 *
 * It asks nobody who they are: it is for loopback, where whoever reaches it could change its files as well.
 */
export function createRegistryHandler(
  options: RegistryHandlerOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { tree, onChange, log, limits = {} } = options;
  const service: Service = {
    tree,
    maxBlobSize: limits.blobSize ?? MAX_BLOB_BYTES,
    announce: async (change) => {
      try {
        await onChange(change);
      } catch (error) {
        log?.warn({ err: error, change }, "Change of the registry could not be announced");
        throw unavailable("Cannot take note of the change now", error);
      }
    },
  };
  return (request, response) => {
    request.setTimeout(limits.idle ?? IDLE_MS);
    void respond(request, response, service, log);
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  service: Service,
  log: RegistryLog | undefined,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await dispatch(request, service);
  } catch (error) {
    if (response.destroyed) return;
    answer = refused(error instanceof Refusal ? error : failure(error, request, log));
  }
  try {
    await send(answer, request, response);
  } catch (error) {
    // a client that went away is nobody's failure; anything else must not look like a complete answer
    if (!response.destroyed) log?.error({ err: error, url: request.url }, "Answer of the registry broke");
    response.destroy();
  }
}

type Handler = (exchange: Exchange) => Promise<Answer>;

interface Route {
  readonly path: RegExp;
  readonly methods: ReadonlyMap<string, Handler>;
}

const route = (path: RegExp, methods: Readonly<Record<string, Handler>>): Route => ({
  path,
  methods: new Map(Object.entries(methods)),
});

// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
// Names may hold "blobs" or "manifests" as well: what follows them decides, and no path fits two routes but the second
// and third, of which the second is meant.
const routes: readonly Route[] = [
  route(/^\/v2\/(?<name>.+)\/manifests\/(?<reference>[^/]+)$/, {
    GET: getManifest,
    PUT: putManifest,
    DELETE: deleteManifest,
  }),
  route(/^\/v2\/(?<name>.+)\/blobs\/uploads\/?$/, { POST: startUpload }),
  route(/^\/v2\/(?<name>.+)\/blobs\/(?<reference>[^/]+)$/, { GET: getBlob, DELETE: deleteBlob }),
  route(/^\/v2\/(?<name>.+)\/blobs\/uploads\/(?<reference>[^/]+)$/, {
    GET: uploadStatus,
    PATCH: continueUpload,
    PUT: finishUpload,
    DELETE: cancelUpload,
  }),
  route(/^\/v2\/(?<name>.+)\/tags\/list$/, { GET: listTags }),
  route(/^\/v2\/(?<name>.+)\/referrers\/(?<reference>[^/]+)$/, { GET: listReferrers }),
];

async function dispatch(request: IncomingMessage, service: Service): Promise<Answer> {
  // no URL is made of it: that would resolve `..`, and `%2e%2e` with it
  const [path = "", search = ""] = (request.url ?? "").split(/\?(.*)/s);
  const query = new URLSearchParams(search);
  const method = request.method === "HEAD" ? "GET" : (request.method ?? "");
  if (path === "/v2/" || path === "/v2") return allowing(method, ["GET"], async () => json({}));
  if (path === "/v2/_catalog") return allowing(method, ["GET"], () => listRepositories(service.tree, query));

  for (const { path: pattern, methods } of routes) {
    const found = pattern.exec(path)?.groups;
    if (found === undefined) continue;
    const { name = "", reference = "" } = found;
    if (!isRepository(name)) throw new Refusal(400, "NAME_INVALID", `Cannot serve repository "${name.slice(0, 300)}"`);
    const exchange = {
      ...service,
      request,
      name,
      repository: service.tree.repository(name),
      reference: decoded(reference),
      query,
    };
    return allowing(method, [...methods.keys()], () => methods.get(method)!(exchange));
  }
  throw new Refusal(404, "UNSUPPORTED", "Cannot serve this path: the registry has no such endpoint");
}

function allowing(method: string, allowed: readonly string[], answer: () => Promise<Answer>): Promise<Answer> {
  if (allowed.includes(method)) return answer();
  const allow = allowed.includes("GET") ? ["HEAD", ...allowed] : allowed;
  throw new Refusal(405, "UNSUPPORTED", `Cannot ${method} this path`, { headers: { allow: allow.join(", ") } });
}

/** Clients may encode the colon of a digest. What cannot be decoded stays as it is, and is refused as what it is. */
function decoded(reference: string): string {
  try {
    return decodeURIComponent(reference);
  } catch {
    return reference;
  }
}

function failure(error: unknown, request: IncomingMessage, log: RegistryLog | undefined): Refusal {
  const { method, url } = request;
  if (error instanceof TransientError) {
    log?.warn({ err: error, method, url }, "Registry cannot serve now");
    return unavailable(error.message, error, error.retryAfter);
  }
  log?.error({ err: error, method, url }, "Registry failed");
  return new Refusal(500, "UNKNOWN", "Cannot serve the request: the registry failed", { cause: error });
}

const unavailable = (message: string, cause: unknown, retryAfter = 1): Refusal =>
  new Refusal(503, "UNAVAILABLE", message, { cause, headers: { "retry-after": String(Math.ceil(retryAfter)) } });

const refused = ({ status, headers, body }: Refusal): Answer => ({
  status,
  headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers },
  body,
});

async function send({ status, headers, body }: Answer, request: IncomingMessage, response: ServerResponse) {
  // node reads the rest of a body before the next request of the connection: worth it for little only
  const unwanted = request.complete ? 0 : (contentLength(request) ?? Number.POSITIVE_INFINITY);
  if (unwanted > MAX_UNWANTED_BYTES) response.setHeader("connection", "close");
  response.setHeader("docker-distribution-api-version", "registry/2.0");
  response.writeHead(status, headers);
  if (request.method === "HEAD" || body === undefined) response.end();
  else if (typeof body === "string" || body instanceof Uint8Array) response.end(body);
  else await pipeline(body, response);
}
