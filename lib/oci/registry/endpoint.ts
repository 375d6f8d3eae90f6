import { RejectedError, TransientError } from "../../errors.ts";
import { isHost } from "../reference.ts";
import { canonicalHost } from "./credentials-file.ts";
import { ConnectionFailure, collectBody, type Http, type HttpResponse, isLoopback } from "./http.ts";
import { createSingleFlight } from "./single-flight.ts";

/** How one registry is reached, as the operator decided. */
export interface RegistrySettings {
  /** As in references: `docker.io`, `registry.example.com:5000`. */
  readonly host: string;
  /** Talk to this address instead (`http://127.0.0.1:41234`); messages and references keep the host. */
  readonly endpoint?: string | undefined;
  /**
   * Without it: http for loopback hosts, https for all others.
   * `auto`: https, and http without credentials where https does not answer.
   */
  readonly scheme?: "http" | "https" | "auto" | undefined;
  /** How many requests may be under way at once at most, of those that read and of those that write; default 16. */
  readonly maxConcurrency?: number | undefined;
  /** Bytes that a single request may carry; what is larger goes up in parts. Default: what the registry takes. */
  readonly maxUploadBytes?: number | undefined;
}

/** Where requests for a registry go. */
export interface Endpoint {
  /** Scheme, address and port. */
  readonly base: URL;
  /** Whether credentials may go there: over https, on loopback, and over http that was asked for by name. */
  readonly trusted: boolean;
}

/** Finds out where a registry is, once. */
export type FindEndpoint = (signal?: AbortSignal) => Promise<Endpoint>;

/** @throws RejectedError CONFIG_INVALID */
export function endpointOf(settings: RegistrySettings, http: Http): FindEndpoint {
  const { host, endpoint, scheme } = settings;
  if (!isHost(host) || !URL.canParse(`https://${host}`)) {
    throw new RejectedError("CONFIG_INVALID", `Cannot use registry host "${host}": it is not a host`);
  }
  if (endpoint !== undefined) return always({ base: parseEndpoint(host, endpoint), trusted: true });

  // the Hub's API has a host of its own: https://github.com/moby/moby/blob/v27.0.0/registry/config.go
  const address = canonicalHost(host) === "docker.io" ? "registry-1.docker.io" : host;
  const at = (protocol: "http" | "https"): URL => new URL(`${protocol}://${address}`);
  const local = isLoopback(at("https").hostname);
  if (scheme !== "auto") return always({ base: at(scheme ?? (local ? "http" : "https")), trusted: true });

  const probing = createSingleFlight<Endpoint>();
  let found: Endpoint | undefined;
  return async (signal) => {
    found ??= await probing(host, () => probe(host, at, local, http), signal);
    return found;
  };
}

const always =
  (endpoint: Endpoint): FindEndpoint =>
  async () =>
    endpoint;

function parseEndpoint(host: string, endpoint: string): URL {
  const url = URL.parse(endpoint);
  if (!url || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new RejectedError(
      "CONFIG_INVALID",
      `Cannot use the endpoint of registry "${host}": it must be http:// or https://, an address and a port, no more`,
    );
  }
  return url;
}

const PROBE_PATIENCE_MS = 10_000;

/**
 * What says that nobody speaks TLS there; no code at all is a time that ran out. A certificate that cannot be verified is an answer: going on over http would
 * help whoever sits in between.
 */
const NO_HTTPS = /^(?:ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPIPE|EPROTO|ERR_SSL_\w+|)$/;

async function probe(
  host: string,
  at: (protocol: "http" | "https") => URL,
  local: boolean,
  http: Http,
): Promise<Endpoint> {
  const ask = async (base: URL): Promise<HttpResponse | ConnectionFailure> => {
    try {
      const url = new URL("/v2/", base);
      const response = await http.send({ method: "GET", url, patience: PROBE_PATIENCE_MS });
      await collectBody(response, 64 * 1024);
      return response;
    } catch (error) {
      if (error instanceof ConnectionFailure) return error;
      throw error;
    }
  };

  const secure = await ask(at("https"));
  if (!(secure instanceof ConnectionFailure)) return { base: at("https"), trusted: true };
  const failed = (plain: string): TransientError =>
    new TransientError(
      "REGISTRY_UNAVAILABLE",
      `Cannot reach registry "${host}": https: ${secure.message}; http: ${plain}`,
    );
  if (!NO_HTTPS.test(secure.code)) throw failed("not tried, since https is spoken there");
  const plain = await ask(at("http"));
  if (plain instanceof ConnectionFailure) throw failed(plain.message);
  // anything else on port 80 (a page that sends browsers to https) is no registry
  if (plain.status !== 200 && plain.status !== 401) throw failed(`answered ${plain.status}`);
  return { base: at("http"), trusted: local };
}
