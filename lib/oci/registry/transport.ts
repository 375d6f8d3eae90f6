import { RejectedError, type StowageError } from "../../errors.ts";
import { streamOf } from "../bytes.ts";
import type { Bytes } from "../content.ts";
import { Turns } from "../turns.ts";
import type { Access } from "./access.ts";
import { type Authorizer, createAuthorizer } from "./authorizer.ts";
import type { Credentials } from "./credentials.ts";
import { type Endpoint, endpointOf, type RegistrySettings } from "./endpoint.ts";
import {
  describeRefusal,
  errorOfConnection,
  errorOfPause,
  errorOfStatus,
  MAX_REFUSAL_BYTES,
  parseRefusal,
} from "./failure.ts";
import { createHostGate, HostPaused, type Pass } from "./host-gate.ts";
import {
  abandon,
  ConnectionFailure,
  collectBody,
  type Http,
  type HttpBody,
  type HttpResponse,
  headerOf,
} from "./http.ts";
import { type Patience, parseRetryAfter, retrying } from "./retry.ts";

export interface RegistryRequest {
  /** What is being done, to stand behind "Cannot" in messages: `resolve "1.0" in docker://host/repo`. */
  readonly action: string;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path such as `/v2/repo/tags/list`, or an address the registry itself handed out (`Location`, `Link`). */
  readonly to: string | URL;
  readonly access: Access;
  /** The statuses the caller can deal with. All others are thrown. */
  readonly expect: readonly number[];
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly body?: HttpBody | undefined;
  /** The address may lie on another host, which then gets no credentials. */
  readonly elsewhere?: boolean | undefined;
  /** Milliseconds the registry may keep still. */
  readonly patience?: number | undefined;
  /** Bytes of answer to read at most. */
  readonly limit?: number | undefined;
  /** The caller has a place at the registry already: {@linkcode Transport.enter}. */
  readonly within?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What has been found out about a registry by talking to it. */
export interface Known {
  /** Bytes that one request may carry. */
  uploadLimit: number;
  /** It does not speak the referrers API. */
  lacksReferrers: boolean;
  /** Changes of one thing there that must not overlap, as far as this process makes them. */
  readonly turns: Turns;
}

/** The beginning of an answer. */
export interface Answer {
  readonly status: number;
  /** Where it came from; relative addresses in it are relative to this. */
  readonly url: URL;
  header(name: string): string | undefined;
}

/** An answer that was read to its end. */
export interface WholeAnswer extends Answer {
  readonly bytes: Uint8Array;
}

/** The media type of an answer, without parameters; empty where it does not say. */
export const typeOf = (answer: Answer): string => answer.header("content-type")?.split(";")[0]?.trim() ?? "";

/** An answer whose body is still to be read. Reading throws ConnectionFailure when it breaks off. */
export interface OpenAnswer extends Answer {
  readonly body: HttpResponse["body"];
}

/**
 * All of them throw
 * - TransientError REGISTRY_UNAVAILABLE: no answer, 408, 429 or 5xx
 * - RejectedError REGISTRY_DENIED (401, 403), CONTENT_UNKNOWN (404), REGISTRY_REFUSED (the rest), CREDENTIALS_INVALID
 * - BodyFailure: the request's own body could not be read
 */
export interface Transport {
  /** The registry's host, as references name it. */
  readonly host: string;
  readonly patience: Patience;
  readonly known: Known;
  /** Take a place for several requests that write one thing. The caller gives it back. */
  enter(request: Pick<RegistryRequest, "action" | "signal">): Promise<Pass>;
  /** Ask and read the whole answer. Tried up to three times while the registry is unavailable. */
  request(request: RegistryRequest): Promise<WholeAnswer>;
  /** The same without trying again, for what cannot be repeated alone. */
  once(request: RegistryRequest): Promise<WholeAnswer>;
  /** Ask and hand out the body as it comes. Tried up to three times until the body begins. */
  stream(request: RegistryRequest): Promise<OpenAnswer>;
}

export interface TransportOptions {
  readonly settings: RegistrySettings;
  readonly credentials: Credentials;
  readonly http: Http;
  readonly patience: Patience;
}

/** Requests to one registry at once, of each kind, where the configuration does not say. */
const MAX_CONCURRENCY = 16;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_REDIRECTS = 5;
/** Of one request: none, one from the cache or the first that was asked for, and a fresh one. */
const MAX_AUTHORIZATIONS = 3;

/**
 * Requests to one registry: address, authorization, redirects, retries, errors, and how many there are at once, in one
 * place. Asks nothing before the first request.
 *
 * @throws RejectedError CONFIG_INVALID
 */
export function createTransport({ settings, credentials, http, patience }: TransportOptions): Transport {
  const { host, maxConcurrency = MAX_CONCURRENCY } = settings;
  const findEndpoint = endpointOf(settings, http);
  const gate = createHostGate({ most: maxConcurrency, patience: patience.maxWait, clock: patience.clock });
  let authorizer: Authorizer | undefined;

  /** One request, up to the head of an answer that the caller expects; its body still counts as under way. */
  async function exchange(request: RegistryRequest): Promise<OpenAnswer> {
    const { method, within, signal } = request;
    const pass = await gate.enter(within ? "within" : method === "GET" || method === "HEAD" ? "read" : "write", signal);
    try {
      const { body, ...answer } = await ask(request, pass);
      if (request.body === undefined) pass.answered();
      return { ...answer, body: passing(body, pass) };
    } catch (error) {
      if (error instanceof ConnectionFailure) pass.busy();
      pass.leave();
      throw error;
    }
  }

  async function ask(request: RegistryRequest, pass: Pass): Promise<OpenAnswer> {
    const endpoint = await findEndpoint(request.signal);
    let url = locate(request, endpoint.base);
    const own = url.origin === endpoint.base.origin;
    let response = own ? await authorized(request, url, endpoint) : await send(request, url);
    let hops = 0;
    for (; isRedirect(request, response.status); hops += 1) {
      await collectBody(response, MAX_ANSWER_BYTES);
      if (hops === MAX_REDIRECTS) throw refused(request, `redirects more than ${MAX_REDIRECTS} times`);
      url = redirected(request, url, headerOf(response, "location"));
      response = await send(request, url);
    }
    const { status, body } = response;
    if (status === 401 && hops > 0) {
      await abandon(response);
      throw refused(request, "redirects to an address that asks for credentials, which do not follow");
    }
    if (status === 429 || status === 503) {
      const seconds = parseRetryAfter(headerOf(response, "retry-after"));
      pass.busy(seconds === undefined ? 0 : seconds * 1000);
    }
    if (!request.expect.includes(status)) throw await unexpected(request, response, url, endpoint);
    return { status, url, body, header: (name) => headerOf(response, name) };
  }

  const send = (request: RegistryRequest, url: URL, authorization?: string): Promise<HttpResponse> => {
    const { method, body, patience, signal } = request;
    return http.send({ method, url, body, patience, signal, headers: { ...request.headers, authorization } });
  };

  /** Ask the registry itself, and again when it wants another authorization: tokens end while work goes on, at times early. */
  async function authorized(request: RegistryRequest, url: URL, endpoint: Endpoint): Promise<HttpResponse> {
    const { access, signal } = request;
    authorizer ??= createAuthorizer({
      name: host,
      http,
      endpoint,
      find: (repository) => credentials.find(host, repository),
    });
    let sent = await authorizer.authorize(access, signal);
    for (let tries = 1; ; tries += 1) {
      const response = await send(request, url, sent);
      if (response.status !== 401) return response;
      const said = await collectBody(response, MAX_REFUSAL_BYTES);
      const challenge = headerOf(response, "www-authenticate");
      const better =
        tries < MAX_AUTHORIZATIONS ? await authorizer.challenged(challenge, access, sent, signal) : undefined;
      if (better === undefined) return { ...response, body: streamOf(said ?? Buffer.of()) };
      sent = better;
    }
  }

  /** Where to send a request. Addresses by which a registry names itself lead to where it is reached. */
  function locate(request: RegistryRequest, base: URL): URL {
    const { to } = request;
    if (typeof to === "string") return new URL(to, base);
    if (to.host === base.host || to.host === host) {
      const url = new URL(base);
      url.pathname = to.pathname;
      url.search = to.search;
      return url;
    }
    if (!request.elsewhere) throw refused(request, `points to another host, ${to.host}`);
    return outside(request, to, base);
  }

  async function unexpected(
    request: RegistryRequest,
    response: HttpResponse,
    url: URL,
    { base, trusted }: Endpoint,
  ): Promise<StowageError> {
    const { status } = response;
    const said = await collectBody(response, MAX_REFUSAL_BYTES);
    // what another host says is not the registry's word, and its address may hold a signature
    const own = url.origin === base.origin;
    const refusal = own && said && parseRefusal(said);
    let message = `Cannot ${request.action}: ${own ? "the registry" : url.host} answered ${status}`;
    if (refusal) message += ` (${describeRefusal(refusal)})`;
    if (status === 401 && own) message += await whyNoCredentials(request.access, trusted);
    return errorOfStatus(status, message, headerOf(response, "retry-after"));
  }

  async function whyNoCredentials({ repository }: Access, trusted: boolean): Promise<string> {
    if (!trusted) return "; credentials are not sent over http";
    return (await credentials.find(host, repository)) ? "" : "; there are no credentials for it";
  }

  async function once(request: RegistryRequest): Promise<WholeAnswer> {
    return named(request, async () => {
      const { body, ...answer } = await exchange(request);
      const limit = request.limit ?? MAX_ANSWER_BYTES;
      const bytes = await collectBody({ body }, limit);
      if (!bytes) throw refused(request, `answered more than ${limit} bytes`);
      return { ...answer, bytes };
    });
  }

  return {
    host,
    patience,
    known: {
      uploadLimit: settings.maxUploadBytes ?? Number.POSITIVE_INFINITY,
      lacksReferrers: false,
      turns: new Turns(),
    },
    enter: (request) => named(request, () => gate.enter("write", request.signal)),
    once,
    request: (request) => retrying(() => once(request), patience, request.signal),
    stream: (request) => retrying(() => named(request, () => exchange(request)), patience, request.signal),
  };
}

/** Say what could not be done when a connection fails, or is not even tried. */
async function named<T>({ action }: Pick<RegistryRequest, "action">, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ConnectionFailure) throw errorOfConnection(action, error);
    if (error instanceof HostPaused) throw errorOfPause(action, error.milliseconds);
    throw error;
  }
}

