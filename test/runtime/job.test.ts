import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Log } from "../../lib/runtime/index.ts";
import { runJob } from "../../lib/runtime/job.ts";
import { functionOf, newEvent, noPorts, silent } from "../contracts/host.ts";

const directory = mkdtempSync(join(tmpdir(), "stowage-job-"));
after(() => rmSync(directory, { recursive: true }));
const eventFile = join(directory, "event");
const { signal } = new AbortController();
const replying = functionOf(async (_, { reply }) => reply("dev.knative.sources.ping", "s", { task: "x" }));

test("what is no event, no file or too large is rejected, and says why", async () => {
  const reasons: string[] = [];
  const log: Log = { ...silent, error: (fields) => void reasons.push((fields as { err: Error }).err.message) };
  for (const [content, reason] of [
    ["{", /not JSON/],
    ['{"specversion":"1.0"}', /id is missing/],
    ["[]", /not a JSON object/],
    [" ".repeat(1024 * 1024 + 1), /larger than/],
  ] as const) {
    writeFileSync(eventFile, content);
    assert.equal(await runJob(replying, noPorts(log), { eventFile, signal }), 3);
    assert.match(reasons.pop() ?? "", reason);
  }
  assert.equal(await runJob(replying, noPorts(log), { eventFile: join(directory, "none"), signal }), 3);
  assert.match(reasons.pop() ?? "", /ENOENT/);
});

test("a reply that nobody takes makes the Job fail, so that Kubernetes runs it again", async () => {
  writeFileSync(eventFile, JSON.stringify(newEvent()));
  const sink = "http://127.0.0.1:1/";
  assert.equal(await runJob(replying, noPorts(), { eventFile, sink, signal }), 1);
  assert.equal(await runJob(replying, noPorts(), { eventFile, sink: "nonsense", signal }), 3);
});

test("a reply without a sink is done, and said aloud", async () => {
  const warnings: string[] = [];
  const log: Log = { ...silent, warn: (_, message) => void warnings.push(message), child: () => log };
  writeFileSync(eventFile, JSON.stringify(newEvent()));
  assert.equal(await runJob(replying, noPorts(log), { eventFile, signal }), 0);
  assert.deepEqual(warnings, ["no K_SINK: the reply goes nowhere"]);
});
