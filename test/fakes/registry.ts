import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { bytesOf, digestOf, giveBlob, refuse, sendJson, split } from "./answers.ts";

export { refuse, sendJson } from "./answers.ts";

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
  /** Names, or referrers, on a page; default: all. */
  readonly pageSize?: number;
  /** Whether it speaks the referrers API. Default: no, as distribution. */
  readonly referrers?: boolean;
  /** Which blobs can be mounted; default: any that the token covers. */
  readonly mounts?: "any" | "referenced" | "none";
  /** Bytes that a request may carry; for more, a proxy in front answers 413. */
  readonly maxBody?: number;
  /** Bytes that each part of a blob must have, except the last. */
  readonly minChunk?: number;
  /** How it differs from a good registry: for the first `METHOD /path?query` that contains the text, after `misbehave`. */
  readonly deviations?: readonly (readonly [match: string, how: Misbehaviour])[];
  /** Speak https with this key and certificate, in PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

const INDEX = "application/vnd.oci.image.index.v1+json";

/**
 * A registry in memory that speaks the whole protocol (distribution-spec v1.1, token authentication as in
 * https://distribution.github.io/distribution/spec/auth/token/) and can be told to break any part of it.
 */
export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const requests: SeenRequest[] = [];
  const repositories = new Map<string, FakeRepository>();
  const misbehaviours: { match: string; how: Misbehaviour; times: number }[] = [];
  const tokens = new Map<string, ReadonlySet<string>>();
  const uploads = new Map<string, Buffer>();

  const repository = (name: string): FakeRepository => {
    const known = repositories.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    repositories.set(name, known);
    return known;
  };

  const listener: RequestListener = (request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push({ method, path: url, headers: headers as SeenRequest["headers"] });
    const proceed = () => answer(request, response);
    const line = `${method} ${url}`;
    const planned = misbehaviours.find(({ match, times }) => times > 0 && line.includes(match));
    if (planned) planned.times -= 1;
    const how = planned?.how ?? options.deviations?.find(([match]) => line.includes(match))?.[1];
    Promise.resolve(how ? how(request, response, proceed) : proceed()).catch((error) => response.destroy(error));
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
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|referrers|tags)\/([^/]*)$/.exec(path) ?? [];
    if (Number(request.headers["content-length"] ?? 0) > (options.maxBody ?? Number.POSITIVE_INFINITY)) {
      return void response.writeHead(413, { "content-type": "text/html" }).end("<h1>413 Request Entity Too Large</h1>");
    }
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
    if (door === "referrers" && options.referrers) return listReferrers(response, url, name, rest);
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
      const mounted = mountable(request, url);
      if (mounted) {
        blobs.set(digestOf(mounted), mounted);
        return void response.writeHead(201).end();
      }
      const session = `${randomUUID()}?_state=a%2Fb%3d%20c+d&part=1`;
      uploads.set(session, Buffer.of());
      return accept(response, name, session);
    }
    // the query must come back byte for byte
    const [session = "", digest = ""] = (request.url ?? "").split("/uploads/")[1]?.split("&digest=") ?? [];
    const before = uploads.get(session);
    if (!id || !before) return refuse(response, 404, "BLOB_UPLOAD_UNKNOWN");
    const part = await bytesOf(request);
    const start = request.headers["content-range"]?.split("-")[0];
    if (start !== undefined && Number(start) !== before.byteLength) return refuse(response, 416, "BLOB_UPLOAD_INVALID");
    uploads.delete(session);
    if (request.method === "DELETE") return void response.writeHead(204).end();
    const bytes = Buffer.concat([before, part]);
    if (request.method === "PATCH") {
      if (part.byteLength < (options.minChunk ?? 0)) return refuse(response, 416, "SIZE_INVALID");
      const next = `${randomUUID()}?_state=next&part=2`;
      uploads.set(next, bytes);
      return accept(response, name, next, bytes.byteLength);
    }
    if (digestOf(bytes) !== decodeURIComponent(digest)) return refuse(response, 400, "DIGEST_INVALID");
    blobs.set(digestOf(bytes), bytes);
    response.writeHead(201).end();
  }

  /** Where an upload goes on. */
  function accept(response: ServerResponse, name: string, session: string, size?: number): void {
    if (size !== undefined) response.setHeader("range", `0-${size - 1}`);
    if (options.minChunk !== undefined) response.setHeader("oci-chunk-min-length", options.minChunk);
    response.writeHead(202, { location: `/v2/${name}/blobs/uploads/${session}` }).end();
  }

  function mountable(request: IncomingMessage, url: URL): Buffer | undefined {
    const [from, digest] = [url.searchParams.get("from") ?? "", url.searchParams.get("mount") ?? ""];
    const holder = repositories.get(from);
    if (options.mounts === "none" || !mayPull(request, from)) return undefined;
    const isReferenced = () => [...(holder?.manifests.values() ?? [])].some(({ bytes }) => bytes.includes(digest));
    return options.mounts === "referenced" && !isReferenced() ? undefined : holder?.blobs.get(digest);
  }

  const mayPull = ({ headers }: IncomingMessage, name: string): boolean =>
    options.auth !== "bearer" ||
    tokens.get(headers.authorization?.split(" ")[1] ?? "")?.has(`repository:${name}:pull`) === true;

  function listReferrers(response: ServerResponse, url: URL, name: string, subject: string): void {
    const all = [...(repositories.get(name)?.manifests ?? [])].flatMap(([digest, { type, bytes }]) => {
      const { subject: own, artifactType, annotations } = JSON.parse(bytes.toString());
      if (own?.digest !== subject) return [];
      return [{ mediaType: type, digest, size: bytes.byteLength, artifactType, annotations }];
    });
    const start = Number(url.searchParams.get("token") ?? 0);
    const page = all.slice(start, start + (options.pageSize ?? all.length));
    const next = start + page.length;
    if (next < all.length) response.setHeader("link", `<${url.pathname}?token=${next}>; rel="next"`);
    sendJson(response, { schemaVersion: 2, mediaType: INDEX, manifests: page }, INDEX);
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
      const condition = request.headers["if-match"];
      if (condition !== undefined && condition !== `"${digest}"`) return refuse(response, 412, "MANIFEST_INVALID");
      manifests.set(digestOf(bytes), { type: request.headers["content-type"] ?? "", bytes });
      if (!reference.includes(":")) tags.set(reference, digestOf(bytes));
      const subject = options.referrers ? JSON.parse(bytes.toString()).subject?.digest : undefined;
      if (subject) response.setHeader("oci-subject", subject);
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
      etag: `"${digest}"`,
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
