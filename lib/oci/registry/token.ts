import { BlockList, isIP } from "node:net";
import { RejectedError, TransientError } from "../../errors.ts";
import { type Credential, SENDABLE } from "./credentials-file.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorOfStatus } from "./failure.ts";
import { bodyOf, ConnectionFailure, collectBody, type Http, type HttpRequest, headerOf } from "./http.ts";

/** Where tokens for a registry come from, as its challenge says. */
export interface TokenService {
  readonly realm: URL;
  readonly service: string | undefined;
}

export interface Token {
  readonly token: string;
  /** Seconds it is good for, counted from when it was asked for. */
  readonly expiresIn: number;
}

/** "For compatibility", tokens without `expires_in` live this long: distribution docs, spec/auth/token. */
const DEFAULT_SECONDS = 60;
const MAX_TOKEN_BYTES = 256 * 1024;

/**
 * Fetch a bearer token (https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/). An identity
 * token goes by POST; services that do not know that answer 404, and then it is GET with the password as for all others.
 *
 * @param where the registry, for messages
 * @throws RejectedError REGISTRY_DENIED, REGISTRY_REFUSED
 * @throws TransientError REGISTRY_UNAVAILABLE
 */
export async function fetchToken(
  http: Http,
  { realm, service }: TokenService,
  scopes: readonly string[],
  credential: Credential | undefined,
  where: string,
): Promise<Token> {
  const cannot = `Cannot get a token for ${where}: ${realm.origin}`;
  if (credential?.identityToken !== undefined) {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "stowage",
      refresh_token: credential.identityToken,
      scope: scopes.join(" "),
      ...(service === undefined ? {} : { service }),
    });
    const answer = await ask({
      method: "POST",
      url: realm,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: bodyOf(Buffer.from(form.toString())),
    });
    if (answer) return answer;
  }

  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const authorization = credential && basicAuthorization(credential);
  const token = await ask({ method: "GET", url, headers: { authorization } });
  if (token) return token;
  throw new RejectedError("REGISTRY_REFUSED", `${cannot} answered 404`);

  async function ask(request: HttpRequest): Promise<Token | undefined> {
    try {
      const response = await http.send(request);
      const bytes = await collectBody(response, MAX_TOKEN_BYTES);
      if (response.status === 404) return undefined;
      // the body is not quoted: a service may repeat what it was sent
      const { status } = response;
      if (status !== 200) {
        throw errorOfStatus(status, `${cannot} answered ${status}`, headerOf(response, "retry-after"));
      }
      const token = bytes && parseToken(bytes);
      if (!token) throw new RejectedError("REGISTRY_REFUSED", `${cannot} answered something that is not a token`);
      return token;
    } catch (error) {
      if (!(error instanceof ConnectionFailure)) throw error;
      throw new TransientError("REGISTRY_UNAVAILABLE", `${cannot} did not answer: ${error.message}`, {
        cause: error,
      });
    }
  }
}

function parseToken(bytes: Uint8Array): Token | undefined {
  let json: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    // the caller says so without quoting it
    return undefined;
  }
  const token = json?.token || json?.access_token;
  if (typeof token !== "string" || !SENDABLE.test(token)) return undefined;
  const seconds = json?.expires_in;
  return { token, expiresIn: typeof seconds === "number" && seconds > 0 ? seconds : DEFAULT_SECONDS };
}

/** @returns undefined where there is no password to send */
export function basicAuthorization({ username, password }: Credential): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

const INTERNAL = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  INTERNAL.addSubnet(network, bits, "ipv4");
}
INTERNAL.addAddress("::", "ipv6");
INTERNAL.addAddress("::1", "ipv6");
INTERNAL.addSubnet("fc00::", 7, "ipv6");
INTERNAL.addSubnet("fe80::", 10, "ipv6");

/**
 * Read a challenge's realm. A registry must not lead credentials over http, unless it is itself spoken to over http on
 * purpose, nor to an address inside the network, unless it has such an address itself.
 *
 * @throws RejectedError REGISTRY_REFUSED
 */
export function parseRealm(text: string | undefined, { base, trusted }: Endpoint, where: string): URL {
  const refuse = (why: string): never => {
    throw new RejectedError("REGISTRY_REFUSED", `Cannot get a token for ${where}: its token service ${why}`);
  };
  const realm = URL.parse(text ?? "");
  if (realm?.username !== "" || realm.password !== "") return refuse("has no usable address");
  const plain = realm.protocol === "http:" && base.protocol === "http:" && trusted;
  if (realm.protocol !== "https:" && !plain) return refuse(`${realm.origin} is not https`);
  if (isInternal(realm) && !isInternal(base)) return refuse(`${realm.origin} is an internal address`);
  return realm;
}

function isInternal({ hostname }: URL): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const version = isIP(address);
  return address === "localhost" || (version !== 0 && INTERNAL.check(address, version === 6 ? "ipv6" : "ipv4"));
}
