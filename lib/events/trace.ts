import { createHash } from "node:crypto";
import type { WireEvent } from "./event.ts";

/**
 * Where something stands in a trace.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header-field-values
 */
export interface TraceContext {
  /** 32 lower-case hex digits, not all of them 0. */
  readonly traceId: string;
  /** Of the span that this was made in: 16 lower-case hex digits, not all of them 0. */
  readonly spanId: string;
  /** Whether that span is recorded. */
  readonly sampled: boolean;
  /** What the systems on the way have to say to each other; passed on as it is. */
  readonly tracestate?: string | undefined;
}

const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** Longer ones need not be passed on: https://www.w3.org/TR/trace-context/#tracestate-limits */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/**
 * Read `traceparent` and `tracestate`: extension attributes of an event, or headers of a request.
 *
 * @returns undefined where there are none, or none that may be used: a trace begins anew then
 */
export function parseTrace({
  traceparent = "",
  tracestate = "",
}: Readonly<Record<string, unknown>>): TraceContext | undefined {
  const [, version, traceId, spanId, flags = "", more] = TRACEPARENT.exec(String(traceparent)) ?? [];
  // only versions to come may have more fields
  if (traceId === undefined || spanId === undefined || (version === "00" && more !== undefined)) return undefined;
  const state = TRACESTATE.test(String(tracestate)) ? { tracestate: String(tracestate) } : {};
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1, ...state };
}

/**
 * The attributes of the distributed tracing extension, which are also the headers of W3C Trace Context.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md
 */
export const traceAttributes = ({
  traceId,
  spanId,
  sampled,
  tracestate,
}: TraceContext): { readonly traceparent: string; readonly tracestate?: string } => ({
  traceparent: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`,
  ...(tracestate === undefined ? {} : { tracestate }),
});

/**
 * The trace of an event that brought none: always the same one, so that all its deliveries, wherever they run, are found
 * together. Nobody has recorded it so far.
 */
export function originTrace({ source, id }: Pick<WireEvent, "source" | "id">): TraceContext {
  const hash = createHash("sha256")
    .update(JSON.stringify([source, id]))
    .digest("hex");
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48), sampled: false };
}

/** The event as part of a trace, and of no other. */
export function inTrace<T extends Pick<WireEvent, "extensions">>(event: T, trace: TraceContext): T {
  const { traceparent: _, tracestate: __, ...extensions } = event.extensions;
  return Object.freeze({ ...event, extensions: { ...extensions, ...traceAttributes(trace) } });
}
