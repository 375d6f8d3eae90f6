import { join } from "node:path";
import { functions } from "../functions/index.ts";
import { main } from "../lib/cli/index.ts";
import { keepYoungGeneration } from "./young-generation.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
}
// a reader that has seen enough (`stowage … | head`) is no failure
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const args = process.argv.slice(2);
void main(args, {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  log: async () => (await import("../lib/runtime/log.ts")).createLog(),
  functions,
  triggers: join(import.meta.dirname, "..", "triggers"),
  // the threads of `images` are being started; who has ended before they were needs nothing of it
  onLoaded: args[0] === "images" ? () => void setTimeout(keepYoungGeneration, 500).unref() : keepYoungGeneration,
  signal: stop.signal,
}).then((status) => {
  process.exitCode = status;
});
