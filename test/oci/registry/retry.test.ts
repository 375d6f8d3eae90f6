import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RejectedError, TransientError } from "../../../lib/errors.ts";
import { parseRetryAfter, retrying, sleepFor } from "../../../lib/oci/registry/retry.ts";

/** Fails as told, then succeeds. */
async function run(failures: readonly Error[]): Promise<{ tries: number; waits: number[]; outcome: unknown }> {
  const waits: number[] = [];
  let tries = 0;
  const attempt = async () => {
    const failure = failures[tries++];
    if (failure) throw failure;
    return "done";
  };
  let now = 0;
  const clock = {
    now: () => now,
    async sleep(milliseconds: number) {
      now += milliseconds;
      waits.push(milliseconds);
    },
  };
  const outcome = await retrying(attempt, { clock, maxWait: 5000 }).catch((error: unknown) => error);
  return { tries, waits, outcome };
}

const unavailable = (retryAfter?: number) => new TransientError("REGISTRY_UNAVAILABLE", "no", { retryAfter });

test("an unavailable registry is asked three times, with growing waits", async () => {
  const failures = [unavailable(), unavailable(), unavailable(), unavailable()];
  const { tries, waits, outcome } = await run(failures);
  assert.equal(outcome, failures[2]);
  assert.equal(tries, 3);
  const [first = 0, second = 0] = waits;
  assert.ok(first >= 200 && first <= 400, String(first));
  assert.ok(second >= 800 && second <= 1600, String(second));
});

test("the wait that the registry asks for is kept", async () => {
  assert.deepEqual(await run([unavailable(2), unavailable(0)]), { tries: 3, waits: [2000, 0], outcome: "done" });
});

test("a longer wait than five seconds is left to the caller", async () => {
  const failure = unavailable(6);
  assert.deepEqual(await run([failure]), { tries: 1, waits: [], outcome: failure });
});

test("the time that tries take counts, unless only the waits shall", async () => {
  for (const [onlyWaits, expected] of [
    [false, 1],
    [true, 3],
  ] as const) {
    let now = 0;
    let tries = 0;
    const clock = { now: () => now, sleep: async () => {} };
    const attempt = async () => {
      tries += 1;
      now += 60_000;
      throw unavailable();
    };
    await assert.rejects(retrying(attempt, { clock, maxWait: 5000, onlyWaits }), { code: "REGISTRY_UNAVAILABLE" });
    assert.equal(tries, expected);
  }
});

test("nothing else is tried again", async () => {
  for (const failure of [
    new RejectedError("REGISTRY_DENIED", "no"),
    new TransientError("CONTENT_MISMATCH", "no"),
    new TypeError("a bug"),
  ]) {
    assert.deepEqual(await run([failure]), { tries: 1, waits: [], outcome: failure });
  }
});

test("a wait ends with the signal", async () => {
  await assert.rejects(sleepFor(60_000, AbortSignal.abort()), { name: "AbortError" });
});

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2030-01-05T08:00:00Z");
  assert.equal(parseRetryAfter(undefined), undefined);
  assert.equal(parseRetryAfter(" 120 "), 120);
  assert.equal(parseRetryAfter("Sat, 05 Jan 2030 08:00:07 GMT", now), 7);
  assert.equal(parseRetryAfter("Sat, 05 Jan 2030 07:00:00 GMT", now), 0);
  assert.equal(parseRetryAfter("soon", now), undefined);
  assert.equal(parseRetryAfter("99999999999", now), 86_400);
});

test("Retry-After is never negative nor longer than a day", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.date({ noInvalidDate: true }).map(String), fc.integer().map(String)),
      (text) => {
        const seconds = parseRetryAfter(text);
        assert.ok(seconds === undefined || (seconds >= 0 && seconds <= 86_400), String(seconds));
      },
    ),
  );
});
