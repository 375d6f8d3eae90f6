import { createHash } from "node:crypto";
import type * as z from "zod";
import { RejectedError } from "../errors.ts";
import { catalogue, type EventData, type EventType, isEventType } from "./catalogue.ts";

/**
 * A CloudEvent as it was decoded from outside: attributes and data, nothing of it trusted yet but its form.
 *
 * Attribute values are strings, as CloudEvents' HTTP binding carries them. `data` is parsed JSON where the content type
 * says JSON, bytes otherwise, absent when there was none.
 */
export interface WireEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  /** Extension attributes by lower-case name. */
  readonly extensions: Readonly<Record<string, string>>;
  readonly data?: unknown;
}

/** A checked event. Its `type` fixes the shape of its `data`; distributes, so `switch (event.type)` narrows. */
export type Event<T extends EventType = EventType> = {
  [K in T]: Readonly<
    Omit<WireEvent, "type" | "data" | "datacontenttype" | "dataschema"> & { type: K; data: EventData<K> }
  >;
}[T];

/**
 * Check a decoded event against the catalogue. The only way from outside to a function.
 *
 * @throws RejectedError EVENT_UNKNOWN, EVENT_INVALID
 */
export function parseEvent(wire: WireEvent): Event {
  const { type, data, datacontenttype: _, dataschema: __, ...envelope } = wire;
  if (!isEventType(type)) throw new RejectedError("EVENT_UNKNOWN", `Cannot handle event of type "${type}"`);
  const checked = catalogue[type].data.safeParse(data);
  if (!checked.success) {
    throw new RejectedError("EVENT_INVALID", `Cannot read data of "${type}": ${explain(checked.error)}`);
  }
  return Object.freeze({ ...envelope, type, data: checked.data }) as Event;
}

/** One line that names every problem with its path, short enough for a dead letter. */
function explain(error: z.ZodError): string {
  const problems = error.issues.map(
    ({ path, message }) => `${path.length === 0 ? "data" : path.join(".")}: ${message}`,
  );
  return problems.join("; ").slice(0, 600);
}

export interface EventInit<T extends EventType> {
  readonly source: string;
  readonly subject: string;
  readonly data: EventData<T>;
  /** When it occurred; default now. */
  readonly time?: string;
}

/** What all events of one chain have in common: their trace, and the object of a cluster they are made for (lib/release). */
const CARRIED = ["traceparent", "tracestate", "resource"];

/**
 * Make an event that follows from `cause`.
 *
 * Its id is derived, not random: a redelivered cause produces the same consequence, so whoever sees it twice can tell.
 * The trace context of the cause rides along (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md),
 * and so does `resource`.
 */
export function follow<T extends EventType>(
  cause: Pick<WireEvent, "source" | "id" | "extensions">,
  type: T,
  init: EventInit<T>,
): Event<T> {
  const carried = CARRIED.flatMap((name) =>
    cause.extensions[name] === undefined ? [] : [[name, cause.extensions[name]]],
  );
  return event(type, derivedId(cause.source, cause.id, type, init.subject), init, Object.fromEntries(carried));
}

/** Make an event nobody's event caused. `id` must be the same when the same occurrence is reported again. */
export function originate<T extends EventType>(type: T, id: string, init: EventInit<T>): Event<T> {
  return event(type, id, init, {});
}

/** The same parts give the same id, on every machine and in every run. */
export const derivedId = (...parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);

function event<T extends EventType>(
  type: T,
  id: string,
  { source, subject, data, time = new Date().toISOString() }: EventInit<T>,
  carried: Readonly<Record<string, string>>,
): Event<T> {
  const checked = catalogue[type].data.parse(data) as EventData<T> & Record<string, unknown>;
  const extensions = { ...carried, ...promoted(type, checked) };
  return Object.freeze({ specversion: "1.0", id, source, type, subject, time, extensions, data: checked }) as Event<T>;
}

function promoted(type: EventType, data: Record<string, unknown>): Record<string, string> {
  const present = catalogue[type].promote.filter((field) => data[field] !== undefined);
  return Object.fromEntries(present.map((field) => [field.toLowerCase(), String(data[field])]));
}
