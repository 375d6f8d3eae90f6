import { RejectedError } from "../../errors.ts";
import { decode, type WireEvent } from "../../events/index.ts";
import type { HttpFunction } from "../function.ts";
import { readBody } from "../http-body.ts";
import { type Exchange, httpRequest, json, send } from "../http-host.ts";
import { answer, type Deps } from "../invoke.ts";

export interface IngressOptions {
  readonly functions: readonly HttpFunction[];
  readonly deps: Deps;
  /** Resolves once the events are on disk. */
  readonly accept: (events: readonly WireEvent[]) => Promise<void>;
  /** Bytes of a request body. Default: 1 MiB. */
  readonly bodyLimit?: number | undefined;
}

/**
 * The front of the local host: `POST /` takes CloudEvents, alone or in batches, and answers 202 once they cannot be lost;
 * what else begins with a path of an HTTP function goes to the function with the longest such path.
 *
 * @throws RejectedError CONFIG_INVALID when two functions want the same path
 */
export function createIngress(options: IngressOptions): (exchange: Exchange) => Promise<void> {
  const { deps, accept, bodyLimit } = options;
  const mounts = mountsOf(options.functions);
  return async (exchange) => {
    const { request, path, signal } = exchange;
    const isEvent = path === "/" && request.method === "POST";
    const mount = isEvent ? undefined : mounts.find(({ prefix }) => path.startsWith(prefix));
    if (mount === undefined && path !== "/") {
      return send(exchange, json(404, { code: "NOT_FOUND", message: "There is nothing at this path" }));
    }
    if (mount === undefined && !isEvent) {
      const message = `Cannot ${request.method} an event: it is posted`;
      return send(exchange, json(405, { code: "METHOD_NOT_ALLOWED", message }, { allow: "POST" }));
    }
    const body = await readBody(request, { limit: bodyLimit, signal });
    if (mount) return send(exchange, await answer(mount.fn, httpRequest(exchange, body), deps, signal));
    await accept(decode({ headers: request.headers, body }));
    return send(exchange, { status: 202 });
  };
}

/** The longest prefix first. */
function mountsOf(
  functions: readonly HttpFunction[],
): readonly { readonly prefix: string; readonly fn: HttpFunction }[] {
  const mounts = functions.flatMap((fn) => fn.paths.map((prefix) => ({ prefix, fn })));
  const taken = new Set<string>();
  for (const { prefix, fn } of mounts) {
    if (taken.has(prefix) || !prefix.startsWith("/")) {
      throw new RejectedError("CONFIG_INVALID", `Cannot mount function "${fn.name}" at "${prefix}": the path is taken`);
    }
    taken.add(prefix);
  }
  return mounts.sort((a, b) => b.prefix.length - a.prefix.length);
}
