import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ErrorCode, RejectedError, TransientError } from "../../lib/errors.ts";
import { Retries } from "../../lib/mirror/retries.ts";

const unavailable = (retryAfter?: number) => new TransientError("REGISTRY_UNAVAILABLE", "Cannot", { retryAfter });
const refused = (code: ErrorCode) => new RejectedError(code, "Cannot");

/** The waits after an error that comes again and again. */
function waitsFor(error: unknown, { fruitful = false } = {}): readonly number[] {
  const image = new Retries().begin();
  const waits: number[] = [];
  for (;;) {
    const wait = image.waitAfter(error, "a.example", fruitful);
    if (wait === undefined) return waits;
    waits.push(wait);
  }
}

test("a host that is unavailable gets longer and longer waits, the last of one or two minutes", () => {
  const waits = waitsFor(unavailable());
  assert.equal(waits.length, 4);
  for (const [i, wait] of waits.entries()) assert.ok(wait >= 1000 * 4 ** i && wait <= 2000 * 4 ** i, `${wait}`);
});

test("what the host asks for is waited for exactly, up to two minutes at once and ten in all", () => {
  assert.deepEqual(waitsFor(unavailable(120)), Array(5).fill(120_000));
  assert.deepEqual(waitsFor(unavailable(30)), Array(20).fill(30_000));
  assert.deepEqual(waitsFor(unavailable(121)), []);
  assert.ok(waitsFor(unavailable(0)).length < 100);
});

test("a host that asks for a pause is not taken for one that does not answer", () => {
  const image = new Retries().begin();
  for (let pause = 0; pause < 10; pause++) assert.equal(image.waitAfter(unavailable(10), "a.example", false), 10_000);
  assert.ok(image.waitAfter(unavailable(), "a.example", false)! <= 2000);
});

test("an attempt that brought something further gives the next ones their chance again", () => {
  assert.equal(waitsFor(unavailable(), { fruitful: true }).length, 99);
  assert.ok(waitsFor(refused("CONTENT_MISMATCH"), { fruitful: true }).every((wait) => wait <= 500));
});

test("once five images in a row were given up at a host, the others are not waited for, until one goes through", () => {
  const retries = new Retries();
  const first = (host: string) => retries.begin().waitAfter(unavailable(), host, false);
  for (let image = 0; image < 5; image++) {
    assert.notEqual(first("a.example"), undefined);
    assert.equal(retries.begin().waitAfter(unavailable(3600), "a.example", false), undefined);
  }
  assert.equal(first("a.example"), undefined);
  assert.notEqual(first("b.example"), undefined, "another host is another matter");
  retries.begin().succeeded("a.example", "b.example");
  assert.notEqual(first("a.example"), undefined);
});

test("what may be damage is repeated soon, seven times; what is denied, and a bug, is not", () => {
  for (const error of [
    refused("CONTENT_MISMATCH"),
    refused("REGISTRY_REFUSED"),
    refused("CONTENT_UNKNOWN"),
    refused("MANIFEST_INVALID"),
    new TransientError("CONTENT_MISMATCH", "Cannot"),
  ]) {
    const waits = waitsFor(error);
    assert.ok(waits.length === 7 && waits.every((wait) => wait <= 500));
  }
  for (const error of [refused("REGISTRY_DENIED"), new TypeError("x"), "x"]) assert.deepEqual(waitsFor(error), []);
});

test("property: no wait is much longer than two minutes, and nothing is repeated for ever", () => {
  const errors = fc.oneof(
    fc.constantFrom(refused("CONTENT_MISMATCH"), refused("REGISTRY_REFUSED")),
    fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined }).map(unavailable),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(errors, fc.boolean()), { minLength: 100, maxLength: 120 }), (failures) => {
      const image = new Retries().begin();
      const waits = failures.map(([error, fruitful]) => image.waitAfter(error, "a.example", fruitful));
      const end = waits.indexOf(undefined);
      assert.ok(end >= 0 && end < 100);
      for (const wait of waits.slice(0, end)) assert.ok(wait! >= 0 && wait! <= 128_000);
    }),
  );
});
