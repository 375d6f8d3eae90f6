import { inTrace, originTrace, type TraceContext, type WireEvent } from "../events/index.ts";
import type { Ports } from "../ports.ts";

/** What is about to be done. */
export interface Work {
  /** The function, or another part of stowage that makes events. */
  readonly name: string;
  readonly kind: "event" | "http" | "origin";
  /** The trace it belongs to. */
  readonly trace: TraceContext;
  /** Nobody has recorded a span of that trace before. */
  readonly isOrigin: boolean;
  /** For traces. Values from outside may be of any length. */
  readonly attributes: Readonly<Record<string, string | undefined>>;
  /** The event's type, where it is of the catalogue: what metrics can be asked for. */
  readonly type?: string | undefined;
}

/** How work ended: the status of an outcome or answer, and the code of a failure. */
export interface End {
  readonly status: number;
  readonly code?: string | undefined;
}

/** What waits in a broker. */
export interface QueueState {
  /** Deliveries that are not done. */
  readonly depth: number;
  /** Seconds since the oldest of their events was accepted; 0 when nothing waits. */
  readonly age: number;
}

/**
 * Looks on while stowage works. Nothing that goes wrong in it is ever noticed by what it looks at, and it never waits for
 * anybody.
 */
export interface Telemetry {
  /**
   * Do work as a span. What is done meanwhile with ports that were {@linkcode observed} is part of it.
   *
   * @param work is given the trace as its consequences shall continue it; its error passes through
   */
  during<T>(what: Work, work: (trace: TraceContext) => Promise<T>, endOf: (result: T) => End): Promise<T>;
  /** The same port, observed. Always the same one for the same port. */
  observed<K extends keyof Ports>(name: K, port: Ports[K]): Ports[K];
  /** What an embedded broker has to do. `state` is called whenever metrics are read. */
  queue(state: () => QueueState): void;
  /** An event was given up and buried, or lost where nobody buries. */
  deadLetter(trigger: string): void;
  /** Send what has not been sent. Takes seconds at most, and never throws. */
  close(): Promise<void>;
}

/** Let an event that no event caused begin its trace. */
export async function beginning(
  telemetry: Telemetry | undefined,
  event: WireEvent,
  accept: (event: WireEvent) => Promise<void>,
): Promise<void> {
  if (telemetry === undefined) return accept(event);
  const { type } = event;
  const attributes = eventAttributes(event);
  const work = {
    name: "receive",
    kind: "origin",
    trace: originTrace(event),
    isOrigin: true,
    attributes,
    type,
  } as const;
  return telemetry.during(
    work,
    (trace) => accept(inTrace(event, trace)),
    () => ({ status: 202 }),
  );
}

/** https://opentelemetry.io/docs/specs/semconv/registry/attributes/cloudevents/ */
export const eventAttributes = ({ id, source, type, subject }: WireEvent): Work["attributes"] => ({
  "cloudevents.event_id": id,
  "cloudevents.event_source": source,
  "cloudevents.event_type": type,
  "cloudevents.event_subject": subject,
});
