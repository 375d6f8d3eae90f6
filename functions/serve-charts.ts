import { readServed } from "../lib/helm/index.ts";
import { defineHttpFunction, type HttpResponse } from "../lib/runtime/index.ts";

/**
 * The classic chart repository over HTTP, read from the store: `/index.yaml` and `/charts/:file`.
 *
 * The index never costs a registry call; a chart is streamed from its registry, verified while it flows.
 */
export default defineHttpFunction({
  name: "serve-charts",
  paths: ["/index.yaml", "/charts"],
  needs: ["store", "registries"],

  async answer({ method, path, headers }, { store, registries, signal }): Promise<HttpResponse> {
    if (path !== "/index.yaml" && !path.startsWith("/charts/")) return { status: 404 };
    if (method !== "GET" && method !== "HEAD") return { status: 405, headers: { allow: "GET, HEAD" } };
    const served = await readServed(path, store, registries, signal);
    if (served === undefined) return { status: 404 };
    if (matches(headers["if-none-match"], served.etag)) return { status: 304, headers: { etag: served.etag } };
    const fields = { etag: served.etag, "content-type": served.type, "content-length": String(served.size) };
    return method === "HEAD"
      ? { status: 200, headers: fields }
      : { status: 200, headers: fields, body: await served.open() };
  },
});

/** https://www.rfc-editor.org/rfc/rfc9110#field.if-none-match: weak comparison, a list, or `*`. */
const matches = (header: string | undefined, etag: string): boolean =>
  (header ?? "").split(",").some((each) => ["*", etag].includes(each.trim().replace(/^W\//, "")));
