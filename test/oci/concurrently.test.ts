import assert from "node:assert/strict";
import { test } from "node:test";
import { concurrently } from "../../lib/oci/concurrently.ts";

test("results come in the order of the items", async () => {
  const doubled = await concurrently([3, 1, 2], 2, async (item) => {
    for (let tick = 0; tick < item; tick++) await new Promise(setImmediate);
    return item * 2;
  });
  assert.deepEqual(doubled, [6, 2, 4]);
});

test("the first failure is thrown after everything that was begun has ended, and nothing more is begun", async () => {
  const failure = new Error("first");
  const begun: number[] = [];
  let ended = 0;
  const work = async (item: number, signal: AbortSignal): Promise<void> => {
    begun.push(item);
    try {
      if (item === 1) throw failure;
      await new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(new Error("second"))));
    } finally {
      ended += 1;
    }
  };
  await assert.rejects(concurrently([0, 1, 2, 3, 4], 2, work), failure);
  assert.deepEqual(begun, [0, 1]);
  assert.equal(ended, 2);
});

test("an abort from outside reaches what runs and is thrown", async () => {
  const abort = new AbortController();
  const stopped = new Error("stopped");
  const work = async (_: number, signal: AbortSignal): Promise<void> => {
    abort.abort(stopped);
    signal.throwIfAborted();
  };
  await assert.rejects(concurrently([0, 1], 1, work, abort.signal), stopped);
  await assert.rejects(
    concurrently([0], 1, () => assert.fail("begun"), abort.signal),
    stopped,
  );
});
