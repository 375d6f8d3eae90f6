import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { takeLease } from "../../../lib/helm/index/lease.ts";
import { openStore, type Store } from "../../../lib/store/index.ts";

const { signal } = new AbortController();
let store: Store;
let time: number;
beforeEach(async () => {
  store = await openStore("memory:");
  time = 1000;
});
const take = (holder: string) => takeLease(store, { key: "lease", holder, term: 100, now: () => time }, signal);

test("a lease is held by one, until it is given back", async () => {
  const lease = await take("a");
  assert.equal(await take("b"), undefined);
  await lease?.release();
  assert.ok(await take("b"));
});

test("of many who want it at once one gets it", async () => {
  const taken = await Promise.all(Array.from({ length: 20 }, (_, i) => take(`holder-${i}`)));
  assert.equal(taken.filter((lease) => lease !== undefined).length, 1);
});

test("one that has run out can be taken, and its holder learns of it", async () => {
  const lease = await take("a");
  time += 101;
  const next = await take("b");
  assert.ok(next);
  assert.equal(await lease?.renew(signal), false);
  await lease?.release();
  assert.equal(await next.renew(signal), true);
  assert.equal(await take("c"), undefined);
});

test("renewed, it lasts for another term", async () => {
  const lease = await take("a");
  time += 90;
  await lease?.renew(signal);
  time += 90;
  assert.equal(await take("b"), undefined);
});

test("a holder who died and starts again gets his own back", async () => {
  await take("a");
  assert.ok(await take("a"));
});
