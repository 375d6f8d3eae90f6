import type { SecretReference } from "../../config/index.ts";
import { RejectedError } from "../../errors.ts";
import { hexOf, type Registries } from "../../oci/index.ts";
import type { HttpRequest, HttpResponse, Log } from "../../runtime/index.ts";
import type { Reader } from "../../store/index.ts";
import type { ChartFile } from "../index/fold.ts";
import { isNotFound, untilSettled } from "../index/missing.ts";
import { projectScope, wholeScope } from "../index/scope.ts";
import { listCharts, showChart, showVersion } from "./catalogue.ts";
import { prefersGzip, prefersJson } from "./negotiation.ts";
import type { Seen } from "./newest-head.ts";
import { type ChartReader, challengeOf, isReader } from "./readers.ts";
import type { Representation } from "./representation.ts";
import { respond } from "./respond.ts";
import { type IndexRoute, parseRoute } from "./route.ts";
import { ServedIndex } from "./served-index.ts";
import { TextMemory } from "./text-memory.ts";

/** The section `charts` of the configuration. */
export interface ChartRepositorySettings {
  /** Who may read; none: everybody. */
  readonly readers: readonly ChartReader[];
  /** How old what an instance knows of the index may be. */
  readonly maxAgeSeconds: number;
  /** The same while the store is away. */
  readonly maxStaleSeconds: number;
  /** Bytes of the index that are kept in memory. */
  readonly memoryBytes: number;
}

export interface Surroundings {
  readonly store: Reader;
  readonly registries: Registries;
  readonly secrets: (reference: SecretReference) => Promise<string>;
  readonly log: Log;
}

/** Projects whose index is remembered. */
const MAX_PROJECTS = 100;

/** A classic chart repository over HTTP, read from the store; and what ChartMuseum tells of one. */
export class ChartRepository {
  readonly #settings: ChartRepositorySettings;
  readonly #around: Surroundings;
  readonly #memory: TextMemory;
  readonly #whole: ServedIndex;
  readonly #projects = new Map<string, ServedIndex>();

  constructor(settings: ChartRepositorySettings, around: Surroundings) {
    this.#settings = settings;
    this.#around = around;
    this.#memory = new TextMemory(settings.memoryBytes);
    this.#whole = this.#open(wholeScope);
  }

