import * as z from "zod";

/** What proves who is asking. The strongest thing that is there is used: registry token, identity token, password. */
export interface Credential {
  readonly username: string;
  readonly password: string;
  /** An OAuth2 refresh token, to be exchanged at the token service. */
  readonly identityToken?: string | undefined;
  /** A bearer token to be sent as it is. */
  readonly registryToken?: string | undefined;
}

/** One line of a credentials file: whom it is for and what it holds. */
export interface CredentialEntry {
  /** Lower case, with port where there is one; `*` stands for any part of one label. */
  readonly host: string;
  /** Without slashes at its ends; empty when the entry is for the whole registry. */
  readonly path: string;
  readonly credential: Credential;
}

// The shape is https://github.com/docker/cli/blob/v28.0.0/cli/config/types/authconfig.go
const entry = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});
const entries = z.record(z.string(), z.unknown());
const file = z.object({ auths: entries.nullish() });

/** What a token may be made of; with anything else in it, it cannot stand in a header. */
export const SENDABLE = /^[\x21-\x7e]+$/;

/**
 * Read a `dockerconfigjson` (`{"auths": {…}}`) or an older `.dockercfg` (the same without the wrapper), most specific
 * entries first: the longest path, then hosts without `*`.
 *
 * @throws Error whose message says what is wrong without showing any of the text
 */
export function parseCredentialsFile(text: string): readonly CredentialEntry[] {
  const found: CredentialEntry[] = [];
  for (const [index, [key, value]] of Object.entries(readEntries(text)).entries()) {
    const parsed = entry.safeParse(value);
    if (!parsed.success) throw new Error(`entry ${index + 1} has a field of the wrong type`);
    const credential = toCredential(parsed.data, index + 1);
    if (credential) found.push({ ...parseKey(key), credential });
  }
  return found.sort(
    (a, b) => depth(b.path) - depth(a.path) || Number(a.host.includes("*")) - Number(b.host.includes("*")),
  );
}

function readEntries(text: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // the parser's own message quotes the text, which is secret
    throw new Error("it is not JSON");
  }
  const wrapped = file.safeParse(json);
  const bare = entries.safeParse(json);
  if (!wrapped.success || !bare.success) throw new Error("it is not an object with auths");
  if (wrapped.data.auths !== undefined) return wrapped.data.auths ?? {};
  // a .dockercfg; or a config.json that only holds settings, none of which is an object with such fields
  return Object.fromEntries(Object.entries(bare.data).filter(([, value]) => looksLikeEntry(value)));
}

const looksLikeEntry = (value: unknown): boolean =>
  typeof value === "object" && value !== null && ("auth" in value || "username" in value || "identitytoken" in value);

/** `auth` wins over username and password, as in go-containerregistry (pkg/authn/authn.go). */
function toCredential(fields: z.output<typeof entry>, position: number): Credential | undefined {
  const { username, password } = fields.auth
    ? decode(fields.auth, position)
    : { username: fields.username ?? "", password: fields.password ?? "" };
  const identityToken = fields.identitytoken || undefined;
  const registryToken = fields.registrytoken || undefined;
  if (registryToken !== undefined && !SENDABLE.test(registryToken)) {
    throw new Error(`entry ${position} has a registrytoken that cannot be sent`);
  }
  // docker login leaves an empty entry behind when a helper keeps the secret
  if (username === "" && password === "" && !identityToken && !registryToken) return undefined;
  return { username, password, identityToken, registryToken };
}

function decode(auth: string, position: number): { username: string; password: string } {
  const text = /^[A-Za-z0-9+/_-]*={0,2}$/.test(auth.trim()) ? Buffer.from(auth.trim(), "base64").toString("utf8") : "";
  const colon = text.indexOf(":");
  if (colon < 0) throw new Error(`the auth of entry ${position} is not base64 of user:password`);
  // docker pads with NULs: https://github.com/docker/cli/blob/v28.0.0/cli/config/configfile/file.go (decodeAuth)
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

/** `/v1/` and `/v2/` behind the host mean the host alone (kubernetes pkg/credentialprovider/keyring.go). */
function parseKey(key: string): { host: string; path: string } {
  const [host = "", ...path] = key.replace(/^https?:\/\//i, "").split("/");
  if (path[0] === "v1" || path[0] === "v2") path.shift();
  return { host: canonicalHost(host), path: path.filter((part) => part !== "").join("/") };
}

const DOCKER_HUB = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** One spelling for each registry: lower case, and all names of Docker Hub as `docker.io`. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  return DOCKER_HUB.has(lower) ? "docker.io" : lower;
}

const depth = (path: string): number => (path === "" ? 0 : path.split("/").length);
