import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";

/** One request as it arrived. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query, byte for byte. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export type Misbehaviour = (
  request: IncomingMessage,
  response: ServerResponse,
  /** Answer as a good registry would. */
  proceed: () => Promise<void>,
) => unknown;

export interface FakeRepository {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>;
  readonly tags: Map<string, string>;
}

export interface FakeRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly url: string;
  /** Everything that was asked, in order. */
  readonly requests: SeenRequest[];
  repository(name: string): FakeRepository;
  /** Answer the next requests whose `METHOD /path?query` contains `match` in a way of one's own. */
  misbehave(match: string, how: Misbehaviour, times?: number): void;
  /** From now on, no token that was given out counts. */
  revokeTokens(): void;
}

export interface FakeRegistryOptions {
  /** Whom it asks for what. Default: nobody for anything. */
  readonly auth?: "basic" | "bearer";
  readonly users?: Readonly<Record<string, string>>;
  /** The refresh token that POST to the token service takes; without it, the service answers 404 to a POST. */
  readonly identityToken?: string;
  /** Seconds; default: the service does not say. */
  readonly expiresIn?: number;
  /** Names on a page; default: all. */
  readonly pageSize?: number;
  /** Speak https with this key and certificate, in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/**
 * A registry in memory that speaks the whole protocol (distribution-spec v1.1, token authentication as in
 * https://distribution.github.io/distribution/spec/auth/token/) and can be told to break any part of it.
 */
export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const requests: SeenRequest[] = [];
  const repositories = new Map<string, FakeRepository>();
  const misbehaviours: { match: string; how: Misbehaviour; times: number }[] = [];
  const tokens = new Map<string, ReadonlySet<string>>();
  const uploads = new Set<string>();

  const repository = (name: string): FakeRepository => {
    const known = repositories.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    repositories.set(name, known);
    return known;
  };

