import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

// Runs each main once, so that Node keeps what it compiled in NODE_COMPILE_CACHE: node warm.mjs DIST
const [dist = "/app/dist"] = process.argv.slice(2);
const work = await mkdtemp(join(tmpdir(), "stowage-warm-"));
const event = { specversion: "1.0", id: "warm", source: "/warm", type: "dev.stowage.warm" };
await writeFile(join(work, "event"), JSON.stringify(event));
const env = { ...process.env, STOWAGE_STORE: "memory:", FUNCTION_TARGET: "bury", PORT: "0", K_EVENT_PATH: work };

const run = (main, ...args) => {
  const child = spawn(process.execPath, [join(dist, main), ...args], { env, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit").then(([code]) => {
    if (code !== 0) throw new Error(`${main} ended with ${code}`);
  });
  return { child, ended, lines: createInterface(child.stderr) };
};

try {
  await run("stowage.mjs", "--help").ended;
  await run("job.mjs").ended;
  const { child, ended, lines } = run("knative.mjs");
  const ready = await new Promise((resolve, reject) => {
    lines.on("line", (line) => line.includes('"msg":"ready"') && resolve(JSON.parse(line)));
    ended.then(() => reject(new Error("knative.mjs ended at once")), reject);
  });
  const headers = { "content-type": "application/cloudevents+json" };
  const response = await fetch(ready.url, { method: "POST", headers, body: JSON.stringify(event) });
  if (response.status !== 204) throw new Error(`knative.mjs answered ${response.status}`);
  child.kill("SIGTERM");
  await ended;
} finally {
  await rm(work, { recursive: true });
}
