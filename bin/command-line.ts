import { join } from "node:path";
import { functions } from "../functions/index.ts";
import { main } from "../lib/cli/index.ts";
import { createLog } from "../lib/runtime/index.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
}
// a reader that has seen enough (`stowage … | head`) is no failure
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

void main(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  log: createLog(),
  functions,
  triggers: join(import.meta.dirname, "..", "triggers"),
  signal: stop.signal,
}).then((status) => {
  process.exitCode = status;
});
