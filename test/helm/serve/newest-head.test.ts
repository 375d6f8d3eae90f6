import assert from "node:assert/strict";
import { test } from "node:test";
import { TransientError } from "../../../lib/errors.ts";
import type { StoredHead } from "../../../lib/helm/index/head.ts";
import { NewestHead, type NewestHeadOptions } from "../../../lib/helm/serve/newest-head.ts";

const headOf = (number: number) => ({ head: { number } }) as StoredHead;

/** A store whose looks end when the test says so. */
function looks(options: Partial<NewestHeadOptions> = {}) {
  const begun: { readonly known: StoredHead | undefined; end(head: StoredHead | Error): void }[] = [];
  const failures: unknown[] = [];
  const newest = new NewestHead(
    (known) =>
      new Promise((resolve, reject) => {
        begun.push({ known, end: (head) => (head instanceof Error ? reject(head) : resolve(head)) });
      }),
    { maxAge: 0, maxStale: 60_000, onFailure: (error) => void failures.push(error), ...options },
  );
  return { newest, begun, failures };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const away = new TransientError("STORE_UNAVAILABLE", "Cannot list: it is away");

test("any number of readers cost one look at a time, and none sees less than there was when he asked", async () => {
  const { newest, begun } = looks();
  const early = [newest.see(), newest.see()];
  await turn();
  assert.equal(begun.length, 1);
  // they cannot know whether the look that is under way has seen what came before them
  const late = Array.from({ length: 100 }, () => newest.see());
  begun[0]!.end(headOf(1));
  await turn();
  assert.equal((await early[0])?.stored?.head.number, 1);
  assert.equal(begun.length, 2);
  begun[1]!.end(headOf(2));
  for (const seen of await Promise.all(late)) assert.deepEqual(seen, { stored: headOf(2), isStale: false });
  assert.equal(begun.length, 2);
});

test("what is known is handed to the next look", async () => {
  const { newest, begun } = looks();
  const first = newest.see();
  begun[0]!.end(headOf(1));
  await first;
  const next = newest.see();
  assert.deepEqual(begun[1]!.known, headOf(1));
  begun[1]!.end(headOf(1));
  await next;
});

test("what is younger than it may be is shown without a look", async () => {
  const { newest, begun } = looks({ maxAge: 60_000 });
  const first = newest.see();
  begun[0]!.end(headOf(1));
  await first;
  assert.equal((await newest.see()).stored?.head.number, 1);
  assert.equal(begun.length, 1);
  const fresh = newest.see(0);
  assert.equal(begun.length, 2);
  begun[1]!.end(headOf(2));
  assert.equal((await fresh).stored?.head.number, 2);
});

test("while the store is away what was there is shown, and the store is left alone for a while", async () => {
  const { newest, begun, failures } = looks();
  const first = newest.see();
  begun[0]!.end(headOf(1));
  await first;
  const second = newest.see();
  begun[1]!.end(away);
  assert.deepEqual(await second, { stored: headOf(1), isStale: true });
  assert.deepEqual(await newest.see(), { stored: headOf(1), isStale: true });
  assert.equal(begun.length, 2);
  assert.deepEqual(failures, [away]);
});

test("what is older than it may be is not shown", async () => {
  const { newest, begun } = looks({ maxStale: 0 });
  const first = newest.see();
  begun[0]!.end(headOf(1));
  await first;
  await turn();
  const second = newest.see();
  begun[1]!.end(away);
  await assert.rejects(second, away);
});

test("a store that was never seen is no empty one", async () => {
  const { newest, begun } = looks();
  const first = newest.see();
  begun[0]!.end(away);
  await assert.rejects(first, away);
});
