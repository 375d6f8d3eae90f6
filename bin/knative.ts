import { functions, isFunctionName } from "../functions/index.ts";
import { compose } from "../lib/compose.ts";
import { loadConfig, withAdapterArguments } from "../lib/config/index.ts";
import { RejectedError } from "../lib/errors.ts";
import { createLog } from "../lib/runtime/index.ts";
import { serveFunction } from "../lib/runtime/knative.ts";
import { openTelemetry } from "../lib/telemetry/index.ts";
import { keepYoungGeneration } from "./young-generation.ts";

// Serves the function named by FUNCTION_TARGET on PORT: what a Knative Service runs.
const log = createLog();

async function main(): Promise<void> {
  const env = withAdapterArguments(process.env, process.argv.slice(2));
  const { FUNCTION_TARGET = "", PORT = "8080", STOWAGE_DRAIN_SECONDS = "280" } = env;
  if (!isFunctionName(FUNCTION_TARGET)) {
    const names = Object.keys(functions).join(", ");
    throw new RejectedError("CONFIG_INVALID", `Cannot serve FUNCTION_TARGET "${FUNCTION_TARGET}": there are ${names}`);
  }
  if (!/^\d{1,5}$/.test(STOWAGE_DRAIN_SECONDS)) {
    throw new RejectedError(
      "CONFIG_INVALID",
      `Cannot use STOWAGE_DRAIN_SECONDS "${STOWAGE_DRAIN_SECONDS}": it is no number of seconds`,
    );
  }
  const { default: fn } = await functions[FUNCTION_TARGET]();
  const telemetry = await openTelemetry(env, log);
  const deps = compose(await loadConfig(env), { log, telemetry });
  const served = await serveFunction(fn, deps, { port: Number(PORT), drainSeconds: Number(STOWAGE_DRAIN_SECONDS) });
  keepYoungGeneration();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, async () => {
      await served.drain();
      await telemetry?.close();
      process.exit(0);
    });
  }
  log.info({ function: fn.name, url: served.url }, "ready");
}

main().catch((error: unknown) => {
  log.error({ err: error }, "Cannot start");
  process.exit(1);
});
