import type { IncomingHttpHeaders } from "node:http";
import type { Event, EventData, EventType, WireEvent } from "../events/index.ts";
import type { Ports } from "../ports.ts";

/** Structured logging: fields first, then one short sentence. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** The same log with fields added to every line. */
  child(fields: object): Log;
}

/** What every run is given besides its input and the ports it asked for. */
export interface RunContext {
  readonly log: Log;
  /** Aborted when the sender gives up, the delivery's time is over or the process is told to stop. */
  readonly signal: AbortSignal;
}

/** What a run on an event is given besides. */
export interface EventContext<Emits extends EventType> extends RunContext {
  /** Build the one event this run may answer with (or an event for the `publish` port). */
  reply<T extends Emits>(type: T, subject: string, data: EventData<T>): Event<T>;
}

type Asked<Needs extends keyof Ports> = Pick<Ports, Needs>;

/** Runs on events of the catalogue and answers with at most one. */
export interface EventFunction<
  On extends EventType = EventType,
  Emits extends EventType = EventType,
  Needs extends keyof Ports = keyof Ports,
> {
  readonly kind: "event";
  readonly name: string;
  readonly on: readonly On[];
  readonly emits: readonly Emits[];
  readonly needs: readonly Needs[];
  /** Runs that one process has at once at least: for those that mostly wait, or do together what is asked of them together. */
  readonly concurrency?: number;
  run(event: Event<On>, context: EventContext<Emits> & Asked<Needs>): Promise<Event<Emits> | void>;
}

/** Takes whatever the broker could not deliver, of any type and form. */
export interface SinkFunction<Needs extends keyof Ports = keyof Ports> {
  readonly kind: "sink";
  readonly name: string;
  readonly needs: readonly Needs[];
  run(event: WireEvent, context: RunContext & Asked<Needs>): Promise<void>;
}

export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  /** The path as it was sent: percent-encoded, without query, beginning with `/`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The whole body, bounded by the host, and inflated where it was compressed; empty when there was none. */
  readonly body: Uint8Array;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is cut (the connection destroyed) when it breaks; it can never end as a complete answer then. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
}

/** Answers plain HTTP requests: webhooks and downloads. What it publishes goes through the `publish` port. */
export interface HttpFunction<Emits extends EventType = EventType, Needs extends keyof Ports = keyof Ports> {
  readonly kind: "http";
  readonly name: string;
  readonly emits: readonly Emits[];
  readonly needs: readonly Needs[];
  /**
   * Where a process that serves several functions mounts it: every path that begins with one of these. With `/` it gets
   * what no other function wants, but no POST to `/` itself: events arrive there.
   */
  readonly paths: readonly string[];
  answer(request: HttpRequest, context: RunContext & Asked<Needs>): Promise<HttpResponse>;
}

/** A function whose types have been checked and may now be forgotten: what hosts and tables hold. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where a function's own types are given up
export type AnyEventFunction = EventFunction<any, any, any>;
export type AnyFunction = AnyEventFunction | SinkFunction | HttpFunction;

/** Declare a function that runs on events. Checks types and freezes; importing a function has no effect. */
export function defineFunction<
  const On extends EventType,
  const Emits extends EventType = never,
  const Needs extends keyof Ports = never,
>(
  spec: Omit<EventFunction<On, Emits, Needs>, "kind" | "emits" | "needs"> & {
    readonly emits?: readonly Emits[];
    readonly needs?: readonly Needs[];
  },
): EventFunction<On, Emits, Needs> {
  return Object.freeze({ kind: "event", emits: [], needs: [], ...spec });
}

/** Declare a function that takes dead letters. */
export function defineSink<const Needs extends keyof Ports = never>(
  spec: Omit<SinkFunction<Needs>, "kind">,
): SinkFunction<Needs> {
  return Object.freeze({ kind: "sink", ...spec });
}

/** Declare a function that answers HTTP requests. */
export function defineHttpFunction<const Needs extends keyof Ports = never, const Emits extends EventType = never>(
  spec: Omit<HttpFunction<Emits, Needs>, "kind" | "emits"> & { readonly emits?: readonly Emits[] },
): HttpFunction<Emits, Needs> {
  return Object.freeze({ kind: "http", emits: [], ...spec });
}