/** The body of an answer. The request's place at the host is given back when it has been read or left. */
async function* passing(body: Bytes, pass: Pass): Bytes {
  try {
    yield* body;
  } catch (error) {
    if (error instanceof ConnectionFailure) pass.busy();
    throw error;
  } finally {
    pass.leave();
  }
}

const refused = ({ action }: RegistryRequest, why: string): RejectedError =>
  new RejectedError("REGISTRY_REFUSED", `Cannot ${action}: the registry ${why}`);

/** Downloads may be redirected to a store; anything else that is redirected went to the wrong address. */
const isRedirect = ({ method }: RegistryRequest, status: number): boolean =>
  (method === "GET" || method === "HEAD") && [301, 302, 303, 307, 308].includes(status);

function redirected(request: RegistryRequest, from: URL, location: string | undefined): URL {
  const to = URL.parse(location ?? "", from.href);
  if (!to) throw refused(request, "redirects to no usable address");
  return outside(request, to, from);
}

/** An address that is followed without credentials. It may not carry its own, nor lead from https to anything else. */
function outside(request: RegistryRequest, to: URL, from: URL): URL {
  const safe = to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:");
  if (safe && to.username === "" && to.password === "") return to;
  throw refused(request, `points to ${to.protocol}//${to.host}, which is not safe to follow`);
}
