import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { serveFunction } from "../../lib/runtime/knative.ts";
import { functionOf, noPorts } from "../contracts/host.ts";

// A process that serves one function as bin/knative.ts does, for tests that send signals. It says on standard output
// where it listens and when a run begins; a run takes as long as its event's repository says, in milliseconds.
const fn = functionOf(async ({ data }, { reply, signal }) => {
  writeSync(1, "running\n");
  await sleep(Number(data.repository), undefined, { signal });
  return reply("dev.knative.sources.ping", "s", { task: "done" });
});
const served = await serveFunction(fn, noPorts(), { port: 0, host: "127.0.0.1", drainSeconds: 0.5 });
process.once("SIGTERM", () => void served.drain().then(() => process.exit(0)));
writeSync(1, `${served.url}\n`);
