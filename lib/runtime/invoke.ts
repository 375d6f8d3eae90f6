import { randomUUID } from "node:crypto";
import { RejectedError, StowageError, TransientError } from "../errors.ts";
import {
  type Event,
  follow,
  inTrace,
  isEventType,
  originTrace,
  parseEvent,
  parseTrace,
  type TraceContext,
  type WireEvent,
} from "../events/index.ts";
import type { Ports } from "../ports.ts";
import type { AnyEventFunction, AnyFunction, HttpFunction, HttpRequest, HttpResponse, Log } from "./function.ts";
import { type Ledger, Publications, runOf } from "./ledger.ts";
import { type End, eventAttributes, type Telemetry, type Work } from "./telemetry.ts";

/** What a host gives to every run. */
export interface Deps {
  /** Open the ports of these names. Adapters are loaded on first use. */
  readonly ports: <K extends keyof Ports>(names: readonly K[]) => Promise<Pick<Ports, K>>;
  readonly log: Log;
  /** Absent where nobody looks on. */
  readonly telemetry?: Telemetry | undefined;
  /** Absent where nothing is kept. */
  readonly ledger?: Ledger | undefined;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** How one delivery ended, in the only words a broker understands. */
export interface Outcome {
  /** 200 with a reply, 204 without, 422 rejected, 503 transient, 500 a bug. */
  readonly status: 200 | 204 | 422 | 500 | 503;
  readonly reply?: Event;
  readonly failure?: Failure;
  /** Seconds. */
  readonly retryAfter?: number;
}

/**
 * Run `fn` on a decoded event, as a part of the event's trace: what it answers and publishes goes on from there. The
 * ledger knows of the run before anybody hears how it ended.
 *
 * Never throws: every way to end is an {@linkcode Outcome}.
 */
export async function invoke(fn: AnyFunction, wire: WireEvent, deps: Deps, signal: AbortSignal): Promise<Outcome> {
  const given = parseTrace(wire.extensions);
  const work = {
    name: fn.name,
    kind: "event",
    trace: given ?? originTrace(wire),
    isOrigin: given === undefined,
    attributes: eventAttributes(wire),
    type: isEventType(wire.type) ? wire.type : undefined,
  } as const;
  return within(deps, work, (trace) => attend(fn, wire, trace, deps, signal), endOf);
}

const endOf = ({ status, failure }: Outcome): End => ({ status, code: failure?.code });

/** Work that somebody may look at. */
const within = <T>({ telemetry }: Deps, work: Work, go: (trace: TraceContext) => Promise<T>, end: (done: T) => End) =>
  telemetry === undefined ? go(work.trace) : telemetry.during(work, go, end);

async function attend(
  fn: AnyFunction,
  wire: WireEvent,
  trace: TraceContext,
  deps: Deps,
  signal: AbortSignal,
): Promise<Outcome> {
  const started = new Date();
  const clock = performance.now();
  const log = deps.log.child({ function: fn.name, event: wire.id, type: wire.type, trace: trace.traceId });
  const published = new Publications();
  let outcome: Outcome;
  try {
    signal.throwIfAborted();
    const ports: Deps["ports"] = async (names) => continued(await deps.ports(names), trace, published);
    const reply = await run(fn, wire, { trace, ports, log }, signal);
    outcome = reply ? { status: 200, reply } : { status: 204 };
  } catch (error) {
    outcome = toOutcome(error, signal);
    if (outcome.status === 500) log.error({ err: error }, "Function failed by a bug");
  }
  const ms = performance.now() - clock;
  const fields = {
    status: outcome.status,
    ms: Math.round(ms),
    ...(wire.subject === undefined ? {} : { subject: wire.subject }),
    ...(outcome.reply && { reply: outcome.reply.type }),
    ...(outcome.failure && { code: outcome.failure.code, reason: outcome.failure.message }),
  };
  await deps.ledger?.write(runOf(fn.name, wire, { started, ms, trace: trace.traceId, published }, outcome));
  if (outcome.failure) log.warn(fields, "ran");
  else log.info(fields, "ran");
  return outcome;
}

/** Ports of one run: what it publishes goes on with its trace, and is remembered. */
function continued<P extends object>(ports: P, trace: TraceContext, published?: Publications): P {
  const { publish } = ports as Partial<Ports>;
  if (publish === undefined) return ports;
  return {
    ...ports,
    publish: async (events: readonly Event[], signal?: AbortSignal) => {
      const isApart = (event: Event): boolean =>
        (parseTrace(event.extensions)?.traceId ?? trace.traceId) !== trace.traceId;
      const going = events.map((event) => (isApart(event) ? event : inTrace(event, trace)));
      await publish(going, signal);
      published?.add(going);
    },
  };
}

/** What one run is given. */
interface RunDeps extends Pick<Deps, "ports" | "log"> {
  readonly trace: TraceContext;
}

async function run(fn: AnyFunction, wire: WireEvent, deps: RunDeps, signal: AbortSignal): Promise<Event | void> {
  if (fn.kind === "sink") return fn.run(wire, { ...(await deps.ports(fn.needs)), log: deps.log, signal });
  if (fn.kind === "http") {
    throw new RejectedError("EVENT_MISROUTED", `Cannot run "${fn.name}" on an event: it answers HTTP requests`);
  }
  return runOnEvent(fn, parseEvent(wire), deps, signal);
}

async function runOnEvent(
  fn: AnyEventFunction,
  event: Event,
  deps: RunDeps,
  signal: AbortSignal,
): Promise<Event | void> {
  if (!fn.on.includes(event.type)) {
    throw new RejectedError("EVENT_MISROUTED", `Cannot handle "${event.type}" in ${fn.name}`);
  }
  const ports = await deps.ports(fn.needs);
  // an abort while they were opened would never be seen by listeners that come later
  signal.throwIfAborted();
  const cause = inTrace(event, deps.trace);
  return fn.run(event, {
    ...ports,
    log: deps.log,
    signal,
    reply: (type, subject, data) => follow(cause, type, { source: `/stowage/${fn.name}`, subject, data }),
  });
}

/**
 * Map a failure to a status.
 *
 * Knative redelivers on 5xx, 404, 408, 409 and 429 and dead-letters every other failure at once
 * (knative/eventing pkg/kncloudevents/retries.go), so a rejection must be 422 and nothing else.
 *
 * @param signal the run's signal: what a run throws after it was aborted is no bug of the function
 */
export function toOutcome(error: unknown, signal?: AbortSignal): Outcome {
  const known =
    error instanceof StowageError || !signal?.aborted
      ? error
      : new TransientError("EVENT_TIMEOUT", `Cannot finish: ${reasonOf(signal)}`, { cause: error });
  if (!(known instanceof StowageError))
    return { status: 500, failure: { code: "UNEXPECTED", message: clip(String(known)) } };
  const failure = { code: known.code, message: clip(known.message) };
  if (known.disposition === "reject") return { status: 422, failure };
  return { status: 503, failure, ...(known.retryAfter === undefined ? {} : { retryAfter: known.retryAfter }) };
}

const reasonOf = ({ reason }: AbortSignal): string => (reason instanceof Error ? reason.message : String(reason));

/** A dead letter carries 1,024 base64 characters of the body (knative/eventing attributes/knative_error.go). */
const clip = (message: string): string => (message.length <= 640 ? message : `${message.slice(0, 639)}…`);

/** Let an HTTP function answer, as a part of the trace its request is in, if any. Never throws. */
export async function answer(
  fn: HttpFunction,
  request: HttpRequest,
  deps: Deps,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const given = parseTrace(request.headers);
  const trace = given ?? originTrace({ source: fn.name, id: randomUUID() });
  const attributes = { "http.request.method": request.method };
  const work = { name: fn.name, kind: "http", trace, isOrigin: given === undefined, attributes } as const;
  return within(
    deps,
    work,
    (own) => respond(fn, request, own, deps, signal),
    ({ status }) => ({ status }),
  );
}

async function respond(
  fn: HttpFunction,
  request: HttpRequest,
  trace: TraceContext,
  deps: Deps,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const log = deps.log.child({ function: fn.name, trace: trace.traceId });
  try {
    return await fn.answer(request, { ...continued(await deps.ports(fn.needs), trace), log, signal });
  } catch (error) {
    const outcome = toOutcome(error, signal);
    const failure = outcome.failure!;
    if (outcome.status === 500) log.error({ err: error }, "Function failed by a bug");
    else log.warn({ status: outcome.status, code: failure.code, reason: failure.message }, "refused");
    return {
      status: outcome.status,
      headers: {
        "content-type": "application/json",
        ...(outcome.retryAfter === undefined ? {} : { "retry-after": String(Math.ceil(outcome.retryAfter)) }),
      },
      body: JSON.stringify(failure),
    };
  }
}
