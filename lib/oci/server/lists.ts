import { inTreeOrder, type Tree } from "../tree.ts";
import { type Answer, type Exchange, json } from "./exchange.ts";
import { Refusal } from "./refusal.ts";

/** Nobody gets more at once, whatever they ask for; a `Link` leads on. */
const MAX_PAGE = 10_000;

export interface PageOptions<T> {
  readonly query: URLSearchParams;
  /** Where the list is, for the link to its next page. */
  readonly path: string;
  /** What `last` names. */
  readonly key: (item: T) => string;
  /** The order `items` are in. */
  readonly order: (a: string, b: string) => number;
}

/**
 * The part of a list that `n` and `last` ask for, and the header that leads to the next:
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 *
 * @throws Refusal PAGINATION_NUMBER_INVALID
 */
export async function page<T>(
  items: Iterable<T> | AsyncIterable<T>,
  { query, path, key, order }: PageOptions<T>,
): Promise<{ readonly items: readonly T[]; readonly headers: { readonly link?: string } }> {
  const asked = query.get("n") ?? String(MAX_PAGE);
  if (!/^\d{1,15}$/.test(asked)) {
    throw new Refusal(400, "PAGINATION_NUMBER_INVALID", `Cannot list "${asked.slice(0, 50)}" entries`);
  }
  const size = Math.min(Number(asked), MAX_PAGE);
  const last = query.get("last");
  const found: T[] = [];
  if (size === 0) return { items: found, headers: {} };
  for await (const item of items) {
    if (last !== null && order(key(item), last) <= 0) continue;
    if (found.length === size) {
      const next = new URLSearchParams(query);
      next.set("n", String(size));
      next.set("last", key(found.at(-1)!));
      return { items: found, headers: { link: `<${path}?${next}>; rel="next"` } };
    }
    found.push(item);
  }
  return { items: found, headers: {} };
}

/** The specification's "case-insensitive alphanumeric order", made total. */
export function inTagOrder(a: string, b: string): number {
  const [left, right] = [a.toLowerCase(), b.toLowerCase()];
  if (left !== right) return left < right ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** GET /v2/<name>/tags/list */
export async function listTags({ repository, name, query }: Exchange): Promise<Answer> {
  if (!(await repository.exists())) throw new Refusal(404, "NAME_UNKNOWN", `Cannot find repository "${name}"`);
  const tags: string[] = [];
  for await (const tag of repository.tags()) tags.push(tag);
  const { items, headers } = await page(tags.sort(inTagOrder), {
    query,
    path: `/v2/${name}/tags/list`,
    key: (tag) => tag,
    order: inTagOrder,
  });
  return json({ name, tags: items }, headers);
}

/** GET /v2/_catalog, which is distribution's own: https://distribution.github.io/distribution/spec/api/#catalog */
export async function listRepositories(tree: Tree, query: URLSearchParams): Promise<Answer> {
  const { items, headers } = await page(tree.repositories(), {
    query,
    path: "/v2/_catalog",
    key: (name) => name,
    order: inTreeOrder,
  });
  return json({ repositories: items }, headers);
}
