import { RejectedError } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";

/** A normalised image reference: who it is, never how somebody spelled it. */
export interface Reference {
  /** Host, with port where there is one: `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  /** `library/nginx` */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

// https://github.com/distribution/reference/blob/v0.6.0/regexp.go
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const DOMAIN_COMPONENT = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const HOST = new RegExp(`^(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

export const isTag = (text: string): boolean => TAG.test(text);
export const isRepository = (text: string): boolean => text.length <= 255 && REPOSITORY.test(text);
export const isHost = (text: string): boolean => HOST.test(text);

/**
 * Read an image reference by Docker's rules: `[host[:port]/]path[:tag][@digest]`, where the first part is a host when it
 * holds a dot or a colon, is `localhost` or has upper-case letters; without a host it is Docker Hub, whose one-part names
 * lie below `library/` (https://github.com/distribution/reference/blob/v0.6.0/normalize.go). No tag is invented.
 *
 * @throws RejectedError REFERENCE_INVALID
 */
export function parseReference(text: string): Reference {
  const reference = readReference(text);
  if (typeof reference !== "string") return reference;
  throw new RejectedError("REFERENCE_INVALID", `Cannot read reference "${text.slice(0, 300)}": ${reference}`);
}

/** The same of a text that need not be one, and mostly is none. @returns why it is none, where it is none */
export function readReference(text: string): Reference | string {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) return "what follows @ is not a sha256 digest";

  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) return `"${tag}" is not a tag`;

  const { registry, path } = splitHost(hasTag ? named.slice(0, colon) : named);
  if (!isHost(registry)) return `"${registry}" is not a host`;
  const repository = registry === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  if (path === "") return "it names no repository";
  if (/[A-Z]/.test(path)) return "a repository is lower case";
  if (!isRepository(repository)) return `"${path}" is not a repository`;
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

function splitHost(name: string): { registry: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isHostPart = slash >= 0 && (/[.:A-Z[]/.test(first) || first === "localhost");
  if (!isHostPart) return { registry: "docker.io", path: name };
  return { registry: first === "index.docker.io" ? "docker.io" : first, path: name.slice(slash + 1) };
}

/** The one way stowage prints a reference: `docker.io/library/nginx:1.16.0`. */
export const formatReference = ({ registry, repository, tag, digest }: Reference): string =>
  `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;

/** What a {@linkcode Source} resolves: the digest where there is one, else the tag, else `latest`. */
export const tagOrDigest = ({ tag, digest }: Pick<Reference, "tag" | "digest">): string => digest ?? tag ?? "latest";
