import { RejectedError } from "../../errors.ts";
import type { Access } from "./access.ts";
import { follow, type Listing, page } from "./pages.ts";
import type { Transport, WholeAnswer } from "./transport.ts";

/**
 * Harbor's own API, https://github.com/goharbor/harbor/blob/v2.11.0/api/v2.0/swagger.yaml. It takes name and password,
 * where the registry behind it wants tokens.
 */
const api: Access = { scopes: [], basic: true };

/** More is refused with 422 (spec CR-W8). */
const PAGE = "page=1&page_size=100";

/** Answers of registries that have nothing there, or a page of their own. */
const NO_HARBOR = [400, 401, 403, 404, 405, 406, 410, 501] as const;

/** Whether a registry is a Harbor of version 2: asked of `/api/v2.0/systeminfo`, which others do not have. */
export async function isHarbor(transport: Transport, signal?: AbortSignal): Promise<boolean> {
  const action = `find out whether docker://${transport.host} is a Harbor`;
  const request = page({ action, access: api, signal }, "/api/v2.0/systeminfo");
  const answer = await transport.request({ ...request, expect: [200, ...NO_HARBOR] });
  const version = answer.status === 200 ? fieldOf(jsonOf(answer), "harbor_version") : undefined;
  return version?.startsWith("v2") ?? false;
}

/**
 * The repositories of a Harbor, project by project: its `_catalog` is for system administrators only.
 *
 * @throws what Harbor answers to any of the listings: none of them is ever taken for empty (spec CR-T14)
 */
export async function* listHarborRepositories(transport: Transport, signal?: AbortSignal): AsyncGenerator<string> {
  const action = `list the projects of docker://${transport.host}`;
  for await (const project of listNames(transport, { action, access: api, signal }, `/api/v2.0/projects?${PAGE}`)) {
    const listing = { action: `list the repositories of docker://${transport.host}/${project}`, access: api, signal };
    yield* listNames(transport, listing, `/api/v2.0/projects/${encodeURIComponent(project)}/repositories?${PAGE}`);
  }
}

async function* listNames(transport: Transport, listing: Listing, path: string): AsyncGenerator<string> {
  const first = await transport.request(page(listing, path));
  yield* follow(transport, listing, first, (answer) => {
    const items = jsonOf(answer);
    const names = Array.isArray(items) ? items.map((item) => fieldOf(item, "name")) : [undefined];
    if (names.every((name) => name !== undefined)) return names;
    throw new RejectedError(
      "REGISTRY_REFUSED",
      `Cannot ${listing.action}: Harbor answered something that is no list of names`,
    );
  });
}

function jsonOf({ bytes }: WholeAnswer): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined; // the caller says so with more context
  }
}

function fieldOf(value: unknown, field: string): string | undefined {
  const found = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[field] : undefined;
  return typeof found === "string" ? found : undefined;
}
