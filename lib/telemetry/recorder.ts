import type { TraceContext } from "../events/index.ts";

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Everything that is measured, under the names that collectors see. docs/observability.md lists them. */
export const metrics = {
  "stowage.runs": { kind: "counter", unit: "{run}", description: "Runs that ended, by function, type and outcome" },
  "stowage.run.duration": { kind: "histogram", unit: "s", description: "How long runs took" },
  "stowage.runs.active": { kind: "level", unit: "{run}", description: "Runs that are under way" },
  "stowage.bytes": { kind: "counter", unit: "By", description: "Content moved, by port and direction" },
  "stowage.broker.queue.depth": { kind: "gauge", unit: "{delivery}", description: "Deliveries that are not done" },
  "stowage.broker.queue.age": { kind: "gauge", unit: "s", description: "Age of the oldest event that is not done" },
  "stowage.broker.dead_letters": { kind: "counter", unit: "{event}", description: "Events given up, by trigger" },
} as const;

type Named<Kind> = {
  [N in keyof typeof metrics]: (typeof metrics)[N]["kind"] extends Kind ? N : never;
}[keyof typeof metrics];
export type Measured = Named<"counter" | "histogram" | "level">;
export type Gauge = Named<"gauge">;

export interface SpanOptions {
  readonly kind: "consumer" | "server" | "producer" | "client" | "internal";
  readonly attributes: Attributes;
}

/** What spans begin with that have nothing under way above them. */
export interface Origin {
  readonly trace: TraceContext;
  /** The trace has no span so far: this one becomes its root. */
  readonly isOrigin: boolean;
}

export interface OpenSpan {
  /** As what comes of it shall continue the trace. */
  readonly trace: TraceContext;
  /** @param code of the failure it ended with */
  end(attributes?: Attributes, code?: string): void;
  /** Do work as a part of the span. */
  within<T>(work: () => T): T;
}

/** Where spans and measurements go. */
export interface Recorder {
  /** A span of its own, in a trace that came from outside. */
  root(name: string, options: SpanOptions & Origin): OpenSpan;
  /** A part of the span that is under way. @returns undefined when none is, or it has more parts than anybody reads */
  part(name: string, options: SpanOptions): OpenSpan | undefined;
  measure(metric: Measured, amount: number, attributes: Attributes): void;
  /** @param read called whenever metrics are sent */
  watch(read: () => Readonly<Record<Gauge, number>>): void;
  /** Send what is left. @throws when it could not be sent */
  close(): Promise<void>;
}