  const listener: RequestListener = (request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push({ method, path: url, headers: headers as SeenRequest["headers"] });
    const proceed = () => answer(request, response);
    const planned = misbehaviours.find(({ match, times }) => times > 0 && `${method} ${url}`.includes(match));
    if (planned) planned.times -= 1;
    Promise.resolve(planned ? planned.how(request, response, proceed) : proceed()).catch((error) =>
      response.destroy(error),
    );
  };
  const server = options.tls ? createSecureServer(options.tls, listener) : createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const origin = `${options.tls ? "https" : "http"}://${host}`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", origin);
    if (url.pathname === "/token") return giveToken(request, response, url);
    const path = decodeURIComponent(url.pathname);
    const [, name = "", door = "", rest = ""] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|tags)\/([^/]*)$/.exec(path) ?? [];
    if (!allowed(request, response, path, name)) return;
    if (path === "/v2/") return void response.end("{}");
    if (path === "/v2/_catalog") return list(response, url, "repositories", [...repositories.keys()], undefined);
    if (door === "tags") {
      const tags = repositories.get(name)?.tags;
      return tags ? list(response, url, "tags", [...tags.keys()], name) : refuse(response, 404, "NAME_UNKNOWN");
    }
    if (door === "blobs/uploads") return upload(request, response, url, name, rest);
    if (door === "blobs") {
      const blob = repositories.get(name)?.blobs.get(rest);
      return blob ? giveBlob(request, response, blob) : refuse(response, 404, "BLOB_UNKNOWN");
    }
    if (door === "manifests") return manifest(request, response, name, rest);
    refuse(response, 404, "UNSUPPORTED");
  }

  /** Whether a request may pass; if not, it is answered. */
  function allowed({ method, headers }: IncomingMessage, response: ServerResponse, path: string, name: string) {
    const [scheme, secret = ""] = (headers.authorization ?? "").split(" ");
    if (options.auth === undefined) return true;
    if (options.auth === "basic") {
      if (scheme === "Basic" && isUser(secret)) return true;
      response.setHeader("www-authenticate", 'Basic realm="fake"');
    } else {
      const actions = method === "GET" || method === "HEAD" ? "pull" : method === "DELETE" ? "delete" : "pull,push";
      const scope = path === "/v2/_catalog" ? "registry:catalog:*" : name ? `repository:${name}:${actions}` : "";
      const wanted = split(scope);
      if (scheme === "Bearer" && wanted.every((one) => tokens.get(secret)?.has(one))) return true;
      const challenge = `Bearer realm="${origin}/token",service="fake"${scope ? `,scope="${scope}"` : ""}`;
      response.setHeader("www-authenticate", challenge);
    }
    refuse(response, 401, "UNAUTHORIZED");
    return false;
  }

  const isUser = (basic: string): boolean => {
    const [user = "", ...password] = Buffer.from(basic, "base64").toString().split(":");
    return options.users?.[user] === password.join(":");
  };

  async function giveToken(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    let asked = url.searchParams;
    if (request.method === "POST") {
      asked = new URLSearchParams((await bytesOf(request)).toString());
      if (options.identityToken === undefined) return refuse(response, 404, "UNSUPPORTED");
      if (asked.get("refresh_token") !== options.identityToken) return refuse(response, 401, "UNAUTHORIZED");
    } else {
      const basic = request.headers.authorization?.split(" ")[1];
      if (basic === undefined ? options.users !== undefined : !isUser(basic)) {
        return refuse(response, 401, "UNAUTHORIZED");
      }
    }
    const token = randomUUID();
    tokens.set(token, new Set(asked.getAll("scope").join(" ").split(" ").flatMap(split)));
    sendJson(response, { token, expires_in: options.expiresIn });
  }

  async function upload(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    name: string,
    id: string,
  ): Promise<void> {
    const { blobs } = repository(name);
    if (request.method === "POST") {
      const mounted = repositories
        .get(url.searchParams.get("from") ?? "")
        ?.blobs.get(url.searchParams.get("mount") ?? "");
      if (mounted) {
        blobs.set(url.searchParams.get("mount") ?? "", mounted);
        return void response.writeHead(201).end();
      }
      const session = `${randomUUID()}?_state=a%2Fb%3d%20c+d&part=1`;
      uploads.add(session);
      return void response.writeHead(202, { location: `/v2/${name}/blobs/uploads/${session}` }).end();
    }
    // the query must come back byte for byte
    const [session = "", digest = ""] = (request.url ?? "").split("/uploads/")[1]?.split("&digest=") ?? [];
    if (!id || !uploads.delete(session)) return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN");
    const bytes = await bytesOf(request);
    if (digestOf(bytes) !== decodeURIComponent(digest)) return refuse(response, 400, "DIGEST_INVALID");
    blobs.set(digestOf(bytes), bytes);
    response.writeHead(201).end();
  }

  async function manifest(
    request: IncomingMessage,
    response: ServerResponse,
    name: string,
    reference: string,
  ): Promise<void> {
    const known = repositories.get(name);
    const digest = known?.tags.get(reference) ?? reference;
    const found = known?.manifests.get(digest);
    if (request.method === "PUT") {
      const bytes = await bytesOf(request);
      const { manifests, tags } = repository(name);
      manifests.set(digestOf(bytes), { type: request.headers["content-type"] ?? "", bytes });
      if (!reference.includes(":")) tags.set(reference, digestOf(bytes));
      return void response.writeHead(201, { "docker-content-digest": digestOf(bytes) }).end();
    }
    if (!known || !found) return refuse(response, 404, "MANIFEST_UNKNOWN");
    if (request.method === "DELETE") {
      if (reference === digest) {
        known.manifests.delete(digest);
        for (const [tag, named] of known.tags) if (named === digest) known.tags.delete(tag);
      } else known.tags.delete(reference);
      return void response.writeHead(202).end();
    }
    const headers = {
      "content-type": found.type,
      "content-length": found.bytes.byteLength,
      "docker-content-digest": digest,
    };
    response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : found.bytes);
  }

  /** A page, and the way to the next as Harbor writes it: relative, with an escaped slash and an opaque token. */
  function list(response: ServerResponse, url: URL, field: string, names: readonly string[], name: string | undefined) {
    const start = Number(url.searchParams.get("token") ?? 0);
    const page = names.slice(start, start + (options.pageSize ?? names.length));
    const next = start + page.length;
    const path = name === undefined ? "/v2/_catalog" : `/v2/${encodeURIComponent(name)}/tags/list`;
    if (next < names.length) response.setHeader("link", `<${path}?token=${next}&last=a%2Fb>; rel="next"`);
    sendJson(response, { ...(name && { name }), [field]: page });
  }

  return {
    host,
    url: origin,
    requests,
    repository,
    misbehave: (match, how, times = 1) => void misbehaviours.push({ match, how, times }),
    revokeTokens: () => tokens.clear(),
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function giveBlob(request: IncomingMessage, response: ServerResponse, blob: Buffer): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const start = Number(from ?? 0);
  const end = to ? Math.min(Number(to), blob.byteLength - 1) : blob.byteLength - 1;
  const bytes = blob.subarray(start, end + 1);
  response.setHeader("content-length", bytes.byteLength);
  if (from !== undefined) response.setHeader("content-range", `bytes ${start}-${end}/${blob.byteLength}`);
  response.writeHead(from === undefined ? 200 : 206).end(request.method === "HEAD" ? undefined : bytes);
}

/** Answer with an error in the registries' own form. */
export function refuse(response: ServerResponse, status: number, code: string, message = "no"): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

export function sendJson(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(value));
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** `repository:a:pull,push` → one string for each action. */
function split(scope: string): readonly string[] {
  const colon = scope.lastIndexOf(":");
  if (colon < 0) return [];
  return scope
    .slice(colon + 1)
    .split(",")
    .map((action) => `${scope.slice(0, colon)}:${action}`);
}
