import { RejectedError, StowageError, TransientError } from "../errors.ts";
import { type Event, follow, parseEvent, type WireEvent } from "../events/index.ts";
import type { Ports } from "../ports.ts";
import type { AnyEventFunction, AnyFunction, HttpFunction, HttpRequest, HttpResponse, Log } from "./function.ts";

/** What a host gives to every run. */
export interface Deps {
  /** Open the ports of these names. Adapters are loaded on first use. */
  readonly ports: <K extends keyof Ports>(names: readonly K[]) => Promise<Pick<Ports, K>>;
  readonly log: Log;
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

/** Run `fn` on a decoded event. Never throws: every way to end is an {@linkcode Outcome}. */
export async function invoke(fn: AnyFunction, wire: WireEvent, deps: Deps, signal: AbortSignal): Promise<Outcome> {
  const started = performance.now();
  const log = deps.log.child({ function: fn.name, event: wire.id, type: wire.type });
  let outcome: Outcome;
  try {
    signal.throwIfAborted();
    const reply = await run(fn, wire, { ...deps, log }, signal);
    outcome = reply ? { status: 200, reply } : { status: 204 };
  } catch (error) {
    outcome = toOutcome(error, signal);
    if (outcome.status === 500) log.error({ err: error }, "Function failed by a bug");
  }
  const fields = {
    status: outcome.status,
    ms: Math.round(performance.now() - started),
    ...(wire.subject === undefined ? {} : { subject: wire.subject }),
    ...(outcome.reply && { reply: outcome.reply.type }),
    ...(outcome.failure && { code: outcome.failure.code, reason: outcome.failure.message }),
  };
  if (outcome.failure) log.warn(fields, "ran");
  else log.info(fields, "ran");
  return outcome;
}

async function run(fn: AnyFunction, wire: WireEvent, deps: Deps, signal: AbortSignal): Promise<Event | void> {
  if (fn.kind === "sink") return fn.run(wire, { ...(await deps.ports(fn.needs)), log: deps.log, signal });
  if (fn.kind === "http") {
    throw new RejectedError("EVENT_MISROUTED", `Cannot run "${fn.name}" on an event: it answers HTTP requests`);
  }
  return runOnEvent(fn, parseEvent(wire), deps, signal);
}

async function runOnEvent(fn: AnyEventFunction, event: Event, deps: Deps, signal: AbortSignal): Promise<Event | void> {
  if (!fn.on.includes(event.type)) {
    throw new RejectedError("EVENT_MISROUTED", `Cannot handle "${event.type}" in ${fn.name}`);
  }
  const ports = await deps.ports(fn.needs);
  // an abort while they were opened would never be seen by listeners that come later
  signal.throwIfAborted();
  return fn.run(event, {
    ...ports,
    log: deps.log,
    signal,
    reply: (type, subject, data) => follow(event, type, { source: `/stowage/${fn.name}`, subject, data }),
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

/** Let an HTTP function answer. Never throws. */
export async function answer(
  fn: HttpFunction,
  request: HttpRequest,
  deps: Deps,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const log = deps.log.child({ function: fn.name });
  try {
    return await fn.answer(request, { ...(await deps.ports(fn.needs)), log, signal });
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
