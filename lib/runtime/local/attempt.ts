import { once } from "node:events";
import type { WireEvent } from "../../events/index.ts";
import type { Subscriber } from "../delivery.ts";
import type { AnyFunction } from "../function.ts";
import { type Deps, invoke, type Outcome, toOutcome } from "../invoke.ts";
import type { LastFailure } from "./journal.ts";

/** Functions by name, loaded when first needed. */
export type FunctionTable = Readonly<Record<string, () => Promise<{ readonly default: AnyFunction }>>>;

/** What Knative Serving gives a request (`timeoutSeconds`) when the trigger says nothing. A Job may take any time. */
const SERVICE_TIMEOUT = 300_000;
/** How long a run may ignore that it was aborted before the broker goes on without it. */
const GRACE = 5000;
/** knative/eventing pkg/kncloudevents/attributes/knative_error.go */
const MAX_ERROR_DATA = 1024;

/** Time, for tests to replace. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `milliseconds`; rejects when `signal` is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<unknown>;
}

/** What is the same for all attempts of a broker. */
export interface Surroundings {
  readonly functions: FunctionTable;
  readonly deps: Deps;
  readonly clock: Clock;
  /** Every run that is not over, for whoever has to end them all. */
  readonly running: Set<AbortController>;
  /** Told of the function before it runs: what it says of itself is not known before it is loaded. */
  readonly onLoaded: (fn: AnyFunction) => void;
}

/**
 * Deliver an event once. Never throws.
 *
 * @param timeout milliseconds
 */
export async function attempt(
  { kind, name }: Subscriber,
  event: WireEvent,
  timeout: number | undefined,
  { functions, deps, clock, running, onLoaded }: Surroundings,
): Promise<Outcome> {
  const limit = timeout ?? (kind === "Service" ? SERVICE_TIMEOUT : undefined);
  // no AbortSignal.any with a signal of the host: Node keeps such a composite as long as the host lives
  const run = new AbortController();
  running.add(run);
  const timer = limit && setTimeout(() => run.abort(new Error(`it took longer than ${limit / 1000} seconds`)), limit);
  const done = new AbortController();
  try {
    const { default: fn } = await functions[name]!();
    onLoaded(fn);
    return await Promise.race([invoke(fn, event, deps, run.signal), abandoned(run.signal, clock, done.signal)]);
  } catch (error) {
    // invoke never throws: the function's module could not be loaded
    deps.log.error({ function: name, err: error }, "Cannot load function");
    return toOutcome(error);
  } finally {
    clearTimeout(timer);
    running.delete(run);
    done.abort();
  }
}

/** Ends a run, as far as the broker is concerned, that does not end itself after it was aborted. */
async function abandoned(signal: AbortSignal, clock: Clock, done: AbortSignal): Promise<Outcome> {
  if (!signal.aborted) await once(signal, "abort", { signal: done });
  await clock.sleep(GRACE, done);
  return toOutcome(signal.reason, signal);
}

/** knative/eventing pkg/kncloudevents/event_dispatcher.go, dispatchExecutionInfoTransformers: data is base64, then cut. */
export function deadLetter(event: WireEvent, subscriber: string, { status, failure }: LastFailure): WireEvent {
  const body = Buffer.from(JSON.stringify(failure)).toString("base64");
  const extensions = {
    ...event.extensions,
    knativeerrordest: subscriber,
    knativeerrorcode: String(status),
    knativeerrordata: body.slice(0, MAX_ERROR_DATA),
  };
  return { ...event, extensions };
}
