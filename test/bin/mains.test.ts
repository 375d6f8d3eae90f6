import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { newEvent } from "../contracts/host.ts";

const root = dirname(dirname(import.meta.dirname));
const directory = mkdtempSync(join(tmpdir(), "stowage-mains-"));
after(() => rmSync(directory, { recursive: true }));

interface Line {
  readonly msg: string;
  readonly url?: string;
  readonly err?: { readonly message: string };
}

const start = (main: string, env: Readonly<Record<string, string>>) => {
  const child: ChildProcess = spawn(process.execPath, [join(root, "bin", main)], {
    env: { PATH: process.env["PATH"], HOME: directory, STOWAGE_STORE: "memory:", ...env },
    stdio: ["ignore", "inherit", "pipe"],
  });
  const exit = once(child, "exit").then(([code]) => code as number);
  const lines = createInterface(child.stderr!)[Symbol.asyncIterator]();
  const until = async (message: string): Promise<Line> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`ended before it said "${message}"`);
      const line = JSON.parse(value) as Line;
      if (line.msg === message) return line;
    }
  };
  return { child, exit, until };
};

test("knative.ts serves the function of its environment until SIGTERM", async () => {
  const { child, exit, until } = start("knative.ts", { FUNCTION_TARGET: "bury", PORT: "0" });
  const { url = "" } = await until("ready");
  const headers = { "content-type": "application/cloudevents+json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(newEvent()) });
  assert.equal(response.status, 204);
  child.kill("SIGTERM");
  assert.equal(await exit, 0);
});

test("knative.ts says what is wrong with its environment and ends", async () => {
  for (const [env, message] of [
    [{ FUNCTION_TARGET: "none" }, /"none": there are build-bundle, bury/],
    [{ FUNCTION_TARGET: "bury", PORT: "http" }, /PORT|port/],
    [{ FUNCTION_TARGET: "bury", STOWAGE_DRAIN_SECONDS: "5m" }, /STOWAGE_DRAIN_SECONDS "5m"/],
    [{ FUNCTION_TARGET: "bury", STOWAGE_CONFIG: "/nowhere" }, /nowhere/],
  ] as const) {
    const { exit, until } = start("knative.ts", env);
    assert.match((await until("Cannot start")).err?.message ?? "", message);
    assert.equal(await exit, 1);
  }
});

test("job.ts runs the function on the mounted event and tells Kubernetes how it ended", async () => {
  const job = { FUNCTION_TARGET: "bury", K_EVENT_PATH: directory };
  writeFileSync(join(directory, "event"), JSON.stringify(newEvent()));
  assert.equal(await start("job.ts", job).exit, 0);
  writeFileSync(join(directory, "event"), JSON.stringify(newEvent({ id: "" })));
  assert.equal(await start("job.ts", job).exit, 3);
  assert.equal(await start("job.ts", { ...job, FUNCTION_TARGET: "none" }).exit, 3);
});
