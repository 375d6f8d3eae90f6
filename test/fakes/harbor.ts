import type { IncomingMessage, ServerResponse } from "node:http";
import { type FakeRegistry, type FakeRegistryOptions, sendJson, startFakeRegistry } from "./registry.ts";

export interface FakeHarborOptions extends FakeRegistryOptions {
  /** What its API takes; default: everybody may ask. */
  readonly basic?: string;
  readonly version?: string;
}

/** A registry that has Harbor's API beside it, as far as listing goes; a project is the first part of its repositories. */
export async function startFakeHarbor(
  options: FakeHarborOptions = {},
): Promise<FakeRegistry & { readonly names: Set<string> }> {
  const names = new Set<string>();
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? "", "http://harbor");
    const fail = (status: number, code: string) => {
      response.statusCode = status;
      sendJson(response, { errors: [{ code, message: "" }] });
    };
    const isKnown =
      options.basic === undefined ||
      request.headers.authorization === `Basic ${Buffer.from(options.basic).toString("base64")}`;
    if (url.pathname === "/api/v2.0/systeminfo") {
      // strangers are not told the version
      return sendJson(response, {
        auth_mode: "db_auth",
        ...(isKnown && { harbor_version: options.version ?? "v2.11.0" }),
      });
    }
    if (!isKnown) return fail(401, "UNAUTHORIZED");
    const size = Number(url.searchParams.get("page_size") ?? 10);
    const number = Number(url.searchParams.get("page") ?? 1);
    if (size > 100) return fail(422, "UNPROCESSABLE_ENTITY");
    const [, project] = /^\/api\/v2\.0\/projects\/([^/]+)\/repositories$/.exec(url.pathname) ?? [];
    if (project === undefined && url.pathname !== "/api/v2.0/projects") return fail(404, "NOT_FOUND");
    const all = [...names].sort();
    const found =
      project === undefined
        ? [...new Set(all.map((name) => name.split("/")[0]!))]
        : all.filter((name) => name.startsWith(`${decodeURIComponent(project)}/`));
    if (number * size < found.length) {
      const next = new URLSearchParams({ page: String(number + 1), page_size: String(size) });
      response.setHeader("link", `<${url.pathname}?${next}>; rel="next"`);
    }
    sendJson(
      response,
      found.slice((number - 1) * size, number * size).map((name, id) => ({ id, name })),
    );
  };
  const fake = await startFakeRegistry({
    ...options,
    deviations: [[" /api/v2.0/", answer], ...(options.deviations ?? [])],
  });
  return Object.assign(fake, { names });
}