  /** @throws TransientError when store or registry cannot be read now */
  async answer(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const route = parseRoute(request.path);
    if (route === undefined) return notFound();
    const { method, headers } = request;
    if (method !== "GET" && method !== "HEAD") {
      return problem(405, "only GET and HEAD are allowed", { allow: "GET, HEAD" });
    }
    // what probes ask for, and what says nothing of any chart
    if (route.at === "root") return answer(200, "text/plain; charset=utf-8", "Hello, World!");
    if (route.at === "health") return json(200, { healthy: true });
    return (
      (await this.#refuse(headers.authorization)) ??
      untilSettled(`serve ${request.path}`, signal, (missed) => this.#show(route, request, missed > 0, signal))
    );
  }

  /** @returns undefined for whoever may read */
  async #refuse(authorization: string | undefined): Promise<HttpResponse | undefined> {
    const { readers } = this.#settings;
    try {
      if (readers.length === 0 || (await isReader(authorization, readers, this.#around.secrets))) return undefined;
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      this.#around.log.error({ code: error.code, reason: error.message }, "nobody can be let in");
      return problem(503, "cannot check who you are");
    }
    return problem(401, "unauthorized", { "www-authenticate": challengeOf(readers) });
  }

  /** @param again something that was shown is gone: there must be something newer */
  async #show(route: IndexRoute, request: HttpRequest, again: boolean, signal: AbortSignal): Promise<HttpResponse> {
    const index = this.#indexOf(route.project);
    if (index === undefined) return notFound();
    const seen = await index.see(again ? 0 : undefined);
    if (route.project !== undefined) this.#remember(route.project, index, seen);
    try {
      const shown = await this.#represent(route, request, index, seen, signal);
      if (shown === undefined) return notFound();
      if ("status" in shown) return shown;
      return await respond(shown, request, { isProtected: this.#settings.readers.length > 0, signal });
    } catch (error) {
      if (!(error instanceof RejectedError) || isNotFound(error)) throw error;
      // a registry does not have any more what the index says, or does not give it; or the store is damaged
      this.#around.log.warn({ path: request.path, code: error.code, reason: error.message }, "cannot be shown");
      return error.code === "CONTENT_UNKNOWN" ? notFound() : problem(502, error.message);
    }
  }

  async #represent(
    route: IndexRoute,
    { headers, query }: HttpRequest,
    index: ServedIndex,
    seen: Seen,
    signal: AbortSignal,
  ): Promise<Representation | HttpResponse | undefined> {
    const gzip = prefersGzip(one(headers["accept-encoding"]));
    switch (route.at) {
      case "index": {
        if (route.form === "json") return index.index(seen, "json", gzip, "Accept-Encoding");
        const form = prefersJson(headers.accept) ? "json" : "yaml";
        return index.index(seen, form, gzip, "Accept, Accept-Encoding");
      }
      case "file": {
        const file = await this.#find(index, seen, route.file, signal);
        return file && this.#download(file, route.isProvenance);
      }
      case "charts": {
        const head = seen.stored?.head;
        const { name, version } = route;
        if (name === undefined) {
          const page = pageOf(query);
          return typeof page === "string" ? problem(400, page) : listCharts(index, head, page, gzip);
        }
        if (version === undefined) {
          return (head && (await showChart(index, head, name))) ?? problem(404, "chart not found");
        }
        const shown = head === undefined ? "no chart name found" : await showVersion(index, head, name, version);
        return typeof shown === "string" ? problem(404, shown) : shown;
      }
    }
  }

  /** Another instance may have shown a newer index: only the newest can say that there is no such file. */
  async #find(index: ServedIndex, { stored }: Seen, file: string, signal: AbortSignal): Promise<ChartFile | undefined> {
    const found = stored && (await index.findFile(stored.head, file, signal));
    if (found !== undefined || this.#settings.maxAgeSeconds === 0) return found;
    const newest = (await index.see(0)).stored;
    return newest && index.findFile(newest.head, file, signal);
  }

  /**
   * All of it is verified while it flows. Of a part only the length can be: whoever puts a chart together from parts has
   * its digest in the index.
   */
  #download({ registry, repository, chart, provenance }: ChartFile, isProvenance: boolean): Representation | undefined {
    const content = isProvenance ? provenance : chart;
    if (content === undefined) return undefined;
    const source = this.#around.registries.repository(registry, repository);
    return {
      type: isProvenance ? "application/pgp-signature" : "application/gzip",
      etag: `"${hexOf(content.digest)}"`,
      size: content.size,
      ranges: true,
      open: ({ start, end } = { start: 0, end: content.size }, signal) =>
        start === 0 && end === content.size
          ? source.open(content, { signal })
          : source.open(content, { start, end: end - 1, signal }),
    };
  }

  #indexOf(project: string | undefined): ServedIndex | undefined {
    if (project === undefined) return this.#whole;
    const scope = projectScope(project);
    return scope && (this.#projects.get(project) ?? this.#open(scope));
  }

  /** Only what there is: anybody can ask for any name. */
  #remember(project: string, index: ServedIndex, { stored }: Seen): void {
    this.#projects.delete(project);
    if (stored === undefined) return;
    this.#projects.set(project, index);
    const [oldest] = this.#projects.keys();
    if (this.#projects.size > MAX_PROJECTS) this.#projects.delete(oldest!);
  }

  #open(scope: typeof wholeScope): ServedIndex {
    const { maxAgeSeconds, maxStaleSeconds } = this.#settings;
    const { store, log } = this.#around;
    return new ServedIndex(store, scope, this.#memory, {
      maxAge: maxAgeSeconds * 1000,
      maxStale: maxStaleSeconds * 1000,
      onFailure: (error) => log.warn({ err: error }, "cannot look for a newer index"),
    });
  }
}

/** As ChartMuseum checks it, and says it. */
function pageOf(query: URLSearchParams): { readonly offset: number; readonly limit: number } | string {
  const offset = query.get("offset") ?? "0";
  const limit = query.get("limit");
  if (!/^\d{1,9}$/.test(offset)) return "offset is not a valid non-negative integer";
  if (limit !== null && !/^0*[1-9]\d{0,8}$/.test(limit)) return "limit is not a valid positive integer";
  return { offset: Number(offset), limit: Number(limit ?? Number.MAX_SAFE_INTEGER) };
}

/** A field that was sent several times is one list. */
const one = (field: string | readonly string[] | undefined): string | undefined =>
  typeof field === "object" ? field.join(", ") : field;

type Fields = Readonly<Record<string, string>>;

const answer = (status: number, type: string, body: string, headers: Fields = {}): HttpResponse => ({
  status,
  headers: { "content-type": type, "content-length": String(Buffer.byteLength(body)), ...headers },
  body,
});

const json = (status: number, body: object, headers?: Fields): HttpResponse =>
  answer(status, "application/json", JSON.stringify(body), headers);

const problem = (status: number, error: string, headers?: Fields): HttpResponse => json(status, { error }, headers);

const notFound = (): HttpResponse => problem(404, "not found");
