import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectedError, TransientError } from "../../../lib/errors.ts";
import { Rounds, type Work } from "../../../lib/helm/index/rounds.ts";

const { signal } = new AbortController();
/** The items of each round that was begun; a round ends when it is told to. */
function open(answer: (items: readonly string[]) => readonly string[] = (items) => items) {
  const begun: (readonly string[])[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const aborted: unknown[] = [];
  const work: Work<string, string> = async (items, stop) => {
    begun.push(items);
    stop.addEventListener("abort", () => aborted.push(stop.reason));
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    stop.throwIfAborted();
    return answer(items);
  };
  const rounds = new Rounds<string, string>();
  const ask = (item: string, key = "k", leave = signal) => rounds.ask(key, item, work, leave);
  const end = async () => {
    gates.shift()!.resolve();
    await new Promise(setImmediate);
  };
  return { ask, end, begun, aborted };
}

test("what is asked for during a round is done together in the next, and each gets his own answer", async () => {
  const { ask, end, begun } = open((items) => items.map((item) => `${item}!`));
  const asked = ["a", "b", "c"].map((item) => ask(item));
  await end();
  asked.push(ask("d"));
  await end();
  await end();
  assert.deepEqual(await Promise.all(asked), ["a!", "b!", "c!", "d!"]);
  assert.deepEqual(begun, [["a"], ["b", "c"], ["d"]]);
});

test("rounds of different keys do not wait for each other", async () => {
  const { ask, end, begun } = open();
  const asked = [ask("a", "k"), ask("b", "l")];
  assert.deepEqual(begun, [["a"], ["b"]]);
  await end();
  await end();
  assert.deepEqual(await Promise.all(asked), ["a", "b"]);
});

test("an item that can never succeed fails alone", async () => {
  const { ask, end, begun } = open((items) => {
    if (items.includes("bad")) throw new RejectedError("CHART_INVALID", "bad");
    return items;
  });
  const first = ask("a");
  const rest = Promise.allSettled(["b", "bad", "c"].map((item) => ask(item)));
  for (let rounds = 0; rounds < 5; rounds += 1) await end();
  assert.equal(await first, "a");
  assert.deepEqual(
    (await rest).map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(begun, [["a"], ["b", "bad", "c"], ["b"], ["bad"], ["c"]]);
});

test("what may succeed later fails for all, without trying each", async () => {
  const { ask, end, begun } = open((items) => {
    if (items.length > 1) throw new TransientError("STORE_UNAVAILABLE", "later");
    return items;
  });
  const first = ask("a");
  const rest = Promise.allSettled([ask("b"), ask("c")]);
  await end();
  await end();
  await first;
  assert.deepEqual(
    (await rest).map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(begun.length, 2);
});

test("who leaves is not waited for; a round ends early only when all have left it", async () => {
  const { ask, end, begun, aborted } = open();
  const first = ask("a");
  const [b, c, d] = [new AbortController(), new AbortController(), new AbortController()];
  const left = Promise.allSettled([ask("b", "k", b.signal), ask("c", "k", c.signal), ask("d", "k", d.signal)]);
  d.abort(new Error("before its round"));
  await end();
  assert.equal(await first, "a");
  assert.deepEqual(begun.at(-1), ["b", "c"]);
  b.abort(new Error("first"));
  assert.deepEqual(aborted, []);
  const reason = new Error("last");
  c.abort(reason);
  assert.deepEqual(aborted, [reason]);
  await end();
  assert.deepEqual(
    (await left).map(({ status }) => status),
    ["rejected", "rejected", "rejected"],
  );
  await assert.rejects(ask("e", "k", AbortSignal.abort(reason)), reason);
  const next = ask("f");
  await end();
  assert.equal(await next, "f");
});
