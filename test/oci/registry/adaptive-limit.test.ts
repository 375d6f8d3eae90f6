import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AdaptiveLimit } from "../../../lib/oci/registry/adaptive-limit.ts";

const grown = (limit: AdaptiveLimit, times: number): number => {
  for (let time = 0; time < times; time++) limit.grow();
  return limit.value;
};

test("it begins with four and grows by one with each success, up to the most", () => {
  const limit = new AdaptiveLimit(16);
  assert.equal(limit.value, 4);
  assert.equal(grown(limit, 5), 9);
  assert.equal(grown(limit, 100), 16);
  assert.equal(new AdaptiveLimit(2).value, 2);
});

test("a refusal halves it, and then it takes as many successes as it is wide to grow by one", () => {
  const limit = new AdaptiveLimit(16);
  grown(limit, 12);
  limit.shrink(0, 10);
  assert.equal(limit.value, 8);
  assert.equal(grown(limit, 7), 8);
  assert.equal(grown(limit, 2), 9);
});

test("what was under way together is refused as one", () => {
  const limit = new AdaptiveLimit(16);
  grown(limit, 12);
  limit.shrink(5, 10);
  limit.shrink(6, 11);
  limit.shrink(10, 12);
  assert.equal(limit.value, 8);
  limit.shrink(11, 13);
  assert.equal(limit.value, 4);
});

test("there is always room for one", () => {
  const limit = new AdaptiveLimit(16);
  for (let now = 1; now < 20; now++) limit.shrink(now, now);
  assert.equal(limit.value, 1);
});

test("it does not grow while answers take twice as long as they did, and goes on when they are quick again", () => {
  const limit = new AdaptiveLimit(16);
  for (let answer = 0; answer < 20; answer++) limit.answered(100);
  assert.equal(grown(limit, 1), 5);
  for (let answer = 0; answer < 20; answer++) limit.answered(400);
  assert.equal(grown(limit, 10), 5);
  for (let answer = 0; answer < 20; answer++) limit.answered(100);
  assert.equal(grown(limit, 1), 6);
});

test("differences that mean nothing do not hold it back", () => {
  const limit = new AdaptiveLimit(16);
  for (let answer = 0; answer < 20; answer++) limit.answered(answer % 2 === 0 ? 1 : 40);
  assert.equal(grown(limit, 3), 7);
});

test("a host that has become slower for good is taken as it is", () => {
  const limit = new AdaptiveLimit(16);
  for (let answer = 0; answer < 50; answer++) limit.answered(10);
  for (let answer = 0; answer < 100; answer++) limit.answered(500);
  assert.equal(grown(limit, 3), 4);
  for (let answer = 0; answer < 150; answer++) limit.answered(500);
  assert.equal(grown(limit, 3), 7);
});

test("whatever happens, it stays between one and the most", () => {
  const step = fc.oneof(
    fc.record({ answered: fc.double({ min: 0, max: 1e6, noNaN: true }) }),
    fc.constant({ grow: true }),
    fc.record({ shrink: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 256 }), fc.array(step, { maxLength: 300 }), (most, steps) => {
      const limit = new AdaptiveLimit(most);
      for (const [now, one] of steps.entries()) {
        if ("answered" in one) limit.answered(one.answered);
        else if ("grow" in one) limit.grow();
        else limit.shrink(one.shrink, now);
        assert.ok(limit.value >= 1 && limit.value <= most, `${limit.value} of ${most}`);
      }
    }),
  );
});
