import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { backoff, defaultDelivery, redelivers } from "../../lib/runtime/delivery.ts";

test("server errors and 404, 408, 409, 429 are delivered again, nothing else is", () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), (status) => {
      assert.equal(redelivers(status), status >= 500 || [404, 408, 409, 429].includes(status));
    }),
  );
});

test("exponential waits double, from the delay itself", () => {
  const waits = [0, 1, 2, 3].map((attempt) => backoff(defaultDelivery, attempt));
  assert.deepEqual(waits, [200, 400, 800, 1600]);
});

test("Knative's default waits 204.6 seconds in all", () => {
  const waits = Array.from({ length: defaultDelivery.retry }, (_, attempt) => backoff(defaultDelivery, attempt));
  assert.equal(
    waits.reduce((sum, wait) => sum + wait),
    204_600,
  );
});

test("linear waits grow by the delay, and the first retry does not wait at all", () => {
  const delivery = { retry: 3, backoffPolicy: "linear", backoffDelay: 500 } as const;
  assert.deepEqual(
    [0, 1, 2].map((attempt) => backoff(delivery, attempt)),
    [0, 500, 1000],
  );
});

test("without both policy and delay nothing waits", () => {
  assert.equal(backoff({ retry: 3 }, 2), 0);
  assert.equal(backoff({ retry: 3, backoffDelay: 200 }, 2), 0);
  assert.equal(backoff({ retry: 3, backoffPolicy: "exponential" }, 2), 0);
});

test("Retry-After counts where it is longer, up to retryAfterMax, and not at all without one", () => {
  const delivery = { retry: 3, backoffPolicy: "exponential", backoffDelay: 200 } as const;
  assert.equal(backoff(delivery, 0, 10), 200);
  assert.equal(backoff({ ...delivery, retryAfterMax: 0 }, 0, 10), 200);
  assert.equal(backoff({ ...delivery, retryAfterMax: 60_000 }, 0, 10), 10_000);
  assert.equal(backoff({ ...delivery, retryAfterMax: 5000 }, 0, 10), 5000);
  assert.equal(backoff({ ...delivery, retryAfterMax: 60_000 }, 10, 1), 204_800);
});

test("no wait overflows", () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.nat(),
      fc.constantFrom("linear", "exponential"),
      (attempt, backoffDelay, backoffPolicy) => {
        const wait = backoff({ retry: 100, backoffPolicy, backoffDelay }, attempt);
        assert.ok(wait >= 0 && wait <= 7 * 24 * 3600 * 1000);
      },
    ),
  );
});
