import { compose } from "../../lib/compose.ts";
import { checkConfig } from "../../lib/config/index.ts";
import { type Event, type EventData, type EventType, originate } from "../../lib/events/index.ts";
import type { Ports } from "../../lib/ports.ts";
import {
  type AnyEventFunction,
  answer,
  type Deps,
  type HttpFunction,
  type HttpRequest,
  invoke,
  type Log,
  type Outcome,
} from "../../lib/runtime/index.ts";

export interface LogLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A log that remembers. */
export function collectingLog(lines: LogLine[] = [], bound: object = {}): Log & { readonly lines: readonly LogLine[] } {
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...bound, ...fields }, message });
  return {
    lines,
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => collectingLog(lines, { ...bound, ...fields }),
  };
}

/** Real ports over a store in memory, as a host would compose them. */
export class Harness {
  readonly published: Event[] = [];
  readonly log = collectingLog();
  readonly deps: Deps;
  readonly #signal = new AbortController().signal;
  #events = 0;

  constructor(config: Readonly<Record<string, unknown>> = {}, endpoints: Readonly<Record<string, string>> = {}) {
    this.deps = compose(checkConfig({ store: "memory:", ...config }), {
      log: this.log,
      publish: async (events) => void this.published.push(...events),
      endpoints,
    });
  }

  async store(): Promise<Ports["store"]> {
    return (await this.deps.ports(["store"])).store;
  }

  /** Run a function on an event of its own. */
  run<T extends EventType>(
    fn: AnyEventFunction,
    type: T,
    data: EventData<T>,
    id = `event-${this.#events++}`,
  ): Promise<Outcome> {
    return this.deliver(fn, originate(type, id, { source: "/test", subject: "test", data }) as Event);
  }

  deliver(fn: AnyEventFunction, event: Event): Promise<Outcome> {
    return invoke(fn, event, this.deps, this.#signal);
  }

  request(fn: HttpFunction, path: string, rest: Partial<HttpRequest> = {}) {
    const request = { method: "GET", path, query: new URLSearchParams(), headers: {}, body: new Uint8Array(), ...rest };
    return answer(fn, request, this.deps, this.#signal);
  }
}

/** A body of an answer, whole. @throws what breaks the stream */
export async function bodyOf(body: Uint8Array | string | AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) return Buffer.from(body ?? "");
  return Buffer.concat(await Array.fromAsync(body));
}
