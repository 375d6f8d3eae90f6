import { FunctionError, type TemplateFunction, templateFunction } from "../function-table.ts";
import { kindName, type ValueMap } from "../value.ts";

/** The parts of a URL as Go's net/url keeps them: decoded, but for the query. */
interface Url {
  readonly scheme: string;
  readonly opaque: string;
  /** Encoded, as it is written. */
  readonly user: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

/** What in each part of a URL is written as it is, besides letters, digits and `-_.~`. (net/url shouldEscape) */
const unescaped = {
  path: /[$&+,/:;=@]/,
  user: /[$&+,;=]/,
  host: /[!$&'()*+,;=:[\]<>"]/,
  fragment: /[$&+,/:;=?@!()*]/,
} as const;
type Part = keyof typeof unescaped;

function percentEncode(text: string, part: Part): string {
  let result = "";
  for (const byte of Buffer.from(text)) {
    const char = String.fromCharCode(byte);
    const plain = byte < 128 && (/[A-Za-z0-9\-_.~]/.test(char) || unescaped[part].test(char));
    result += plain ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return result;
}

/** @throws FunctionError for a `%` without two hexadecimal digits */
function percentDecode(text: string): string {
  const bad = /%(?![0-9A-Fa-f]{2}).{0,2}/su.exec(text);
  if (bad) throw new FunctionError(`invalid URL escape ${JSON.stringify(bad[0])}`);
  const bytes = Buffer.from(text).toString("latin1");
  return Buffer.from(
    bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    "latin1",
  ).toString("utf8");
}

/** Takes a URL apart. (net/url Parse) @throws FunctionError with the reason alone, in Go's words */
export function parseUrl(text: string): Url {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  if (/[\0-\x1f\x7f]/.test(text)) throw new FunctionError("net/url: invalid control character in URL");
  const [beforeFragment, fragment] = cut(text, "#");
  const { scheme, rest } = splitScheme(beforeFragment);
  const [address, query] = cut(rest, "?");
  const decodedFragment = percentDecode(fragment);
  const base = { scheme, opaque: "", user: "", host: "", path: "", query, fragment: decodedFragment };
  if (!address.startsWith("/")) {
    if (scheme !== "") return { ...base, opaque: address };
    if (cut(address, "/")[0].includes(":")) throw new FunctionError("first path segment in URL cannot contain colon");
  }
  const authority =
    /^\/\/(?!\/)([^/]*)(.*)$/s.exec(address) ?? (scheme !== "" ? /^\/\/()(\/.*)$/s.exec(address) : null);
  if (!authority) return { ...base, path: percentDecode(address) };
  return { ...base, ...parseAuthority(authority[1]!), path: percentDecode(authority[2]!) };
}

function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function splitScheme(text: string): { scheme: string; rest: string } {
  if (text.startsWith(":")) throw new FunctionError("missing protocol scheme");
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(text);
  return match ? { scheme: match[1]!.toLowerCase(), rest: match[2]! } : { scheme: "", rest: text };
}

function parseAuthority(authority: string): Pick<Url, "user" | "host"> {
  const at = authority.lastIndexOf("@");
  const host = parseHost(authority.slice(at + 1));
  if (at < 0) return { user: "", host };
  const user = authority.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) throw new FunctionError("net/url: invalid userinfo");
  const colon = user.indexOf(":");
  const name = percentEncode(percentDecode(colon < 0 ? user : user.slice(0, colon)), "user");
  return { user: colon < 0 ? name : `${name}:${percentEncode(percentDecode(user.slice(colon + 1)), "user")}`, host };
}

function parseHost(host: string): string {
  const bracket = host.lastIndexOf("]");
  if (host.startsWith("[") && bracket < 0) throw new FunctionError("missing ']' in host");
  const port =
    bracket < 0
      ? (/:.*$/s.exec(host.slice(host.lastIndexOf(":") < 0 ? host.length : host.lastIndexOf(":")))?.[0] ?? "")
      : host.slice(bracket + 1);
  if (!/^(?::[0-9]*)?$/.test(port)) throw new FunctionError(`invalid port ${JSON.stringify(port)} after host`);
  const bad = /[\0-\x20\\^`{|}]/.exec(host);
  if (bad) throw new FunctionError(`invalid character ${JSON.stringify(bad[0])} in host name`);
  // of ASCII only the percent sign itself may be escaped in a host
  const escaped = /%(?!25)[0-7][0-9A-Fa-f]/.exec(host);
  if (escaped) throw new FunctionError(`invalid URL escape ${JSON.stringify(escaped[0])}`);
  return percentDecode(host);
}

/** The host without its port, and without the brackets of an IPv6 address. */
function hostname(host: string): string {
  const withoutPort = host.replace(/:[0-9]*$/, "");
  const bracketed = /^\[(.*)\]$/s.exec(withoutPort);
  return bracketed ? bracketed[1]! : host.startsWith("[") ? host : withoutPort;
}

/** Puts a URL together. (URL.String) */
function formatUrl({ scheme, opaque, user, host, path, query, fragment }: Url): string {
  let text = scheme === "" ? "" : `${scheme}:`;
  if (opaque !== "") text += opaque;
  else {
    const authority = scheme !== "" || host !== "" || user !== "";
    if (authority && (host !== "" || path !== "" || user !== "")) {
      text += `//${user === "" ? "" : `${user}@`}${percentEncode(host, "host")}`;
    }
    const escaped = path === "*" ? "*" : percentEncode(path, "path");
    if (escaped !== "" && !escaped.startsWith("/") && host !== "") text += "/";
    // a colon in the first segment would be taken for the end of a scheme
    if (text === "" && cut(escaped, "/")[0].includes(":")) text += "./";
    text += escaped;
  }
  if (query !== "") text += `?${query}`;
  return fragment === "" ? text : `${text}#${percentEncode(fragment, "fragment")}`;
}

function urlParse(text: string): ValueMap {
  try {
    const { scheme, host, path, query, opaque, fragment, user } = parseUrl(text);
    return new Map(
      Object.entries({ scheme, host, hostname: hostname(host), path, query, opaque, fragment, userinfo: user }),
    );
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    throw new FunctionError(`unable to parse url: parse ${JSON.stringify(cut(text, "#")[0])}: ${error.message}`);
  }
}

function urlJoin(map: ValueMap): string {
  const part = (key: string): string => {
    const value = map.get(key);
    if (value === undefined) return "";
    if (typeof value === "string") return value;
    throw new FunctionError(`unable to parse ${key} key, must be of type string, but ${kindName(value)} found`);
  };
  const [scheme, host, path, query] = [part("scheme"), part("host"), part("path"), part("query")];
  const [opaque, fragment, userinfo] = [part("opaque"), part("fragment"), part("userinfo")];
  const { user } = userinfo === "" ? { user: "" } : parseAuthority(`${cut(userinfo, "/")[0]}@host`);
  return formatUrl({ scheme, opaque, user, host, path, query, fragment });
}

export const urlFunctions: readonly (readonly [string, TemplateFunction])[] = [
  ["urlParse", templateFunction(["string"], (_, text) => urlParse(text))],
  ["urlJoin", templateFunction(["map"], (_, map) => urlJoin(map))],
];
