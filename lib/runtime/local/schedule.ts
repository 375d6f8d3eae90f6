import { Cron } from "croner";
import { derivedId, fromStructured, type WireEvent } from "../../events/index.ts";
import type { Log } from "../function.ts";
import type { PingSource } from "./triggers.ts";

export interface ScheduleTarget {
  /** Whether an event of this source still waits or runs. */
  hasPending(source: string): boolean;
  accept(events: readonly WireEvent[]): Promise<void>;
}

/** The fields robfig/cron takes, which Knative uses; Croner knows more. */
const FIELD = /^(\*|[0-9]+|[a-z]{3})(-([0-9]+|[a-z]{3}))?(\/[0-9]+)?$/i;

/** @returns what is wrong with a schedule, or undefined */
export function scheduleProblem(schedule: string, timezone?: string): string | undefined {
  const fields = schedule.trim().split(/\s+/);
  if (![5, 6].includes(fields.length)) return "must have five or six cron fields";
  const bad = fields.find((field) => !field.split(",").every((part) => FIELD.test(part)));
  if (bad !== undefined) return `field "${bad.slice(0, 40)}" is not one that Knative understands`;
  try {
    const cron = new Cron(schedule, { timezone: timezone ?? "UTC", paused: true });
    return cron.nextRun() === null ? "never comes" : undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The event of one tick, as Knative's PingSource sends it (knative/eventing pkg/adapter/mtping/runner.go), but for the
 * id: it is derived from the time, so that a tick cannot count twice.
 */
export function pingEvent({ name, namespace, data, extensions }: PingSource, tick: Date): WireEvent {
  const source = sourceOf({ name, namespace });
  const time = tick.toISOString();
  return fromStructured({
    ...extensions,
    specversion: "1.0",
    id: derivedId(source, time),
    source,
    type: "dev.knative.sources.ping",
    time,
    datacontenttype: "application/json",
    data,
  });
}

const sourceOf = ({ name, namespace }: Pick<PingSource, "name" | "namespace">): string =>
  `/apis/v1/namespaces/${namespace}/pingsources/${name}`;

/** Send the event of one tick, unless that of an earlier tick is not done yet. */
export async function tick(source: PingSource, now: Date, target: ScheduleTarget, log: Log): Promise<void> {
  const fields = { schedule: source.name };
  if (target.hasPending(sourceOf(source))) return log.warn(fields, "skipped a tick: the one before is not done");
  try {
    await target.accept([pingEvent(source, now)]);
  } catch (error) {
    log.error({ ...fields, err: error }, "lost a tick");
  }
}

/** Start all schedules. Ticks missed while the process was down are not made up for. @returns how to stop them */
export function startSchedules(sources: readonly PingSource[], target: ScheduleTarget, log: Log): () => void {
  const jobs = sources.map(
    (source) =>
      new Cron(source.schedule, { timezone: source.timezone ?? "UTC" }, () => {
        const second = Math.floor(Date.now() / 1000) * 1000;
        return tick(source, new Date(second), target, log);
      }),
  );
  return () => {
    for (const job of jobs) job.stop();
  };
}
