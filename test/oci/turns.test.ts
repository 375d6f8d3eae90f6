import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "../../lib/oci/turns.ts";

/** Work that runs until it is told to end. */
function gate() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let begun = false;
  const work = () => {
    begun = true;
    return promise;
  };
  return { work, begun: () => begun, end: resolve, fail: reject };
}

const settled = () => new Promise(setImmediate);

test("work on one thing runs in the order it came, also after a failure", async () => {
  const turns = new Turns();
  const [first, second, third] = [gate(), gate(), gate()];
  const results = [first, second, third].map(({ work }) => turns.take("a", work));
  await settled();
  assert.deepEqual([first.begun(), second.begun(), third.begun()], [true, false, false]);
  first.fail(new Error("first"));
  await assert.rejects(results[0]!, /first/);
  await settled();
  assert.deepEqual([second.begun(), third.begun()], [true, false]);
  second.end("second");
  third.end("third");
  assert.deepEqual(await Promise.all(results.slice(1)), ["second", "third"]);
});

test("work on different things runs at once", async () => {
  const turns = new Turns();
  const [one, other] = [gate(), gate()];
  const results = [turns.take("a", one.work), turns.take("b", other.work)];
  await settled();
  assert.deepEqual([one.begun(), other.begun()], [true, true]);
  one.end("one");
  other.end("other");
  assert.deepEqual(await Promise.all(results), ["one", "other"]);
});

test("whoever is aborted while waiting leaves at once, and those behind still wait for those before", async () => {
  const turns = new Turns();
  const [first, second, third] = [gate(), gate(), gate()];
  const abort = new AbortController();
  const before = turns.take("a", first.work);
  const leaving = turns.take("a", second.work, abort.signal);
  const stopped = new Error("stopped");
  abort.abort(stopped);
  await assert.rejects(leaving, stopped);
  const behind = turns.take("a", third.work);
  await settled();
  assert.equal(third.begun(), false);
  first.end("first");
  third.end("third");
  assert.deepEqual(await Promise.all([before, behind]), ["first", "third"]);
  assert.equal(second.begun(), false);
});

test("a signal that was aborted before keeps work from beginning", async () => {
  const work = gate();
  await assert.rejects(new Turns().take("a", work.work, AbortSignal.abort()));
  assert.equal(work.begun(), false);
});
