import assert from "node:assert/strict";
import { test } from "node:test";
import { createSingleFlight } from "../../../lib/oci/registry/single-flight.ts";

test("all who ask while it runs share one run, and the next asks anew", async () => {
  const flight = createSingleFlight<number>();
  let runs = 0;
  const gate = Promise.withResolvers<void>();
  const run = async () => {
    runs += 1;
    await gate.promise;
    return runs;
  };
  const waiting = Promise.all([flight("a", run), flight("a", run), flight("a", run)]);
  gate.resolve();
  assert.deepEqual(await waiting, [1, 1, 1]);
  assert.equal(await flight("a", run), 2);
});

test("different keys run apart", async () => {
  const flight = createSingleFlight<string>();
  assert.deepEqual(await Promise.all([flight("a", async () => "a"), flight("b", async () => "b")]), ["a", "b"]);
});

test("one who gives up does not take the run from the others", async () => {
  const flight = createSingleFlight<string>();
  const gate = Promise.withResolvers<string>();
  const abort = new AbortController();
  const impatient = flight("a", () => gate.promise, abort.signal);
  const patient = flight("a", () => gate.promise);
  abort.abort(new Error("enough"));
  await assert.rejects(impatient, { message: "enough" });
  gate.resolve("there");
  assert.equal(await patient, "there");
});

test("a failure reaches everybody, harms nobody who left, and is not kept", async () => {
  const flight = createSingleFlight<string>();
  const gate = Promise.withResolvers<string>();
  const abort = new AbortController();
  const gone = assert.rejects(
    flight("a", () => gate.promise, abort.signal),
    { name: "AbortError" },
  );
  abort.abort();
  await gone;
  gate.reject(new Error("down"));
  await new Promise(setImmediate);
  assert.equal(await flight("a", async () => "up"), "up");
});
