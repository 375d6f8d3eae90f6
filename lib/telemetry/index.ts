import type { Log, Telemetry } from "../runtime/index.ts";
import { VERSION } from "../version.ts";
import type { Recorder } from "./recorder.ts";
import { readSettings } from "./settings.ts";

export { metrics } from "./recorder.ts";

/** Milliseconds that the end of a process waits for a collector at most. */
const PATIENCE = 4000;
/** Milliseconds between two lines about a collector that does not answer. */
const QUIET = 60_000;

/**
 * Observe this process, if the standard `OTEL_…` variables say where to send it: docs/observability.md.
 *
 * Otherwise nothing of OpenTelemetry is loaded, and nobody looks on. A collector that cannot be reached is logged, once a
 * minute at most, and disturbs nothing.
 *
 * @returns undefined when nothing is to be sent
 * @throws RejectedError CONFIG_INVALID
 */
export async function openTelemetry(
  env: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<Telemetry | undefined> {
  const settings = readSettings(env, VERSION);
  if (settings === undefined) return undefined;
  const [{ openRecorder }, { metrics }, { observe }] = await Promise.all([
    import("./open-telemetry.ts"),
    import("./recorder.ts"),
    import("./observe.ts"),
  ]);
  const tell = quietly(log);
  const recorder = openRecorder(settings, metrics, tell);
  return { ...observe(recorder), close: () => ending(recorder, tell) };
}

function quietly(log: Log): (error: unknown) => void {
  let next = 0;
  return (error) => {
    if (Date.now() < next) return;
    next = Date.now() + QUIET;
    log.warn({ reason: error instanceof Error ? error.message : String(error) }, "Cannot send telemetry");
  };
}

async function ending(recorder: Recorder, tell: (error: unknown) => void): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, PATIENCE);
  await Promise.race([recorder.close().catch(tell), late]);
  clearTimeout(timer);
}
