import { RejectedError } from "../../errors.ts";
import type { Access } from "./access.ts";
import { describeRefusal, errorOfStatus, parseRefusal } from "./failure.ts";
import type { RegistryRequest, Transport, WholeAnswer } from "./transport.ts";

/** One page; some registries answer with everything at once. A hundred thousand tags are 4 MiB. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
const MAX_PAGES = 10_000;

interface Listing {
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
    const why = `the registry answered 404${refusal ? ` (${describeRefusal(refusal)})` : ""}`;
    throw errorOfStatus(404, `Cannot ${listing.action}: ${why}`);
  }
  yield* follow(transport, listing, first, "tags");
}

/**
 * The repositories of a registry, as far as it tells. Large pages are asked for first, since the default is 100 and each
 * page is costly to make (distribution walks its storage); registries with a lower limit refuse that, each with a
 * status of its own, so the limits are tried in turn.
 */
export async function* listRepositories(transport: Transport, listing: Listing): AsyncGenerator<string> {
  const first = await firstCatalogPage(transport, listing);
  yield* follow(transport, listing, first, "repositories");
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

const page = ({ action, access, signal }: Listing, to: string | URL): RegistryRequest => ({
  action,
  access,
  signal,
  method: "GET",
  to,
  headers: { accept: "application/json" },
  expect: [200],
  limit: MAX_PAGE_BYTES,
});

/** Go from page to page by the `Link` header exactly as given: it may hold opaque tokens and percent-encoding. */
async function* follow(
  transport: Transport,
  listing: Listing,
  first: WholeAnswer,
  field: "tags" | "repositories",
): AsyncGenerator<string> {
  const refuse = (why: string): never => {
    throw new RejectedError("REGISTRY_REFUSED", `Cannot ${listing.action}: the registry ${why}`);
  };
  const seen = new Set([first.url.href]);
  for (let answer = first; ; ) {
    yield* parsePage(answer, field) ?? refuse(`answered ${describeType(answer)} that is no list of ${field}`);
    const link = nextLink(answer.header("link"));
    if (link === undefined) return;
    const next = URL.parse(link, answer.url.href) ?? refuse("names a next page that is no address");
    if (seen.has(next.href) || seen.size === MAX_PAGES) refuse("never comes to a last page");
    seen.add(next.href);
    answer = await transport.request(page(listing, next));
  }
}

function parsePage({ bytes }: WholeAnswer, field: "tags" | "repositories"): readonly string[] | undefined {
  let json: Record<string, unknown> | null;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    // the caller says so with more context
    return undefined;
  }
  // distribution answers null when the last tag was deleted
  const names = json && field in Object(json) ? (json[field] ?? []) : undefined;
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? names : undefined;
}

const describeType = (answer: WholeAnswer): string => answer.header("content-type")?.split(";")[0] ?? "something";

/** https://www.rfc-editor.org/rfc/rfc8288#section-3 */
function nextLink(header = ""): string | undefined {
  for (const [, address, parameters = ""] of header.matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*"?next\b/i.test(parameters)) return address;
  }
  return undefined;
}
