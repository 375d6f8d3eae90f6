import type { HttpRequest, HttpResponse } from "../../runtime/index.ts";
import type { ByteRange, Representation } from "./representation.ts";

/** A change within the same second cannot be told by its time: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.2.2 */
const SETTLED_MS = 60_000;

export interface RespondOptions {
  /** Not everybody may have it. */
  readonly isProtected: boolean;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now?: number;
}

/**
 * Answer GET or HEAD with a representation: preconditions, then a range of it where one was asked for, in the order of
 * https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2. Several ranges at once are answered with all of it.
 *
 * @throws what opening throws, before anything was sent
 */
export async function respond(
  representation: Representation,
  { method, headers }: Pick<HttpRequest, "method" | "headers">,
  { isProtected, signal, now = Date.now() }: RespondOptions,
): Promise<HttpResponse> {
  const { type, encoding, etag, size, vary, ranges } = representation;
  const modified = settled(representation.modified, now);
  const validators = {
    etag,
    // may be kept, must be asked for each time: a push changes the index at once, and a chart can be pushed again
    "cache-control": isProtected ? "private, no-cache" : "no-cache",
    ...(vary === undefined ? {} : { vary }),
    ...(modified === undefined ? {} : { "last-modified": modified.toUTCString() }),
  };
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = headers;
  if (ifMatch !== undefined && !names(ifMatch, etag, "strong")) return { status: 412, headers: validators };
  const isKnown =
    ifNoneMatch === undefined
      ? modified !== undefined && isNotAfter(modified, headers["if-modified-since"])
      : names(ifNoneMatch, etag, "weak");
  if (isKnown) return { status: 304, headers: validators };

  const fields = {
    ...validators,
    "content-type": type,
    ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    "accept-ranges": ranges ? "bytes" : "none",
  };
  const asked = method === "GET" && ranges && mayResume(headers["if-range"] as string | undefined, etag, modified);
  const range = asked ? rangeOf(headers.range, size) : undefined;
  if (range === "unsatisfiable") {
    return { status: 416, headers: { ...validators, "content-range": `bytes */${size}`, "content-length": "0" } };
  }
  if (range === undefined) {
    const whole = { ...fields, "content-length": String(size) };
    return method === "HEAD"
      ? { status: 200, headers: whole }
      : { status: 200, headers: whole, body: await representation.open(undefined, signal) };
  }
  const { start, end } = range;
  const part = { "content-length": String(end - start), "content-range": `bytes ${start}-${end - 1}/${size}` };
  return { status: 206, headers: { ...fields, ...part }, body: await representation.open(range, signal) };
}

/** To whole seconds, as HTTP tells it. */
function settled(modified: Date | undefined, now: number): Date | undefined {
  if (modified === undefined || now - modified.getTime() < SETTLED_MS) return undefined;
  return new Date(Math.floor(modified.getTime() / 1000) * 1000);
}

/** Whether a list of entity tags, or `*`, has this one. Weak ones are no match for `strong`. */
function names(list: string, etag: string, comparison: "strong" | "weak"): boolean {
  if (list.trim() === "*") return true;
  const tags = list.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g) ?? [];
  return tags.some((tag) => (comparison === "weak" ? tag.replace(/^W\//, "") : tag) === etag);
}

const isNotAfter = (modified: Date, field: string | undefined): boolean =>
  field !== undefined && modified.getTime() <= Date.parse(field);

/** https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5: a strong entity tag, or the very time it was last modified */
function mayResume(field: string | undefined, etag: string, modified: Date | undefined): boolean {
  if (field === undefined) return true;
  return field.trim() === etag || (modified !== undefined && Date.parse(field) === modified.getTime());
}

/**
 * https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
 *
 * @returns undefined when all is to be sent: no range, several, or what is no range
 */
function rangeOf(field: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const [, first = "", last = ""] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(field ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "unsatisfiable";
  return { start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}
