import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, test } from "node:test";
import { newEvent } from "../../contracts/host.ts";

let directory: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stowage-crash-"));
});
afterEach(async () => {
  await kill();
  rmSync(directory, { recursive: true });
});

const kill = async (): Promise<void> => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
};

const start = async (...mode: string[]) => {
  const program = join(import.meta.dirname, "crash-process.ts");
  const started = spawn(process.execPath, [program, directory, ...mode], { stdio: ["ignore", "pipe", "inherit"] });
  child = started;
  const lines = createInterface(started.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the process has ended");
    return value;
  };
  // what an earlier process left may run before the address is known
  let url = await line();
  while (!url.startsWith("http")) url = await line();
  return { url, line };
};

const post = async (url: string, events: readonly object[]): Promise<number> => {
  const headers = { "content-type": "application/cloudevents-batch+json" };
  return (await fetch(url, { method: "POST", headers, body: JSON.stringify(events) })).status;
};

const noted = (file: string): readonly string[] => readFileSync(join(directory, file), "utf8").trim().split("\n");

test("what was accepted before a kill -9 is worked off once after a restart", async () => {
  const first = await start("hang");
  assert.equal(await first.line(), "idle");
  const events = Array.from({ length: 20 }, () => newEvent());
  assert.equal(await post(first.url, events), 202);
  await kill();

  const second = await start();
  while ((await second.line()) !== "idle");
  assert.equal(new Set(noted("replies")).size, 20);
  assert.equal(noted("replies").length, 20);

  // and it stays done: neither a restart nor the sender's repetition does it again
  await kill();
  const third = await start();
  assert.equal(await third.line(), "idle");
  assert.equal(await post(third.url, events), 202);
  await kill();
  await start();
  assert.equal(noted("replies").length, 20);
});

test("a kill -9 in the middle of a run loses nothing and doubles no effect", async () => {
  const first = await start("hang");
  assert.equal(await first.line(), "idle");
  const event = newEvent();
  assert.equal(await post(first.url, [event]), 202);
  assert.equal(await first.line(), `ran ${event.id}`);
  await kill();

  const second = await start();
  while ((await second.line()) !== "idle");
  assert.deepEqual(noted("ran"), [event.id, event.id]);
  assert.equal(noted("replies").length, 1);
});

test("kills at any moment lose nothing that was accepted", async () => {
  const accepted: string[] = [];
  for (let round = 1; round <= 4; round++) {
    const { url } = await start();
    const enough = Promise.withResolvers<void>();
    const posts = Array.from({ length: 40 }, async () => {
      const event = newEvent();
      const status = await post(url, [event]).catch(() => "killed");
      if (status === 202) accepted.push(event.id);
      if (accepted.length >= 7 * round) enough.resolve();
    });
    await enough.promise;
    await kill();
    await Promise.all(posts);
  }
  const { line } = await start();
  while ((await line()) !== "idle");
  const ran = new Set(noted("ran"));
  assert.deepEqual(
    accepted.filter((id) => !ran.has(id)),
    [],
  );
  assert.ok(new Set(noted("replies")).size >= accepted.length);
});
