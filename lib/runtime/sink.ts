import { setTimeout as sleep } from "node:timers/promises";
import { RejectedError, TransientError } from "../errors.ts";
import { encode, fromStructured, parseTrace, toStructured, traceAttributes, type WireEvent } from "../events/index.ts";
import { redelivers } from "./delivery.ts";

export interface SinkOptions {
  /**
   * Extensions that a SinkBinding wants on every event: `{"extensions":{…}}`, possibly empty. Default: `$K_CE_OVERRIDES`.
   *
   * @see https://knative.dev/docs/eventing/custom-event-source/sinkbinding/reference/
   */
  readonly overrides?: string | undefined;
  /**
   * Milliseconds one attempt may take. Default five minutes: an in-memory broker answers only after every subscriber
   * has, and hanging up on it cancels them (knative/eventing pkg/channel/fanout/fanout_event_handler.go).
   */
  readonly timeout?: number;
}

const ATTEMPTS = 3;
const FIRST_WAIT = 200;
/** Whoever asks for more patience gets it from the broker or the Job that runs us again. */
const LONGEST_WAIT = 5000;

/**
 * Post one event to a sink, in structured mode: Go's SDK does not decode percent-encoded headers.
 *
 * Answers that Knative would redeliver on are tried again, three times in all. The same event may arrive twice then; its
 * id says so.
 *
 * @throws RejectedError CONFIG_INVALID for a URL or overrides that cannot be used
 * @throws TransientError EVENT_UNDELIVERED
 */
export async function postEvent(
  url: string,
  event: WireEvent,
  signal?: AbortSignal,
  { overrides = process.env["K_CE_OVERRIDES"], timeout = 300_000 }: SinkOptions = {},
): Promise<void> {
  const sink = readSink(url);
  const { headers: encoded, body } = await encode(
    fromStructured({ ...toStructured(event), ...readOverrides(overrides) }),
    "structured",
  );
  // for whoever looks at requests and not at events; never for hosts that are no sink
  const trace = parseTrace(event.extensions);
  const headers = { ...encoded, ...(trace && traceAttributes(trace)) };
  for (let attempt = 1; ; attempt++) {
    const limit = AbortSignal.timeout(timeout);
    const until = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    const answer = await fetch(sink, { method: "POST", headers, body, redirect: "manual", signal: until }).catch(
      (error: unknown) => ({ error }),
    );
    const failed = await failure(answer);
    if (failed === undefined) return;
    const undelivered = new TransientError(
      "EVENT_UNDELIVERED",
      `Cannot deliver event "${event.id}" to ${sink.origin}: ${failed.reason}`,
      { cause: failed.cause, retryAfter: failed.retryAfter },
    );
    if (!failed.again || attempt === ATTEMPTS || signal?.aborted) throw undelivered;
    const wait = Math.max(FIRST_WAIT * 2 ** (attempt - 1), (failed.retryAfter ?? 0) * 1000);
    if (wait > LONGEST_WAIT) throw undelivered;
    await sleep(wait, undefined, { signal }).catch(() => {
      throw undelivered;
    });
  }
}

interface Failed {
  readonly reason: string;
  readonly again: boolean;
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

async function failure(answer: Response | { readonly error: unknown }): Promise<Failed | undefined> {
  if (!(answer instanceof Response)) {
    const { error } = answer;
    const timedOut = error instanceof DOMException && error.name === "TimeoutError";
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = timedOut ? "it did not answer in time" : cause instanceof Error ? cause.message : String(cause);
    // who did not answer in time may still be at it
    return { reason, again: !timedOut, cause: error };
  }
  await answer.body?.cancel();
  if (answer.ok) return undefined;
  const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
  return {
    reason: `it answered ${answer.status}`,
    again: redelivers(answer.status),
    retryAfter: Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined,
  };
}

function readSink(url: string): URL {
  const sink = URL.canParse(url) ? new URL(url) : undefined;
  if (sink === undefined || !/^https?:$/.test(sink.protocol) || sink.username !== "" || sink.password !== "") {
    throw new RejectedError("CONFIG_INVALID", "Cannot use sink: it must be an http or https URL without credentials");
  }
  return sink;
}

function readOverrides(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined || text === "") return {};
  const invalid = (cause?: unknown): RejectedError =>
    new RejectedError(
      "CONFIG_INVALID",
      'Cannot use K_CE_OVERRIDES: it must be JSON like {"extensions":{"name":"value"}}',
      {
        cause,
      },
    );
  let parsed: { extensions?: unknown } | null;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalid(error);
  }
  const extensions = parsed?.extensions ?? {};
  if (typeof extensions !== "object" || Array.isArray(extensions)) throw invalid();
  return extensions as Record<string, unknown>;
}
