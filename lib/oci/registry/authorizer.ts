import { type Access, mergeScopes } from "./access.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credential } from "./credentials-file.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Http } from "./http.ts";
import { createSingleFlight } from "./single-flight.ts";
import { basicAuthorization, fetchToken, parseRealm, type TokenService } from "./token.ts";

/**
 * Finds the `Authorization` a registry wants. Nothing is sent before the registry has asked for it once, except where
 * {@linkcode Access.basic} says so.
 */
export interface Authorizer {
  /** What to send with a request; undefined while the registry has not asked, or takes it without. */
  authorize(access: Access, signal?: AbortSignal): Promise<string | undefined>;

  /**
   * Take a 401 and find something better than what was refused.
   *
   * @param header its `WWW-Authenticate`
   * @param refused the `Authorization` that was sent
   * @returns undefined when there is nothing else to try
   */
  challenged(
    header: string | undefined,
    access: Access,
    refused: string | undefined,
    signal?: AbortSignal,
  ): Promise<string | undefined>;
}

export interface AuthorizerOptions {
  /** The registry, for messages. */
  readonly name: string;
  readonly http: Http;
  readonly endpoint: Endpoint;
  readonly find: (repository?: string) => Promise<Credential | undefined>;
  /** Milliseconds on a clock that only goes forward. */
  readonly now?: () => number;
}

interface Grant {
  /** With what the registry's challenge asked for besides. */
  readonly scopes: readonly string[];
  readonly authorization: string;
  readonly renewAt: number;
}

/** One grant for each set of scopes; a scan over thousands of repositories must not keep them all. */
const MAX_GRANTS = 1000;

/**
 * Basic and Bearer authorization for one registry. One token is fetched for each set of scopes, by one request however
 * many ask, and kept until shortly before it expires. Credentials are read anew for each token, so rotated ones are
 * found. An endpoint that is not trusted never sees any.
 */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { name, http, endpoint, now = () => performance.now() } = options;
  const grants = new Map<string, Grant>();
  const fetching = createSingleFlight<Grant>();
  let wanted: "basic" | TokenService | undefined;

  const find = async (access: Access): Promise<Credential | undefined> =>
    endpoint.trusted ? options.find(access.repository) : undefined;

  async function basic(access: Access): Promise<string | undefined> {
    const credential = await find(access);
    return credential && basicAuthorization(credential);
  }

  async function bearer(
    service: TokenService,
    access: Access,
    more: readonly string[],
    signal?: AbortSignal,
  ): Promise<string> {
    const key = access.scopes.join(" ");
    const scopes = mergeScopes(grants.get(key)?.scopes ?? access.scopes, more);
    const grant = await fetching(scopes.join(" "), () => fetchGrant(service, access, scopes), signal);
    grants.delete(key);
    grants.set(key, grant);
    if (grants.size > MAX_GRANTS) grants.delete(grants.keys().next().value!);
    return grant.authorization;
  }

  async function fetchGrant(service: TokenService, access: Access, scopes: readonly string[]): Promise<Grant> {
    const credential = await find(access);
    if (credential?.registryToken !== undefined) {
      return { scopes, authorization: `Bearer ${credential.registryToken}`, renewAt: now() };
    }
    const asked = now();
    const { token, expiresIn } = await fetchToken(http, service, scopes, credential, name);
    // a quarter of its life early, half a minute at most: a request takes time to arrive, and clocks differ
    const life = expiresIn * 1000;
    return { scopes, authorization: `Bearer ${token}`, renewAt: asked + life - Math.min(life / 4, 30_000) };
  }

  return {
    async authorize(access, signal) {
      if (access.basic) return basic(access);
      if (wanted === undefined) return undefined;
      if (wanted === "basic") return basic(access);
      const grant = grants.get(access.scopes.join(" "));
      return grant && now() < grant.renewAt ? grant.authorization : bearer(wanted, access, [], signal);
    },

    async challenged(header, access, refused, signal) {
      if (access.basic) return undefined;
      const challenges = parseChallenges(header ?? "");
      const token = challenges.find(({ scheme }) => scheme === "bearer");
      if (!token) {
        if (!challenges.some(({ scheme }) => scheme === "basic")) return undefined;
        wanted = "basic";
        const authorization = await basic(access);
        return authorization === refused ? undefined : authorization;
      }
      wanted = { realm: parseRealm(token.parameters.get("realm"), endpoint, name), service: serviceOf(token) };
      // somebody else may have renewed it while this request was under way
      const current = grants.get(access.scopes.join(" "))?.authorization;
      if (current !== undefined && current !== refused) return current;
      const authorization = await bearer(wanted, access, scopesOf(token), signal);
      return authorization === refused ? undefined : authorization;
    },
  };
}

const serviceOf = ({ parameters }: Challenge): string | undefined => parameters.get("service");

const scopesOf = ({ parameters }: Challenge): readonly string[] =>
  parameters
    .get("scope")
    ?.split(" ")
    .filter((scope) => scope !== "") ?? [];
