import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import { decode, type Event } from "../../lib/events/index.ts";
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

test("each failure is told to the sink, whether it is tried again or not; that nobody hears it changes nothing", async () => {
  const told: Event<"dev.stowage.run.failed.v1">[] = [];
  let answer = 202;
  await using server = await listening(async (request, response) => {
    const events = decode({ headers: request.headers, body: await buffer(request) });
    told.push(...(events as typeof told));
    response.writeHead(answer).end();
  });
  const sink = server.url;
  const event = newEvent({ resource: "releases.stowage.dev/apps/a/u-1/1" });
  writeFileSync(eventFile, JSON.stringify(event));
  const failing = (error: Error) =>
    functionOf(async () => {
      throw error;
    });
  const rejected = new RejectedError("CHART_INVALID", "Cannot read it");
  const transient = new TransientError("STORE_UNAVAILABLE", "Cannot write it");
  for (const [error, status] of [
    [rejected, 3],
    [transient, 1],
    [transient, 1],
  ] as const) {
    assert.equal(await runJob(failing(error), noPorts(), { eventFile, sink, signal }), status);
  }
  const { type } = event as unknown as { type: string };
  assert.deepEqual(
    told.map(({ data }) => data),
    [
      { function: "subject", type, code: "CHART_INVALID", reason: "Cannot read it", again: false },
      { function: "subject", type, code: "STORE_UNAVAILABLE", reason: "Cannot write it", again: true },
      { function: "subject", type, code: "STORE_UNAVAILABLE", reason: "Cannot write it", again: true },
    ],
  );
  assert.equal(told[0]?.extensions["resource"], "releases.stowage.dev/apps/a/u-1/1");
  // the same failure again is the same event, another one another
  assert.equal(told[1]?.id, told[2]?.id);
  assert.notEqual(told[0]?.id, told[1]?.id);
  answer = 400;
  assert.equal(await runJob(failing(rejected), noPorts(), { eventFile, sink, signal }), 3);
});

async function listening(listener: RequestListener) {
  const server = createServer(listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
