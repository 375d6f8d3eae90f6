import { join } from "node:path";
import { functions, isFunctionName } from "../functions/index.ts";
import { compose } from "../lib/compose.ts";
import { loadConfig } from "../lib/config/index.ts";
import { RejectedError } from "../lib/errors.ts";
import { createLog } from "../lib/runtime/index.ts";
import { type ExitStatus, runJob } from "../lib/runtime/job.ts";
import { openTelemetry } from "../lib/telemetry/index.ts";
import { keepYoungGeneration } from "./young-generation.ts";

// Runs the function named by FUNCTION_TARGET on the event a JobSink mounted: what a Job of it runs.
const log = createLog();
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
}

async function main({ FUNCTION_TARGET = "", K_EVENT_PATH = "/etc/jobsink-event" } = process.env): Promise<ExitStatus> {
  if (!isFunctionName(FUNCTION_TARGET)) {
    const names = Object.keys(functions).join(", ");
    throw new RejectedError("CONFIG_INVALID", `Cannot run FUNCTION_TARGET "${FUNCTION_TARGET}": there are ${names}`);
  }
  const { default: fn } = await functions[FUNCTION_TARGET]();
  const config = await loadConfig(process.env);
  const eventFile = join(K_EVENT_PATH, "event");
  const telemetry = await openTelemetry(process.env, log);
  keepYoungGeneration();
  const status = await runJob(fn, compose(config, { log, telemetry }), {
    eventFile,
    sink: config.sink,
    signal: stop.signal,
  });
  await telemetry?.close();
  return status;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    log.error({ err: error }, "Cannot start");
    process.exit(3);
  },
);
