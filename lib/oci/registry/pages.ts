import { RejectedError } from "../../errors.ts";
import type { Access } from "./access.ts";
import { errorOfAnswer, parseRefusal } from "./failure.ts";
import type { RegistryRequest, Transport, WholeAnswer } from "./transport.ts";

/** One page; some registries answer with everything at once. A hundred thousand tags are 4 MiB. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
const MAX_PAGES = 10_000;

export interface Listing {
  /** What is being done, to stand behind "Cannot" in messages. */
  readonly action: string;
  readonly access: Access;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The tags of a repository. One that the registry does not know has none: it comes into being with the first push.
 * No page size is asked for, since what registries allow differs.
 */
export async function* listTags(transport: Transport, repository: string, listing: Listing): AsyncGenerator<string> {
  const first = await transport.request({ ...page(listing, `/v2/${repository}/tags/list`), expect: [200, 404] });
  if (first.status === 404) {
    const refusal = parseRefusal(first.bytes);
    // NOT_FOUND is Harbor's word for it. A 404 without either may come from something that is no registry
    if (refusal?.code === "NAME_UNKNOWN" || refusal?.code === "NOT_FOUND") return;
    throw errorOfAnswer(listing.action, first);
  }
  yield* follow(transport, listing, first, namesOf("tags", listing));
}

/**
 * The repositories of a registry, as far as it tells. Large pages are asked for first, since the default is 100 and each
 * page is costly to make (distribution walks its storage); registries with a lower limit refuse that, each with a
 * status of its own, so the limits are tried in turn.
 */
export async function* listRepositories(transport: Transport, listing: Listing): AsyncGenerator<string> {
  const first = await firstCatalogPage(transport, listing);
  yield* follow(transport, listing, first, namesOf("repositories", listing));
}

async function firstCatalogPage(transport: Transport, listing: Listing): Promise<WholeAnswer> {
  for (const size of ["?n=1000", "?n=100"]) {
    try {
      return await transport.request(page(listing, `/v2/_catalog${size}`));
    } catch (error) {
      if (!(error instanceof RejectedError) || error.code !== "REGISTRY_REFUSED") throw error;
    }
  }
  return transport.request(page(listing, "/v2/_catalog"));
}

export const page = ({ action, access, signal }: Listing, to: string | URL): RegistryRequest => ({
  action,
  access,
  signal,
  method: "GET",
  to,
  headers: { accept: "application/json" },
  expect: [200],
  limit: MAX_PAGE_BYTES,
});

/**
 * What is on a page and on all that follow. The way from page to page is the `Link` header exactly as given: it may hold
 * opaque tokens and percent-encoding.
 */
export async function* follow<T>(
  transport: Transport,
  listing: Listing,
  first: WholeAnswer,
  read: (page: WholeAnswer) => readonly T[],
): AsyncGenerator<T> {
  const refuse = (why: string): never => raise(refused(listing, why));
  const seen = new Set([first.url.href]);
  for (let answer = first; ; ) {
    yield* read(answer);
    const link = nextLink(answer.header("link"));
    if (link === undefined) return;
    const next = URL.parse(link, answer.url.href) ?? refuse("names a next page that is no address");
    if (seen.has(next.href) || seen.size === MAX_PAGES) refuse("never comes to a last page");
    seen.add(next.href);
    answer = await transport.request(page(listing, next));
  }
}

const refused = ({ action }: Listing, why: string): RejectedError =>
  new RejectedError("REGISTRY_REFUSED", `Cannot ${action}: the registry ${why}`);

function raise(error: Error): never {
  throw error;
}

/** Reads a page of names. */
function namesOf(field: "tags" | "repositories", listing: Listing): (page: WholeAnswer) => readonly string[] {
  return (answer) => {
    const names = fieldOf(answer, field);
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
    const type = answer.header("content-type")?.split(";")[0] ?? "something";
    throw refused(listing, `answered ${type} that is no list of ${field}`);
  };
}

function fieldOf({ bytes }: WholeAnswer, field: string): unknown {
  let json: Record<string, unknown> | null;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    // the caller says so with more context
    return undefined;
  }
  // distribution answers null when the last tag was deleted
  return json && field in Object(json) ? (json[field] ?? []) : undefined;
}

/** https://www.rfc-editor.org/rfc/rfc8288#section-3 */
function nextLink(header = ""): string | undefined {
  for (const [, address, parameters = ""] of header.matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*"?next\b/i.test(parameters)) return address;
  }
  return undefined;
}
