import { open } from "node:fs/promises";
import { RejectedError, StowageError } from "../errors.ts";
import { decode, follow, type WireEvent } from "../events/index.ts";
import type { AnyFunction } from "./function.ts";
import { type Deps, type Failure, invoke } from "./invoke.ts";
import { postEvent, type SinkOptions } from "./sink.ts";

export interface JobOptions extends SinkOptions {
  /** One event in structured JSON: JobSink mounts it at `$K_EVENT_PATH/event`. */
  readonly eventFile: string;
  /** Where the reply goes, and word of a failure. Without it a reply is only logged. */
  readonly sink?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * How a Job ends: 0 done; 1 worth another try, which Kubernetes' `backoffLimit` decides on; 3 rejected, which a
 * `podFailurePolicy` with `onExitCodes` can tell apart.
 */
export type ExitStatus = 0 | 1 | 3;

/** The event lies in a Secret, which Kubernetes limits to 1 MiB. */
const MAX_EVENT_BYTES = 1024 * 1024;

/**
 * Run one function once on the event of a file. Never throws.
 *
 * No broker sees how a Job ends, and none buries its event: a failure is told as `run.failed`, each time.
 */
export async function runJob(fn: AnyFunction, deps: Deps, options: JobOptions): Promise<ExitStatus> {
  try {
    const event = await readEvent(options.eventFile);
    const outcome = await invoke(fn, event, deps, options.signal);
    if (outcome.failure) {
      const again = outcome.status !== 422;
      await tellFailure(fn, event, outcome.failure, again, deps, options);
      return again ? 1 : 3;
    }
    if (outcome.reply === undefined) return 0;
    const fields = { function: fn.name, reply: outcome.reply.id, type: outcome.reply.type };
    if (options.sink === undefined) deps.log.warn(fields, "no K_SINK: the reply goes nowhere");
    else await postEvent(options.sink, outcome.reply, options.signal, options);
    return 0;
  } catch (error) {
    deps.log.error({ function: fn.name, err: error }, "Job failed");
    return error instanceof StowageError && error.disposition === "reject" ? 3 : 1;
  }
}

/** Whoever waits for the event's outcome learns why there is none. That this fails too changes nothing about the Job. */
async function tellFailure(
  fn: AnyFunction,
  event: WireEvent,
  { code, message }: Failure,
  again: boolean,
  { log }: Deps,
  options: JobOptions,
): Promise<void> {
  if (options.sink === undefined) return;
  const failed = follow(event, "dev.stowage.run.failed.v1", {
    source: `/stowage/${fn.name}`,
    subject: `${fn.name}: ${code}`,
    data: { function: fn.name, type: event.type.slice(0, 255), code, reason: message, again },
  });
  try {
    await postEvent(options.sink, failed, options.signal, options);
  } catch (error) {
    log.warn({ function: fn.name, err: error }, "could not tell that the Job failed");
  }
}

async function readEvent(path: string): Promise<WireEvent> {
  const refuse = (why: string, cause?: unknown): RejectedError =>
    new RejectedError("EVENT_MALFORMED", `Cannot read event file "${path}": ${why}`, { cause });
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code ?? error.message, error);
  });
  try {
    const { size } = await file.stat();
    if (size > MAX_EVENT_BYTES) throw refuse(`it is larger than ${MAX_EVENT_BYTES} bytes`);
    const [event] = decode({
      headers: { "content-type": "application/cloudevents+json" },
      body: await file.readFile(),
    });
    return event!;
  } finally {
    await file.close();
  }
}
