import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type PoolOptions, startWorker, WorkerPool } from "../../../lib/helm/render/worker-pool.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-pool-"));
after(() => rm(work, { recursive: true, force: true }));

/** Does what it is asked: answer, hang, end, throw, or fill its memory. */
const file = join(work, "worker.mjs");
await writeFile(
  file,
  `import { parentPort, threadId } from "node:worker_threads";
parentPort.on("message", ({ wish, value }) => {
  if (wish === "hang") for (;;);
  if (wish === "end") process.exit(3);
  if (wish === "throw") throw new Error("a bug");
  if (wish === "memory") for (const all = []; ; ) all.push(new Array(100_000).fill({}));
  parentPort.postMessage({ value, threadId });
});
`,
);

const pool = (options: Partial<PoolOptions> = {}): WorkerPool =>
  new WorkerPool({
    file,
    size: 2,
    timeLimit: 60_000,
    memoryLimit: 64,
    refuse: (why, cause) => new Error(`refused: ${why}`, { cause }),
    ...options,
  });

interface Answer {
  readonly value: number;
  readonly threadId: number;
}
const asAnswer = (value: unknown): Answer => value as Answer;

test("every message is answered, by no more workers than allowed, and each by one that is free", async () => {
  const two = pool();
  const answers = (await Promise.all(Array.from({ length: 20 }, (_, value) => two.run({ value })))).map(asAnswer);
  assert.deepEqual(
    answers.map(({ value }) => value),
    Array.from({ length: 20 }, (_, value) => value),
  );
  assert.ok(new Set(answers.map(({ threadId }) => threadId)).size <= 2);
});

test("one message after the other starts one worker", async () => {
  const two = pool();
  const first = asAnswer(await two.run({ value: 1 }));
  assert.equal(asAnswer(await two.run({ value: 2 })).threadId, first.threadId);
});

test("a worker that was started before gets the first message, and harms nobody when there is none", async () => {
  const started = startWorker(file, 64);
  const { threadId } = started;
  assert.equal(asAnswer(await pool({ started }).run({ value: 1 })).threadId, threadId);
  startWorker(file, 64);
});

test("work that hangs is ended at the time limit, and the next is done by another worker", async () => {
  // the next worker has to start within it, on a busy machine too
  const one = pool({ size: 1, timeLimit: 3000 });
  const hanging = one.run({ wish: "hang" });
  const next = one.run({ value: 7 });
  await assert.rejects(hanging, /refused: it took more than 3 seconds/);
  assert.equal(asAnswer(await next).value, 7);
});

test("an abort ends the work, or takes it out of the queue, with its reason", async () => {
  const one = pool({ size: 1 });
  const [running, waiting] = [new AbortController(), new AbortController()];
  const hanging = one.run({ wish: "hang" }, running.signal);
  const queued = one.run({ value: 1 }, waiting.signal);
  waiting.abort(new Error("not wanted"));
  await assert.rejects(queued, /not wanted/);
  running.abort(new Error("enough"));
  await assert.rejects(hanging, /enough/);
  await assert.rejects(one.run({ value: 1 }, AbortSignal.abort(new Error("before"))), /before/);
  assert.equal(asAnswer(await one.run({ value: 2 })).value, 2);
});

for (const [wish, cause] of [
  ["end", 3],
  ["throw", /a bug/],
  ["memory", /memory/],
] as const) {
  test(`a worker that ends by itself (${wish}) fails its own message only`, async () => {
    const one = pool({ size: 1 });
    const failing = one.run({ wish });
    const next = one.run({ value: 3 });
    await assert.rejects(failing, (error: Error) => {
      assert.match(error.message, /refused: its worker ended/);
      if (typeof cause === "number") assert.equal(error.cause, cause);
      else assert.match(String(error.cause), cause);
      return true;
    });
    assert.equal(asAnswer(await next).value, 3);
  });
}
