import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ErrorCode, RejectedError, TransientError } from "../../lib/errors.ts";
import { Retries } from "../../lib/mirror/retries.ts";

const unavailable = (retryAfter?: number) => new TransientError("REGISTRY_UNAVAILABLE", "Cannot", { retryAfter });
const refused = (code: ErrorCode) => new RejectedError(code, "Cannot");

test("a host that is unavailable gets longer and longer waits, the last of one or two minutes", () => {
  const retries = new Retries();
  for (const fruitless of [1, 2, 3, 4]) {
    const wait = retries.waitAfter(unavailable(), fruitless, "a.example")!;
    assert.ok(wait >= 1000 * 4 ** (fruitless - 1) && wait <= 2000 * 4 ** (fruitless - 1), `${wait}`);
  }
  assert.equal(retries.waitAfter(unavailable(), 5, "a.example"), undefined);
});

test("what the host asks for is waited for exactly, up to two minutes", () => {
  const retries = new Retries();
  assert.equal(retries.waitAfter(unavailable(0), 1, "a.example"), 0);
  assert.equal(retries.waitAfter(unavailable(120), 4, "a.example"), 120_000);
  assert.equal(retries.waitAfter(unavailable(121), 1, "a.example"), undefined);
});

test("once five images in a row were given up at a host, the others are not waited for, until one goes through", () => {
  const retries = new Retries();
  for (let image = 0; image < 5; image++) {
    assert.notEqual(retries.waitAfter(unavailable(), 1, "a.example"), undefined);
    assert.equal(retries.waitAfter(unavailable(), 5, "a.example"), undefined);
  }
  assert.equal(retries.waitAfter(unavailable(), 1, "a.example"), undefined);
  assert.notEqual(retries.waitAfter(unavailable(), 1, "b.example"), undefined, "another host is another matter");
  retries.succeeded("a.example", "b.example");
  assert.notEqual(retries.waitAfter(unavailable(), 1, "a.example"), undefined);
});

test("what may be damage is repeated soon, seven times; what is denied, and a bug, is not", () => {
  const retries = new Retries();
  for (const error of [
    refused("CONTENT_MISMATCH"),
    refused("REGISTRY_REFUSED"),
    refused("CONTENT_UNKNOWN"),
    refused("MANIFEST_INVALID"),
    new TransientError("CONTENT_MISMATCH", "Cannot"),
  ]) {
    assert.ok(retries.waitAfter(error, 7, "a.example")! <= 500);
    assert.equal(retries.waitAfter(error, 8, "a.example"), undefined);
  }
  for (const error of [refused("REGISTRY_DENIED"), new TypeError("x"), "x"]) {
    assert.equal(retries.waitAfter(error, 1, "a.example"), undefined);
  }
});

test("property: no wait is much longer than two minutes, and nothing is repeated for ever", () => {
  const errors = fc.oneof(
    fc.constantFrom(refused("CONTENT_MISMATCH"), refused("REGISTRY_REFUSED")),
    fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }).map(unavailable),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(errors, fc.integer({ min: 1, max: 20 }))), (failures) => {
      const retries = new Retries();
      for (const [error, fruitless] of failures) {
        const wait = retries.waitAfter(error, fruitless, "a.example");
        if (wait !== undefined) assert.ok(wait >= 0 && wait <= 128_000 && fruitless <= 7);
      }
    }),
  );
});
