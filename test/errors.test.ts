import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RejectedError, TransientError } from "../lib/errors.ts";
import { redelivers } from "../lib/runtime/delivery.ts";
import { toOutcome } from "../lib/runtime/invoke.ts";

test("a rejection is never redelivered, a transient failure and a bug are", () => {
  fc.assert(
    fc.property(fc.string(), (message) => {
      assert.equal(redelivers(toOutcome(new RejectedError("CHART_INVALID", message)).status), false);
      assert.equal(redelivers(toOutcome(new TransientError("STORE_UNAVAILABLE", message)).status), true);
      assert.equal(redelivers(toOutcome(new Error(message)).status), true);
    }),
  );
});

test("a failure fits into the 1,024 base64 characters that a dead letter carries", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 0, maxLength: 5000, unit: "grapheme-ascii" }), (message) => {
      const { failure } = toOutcome(new RejectedError("CHART_INVALID", message));
      assert.ok(Buffer.byteLength(failure!.message) <= 642);
    }),
  );
});

test("what a run throws after it was aborted is transient, not a bug", () => {
  const outcome = toOutcome(new Error("socket hang up"), AbortSignal.abort(new Error("the caller went away")));
  assert.equal(outcome.status, 503);
  assert.deepEqual(outcome.failure, { code: "EVENT_TIMEOUT", message: "Cannot finish: the caller went away" });
});

test("an error carries how long to wait, when the other side said so", () => {
  const outcome = toOutcome(new TransientError("REGISTRY_UNAVAILABLE", "Cannot pull", { retryAfter: 7 }));
  assert.equal(outcome.retryAfter, 7);
});
