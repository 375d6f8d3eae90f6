import assert from "node:assert/strict";
import { test } from "node:test";
import { createHostGate, HostPaused, type Lane, type Pass } from "../../../lib/oci/registry/host-gate.ts";

/** Let everything happen that can without time going by. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A gate, and a clock that goes on when it is told to. */
function openGate(most = 16, patience = 5000) {
  let now = 0;
  const sleepers = new Set<{ readonly at: number; wake(): void }>();
  const clock = {
    now: () => now,
    sleep: (milliseconds: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        const sleeper = { at: now + milliseconds, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
      }),
  };
  const gate = createHostGate({ most, patience, clock });
  const passes: Pass[] = [];
  return {
    gate,
    /** Those who were let in, in that order. */
    passes,
    sleepers,
    /** Ask for places; some are given at once. */
    async ask(count: number, lane: Lane = "read"): Promise<readonly Promise<Pass>[]> {
      const asked = Array.from({ length: count }, () => gate.enter(lane));
      for (const one of asked) one.then((pass) => passes.push(pass)).catch(() => {});
      await settled();
      return asked;
    },
    async pass(milliseconds: number): Promise<void> {
      now += milliseconds;
      for (const sleeper of [...sleepers]) {
        if (sleeper.at > now) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await settled();
    },
  };
}

test("as many go in as there is room for, and the others when somebody leaves, in the order they came", async () => {
  const { ask, passes } = openGate(4);
  const asked = await ask(6);
  assert.equal(passes.length, 4);
  passes[0]!.leave();
  await settled();
  assert.equal(passes.length, 5);
  assert.equal(passes[4], await asked[4]);
  // leaving twice gives back one place only
  passes[0]!.leave();
  await settled();
  assert.equal(passes.length, 5);
});

test("a host that keeps up gets more and more at once", async () => {
  const { ask, passes } = openGate(16);
  await ask(200);
  for (let left = 0; left < 50; left++) {
    passes[left]!.leave();
    await settled();
  }
  assert.equal(passes.length - 50, 16);
});

test("room that nobody takes does not grow", async () => {
  const { ask, passes } = openGate(16);
  for (let round = 0; round < 20; round++) {
    await ask(1);
    passes[round]!.leave();
  }
  await ask(50);
  assert.equal(passes.length - 20, 4);
});

test("a host that has no room gets half as much at once", async () => {
  const { ask, passes } = openGate(4);
  await ask(10);
  for (const pass of passes.slice(0, 4)) pass.busy();
  for (const pass of passes.slice(0, 4)) pass.leave();
  await settled();
  assert.equal(passes.length, 6);
});

test("reading and writing wait apart", async () => {
  const { ask, passes } = openGate(1);
  await ask(2, "read");
  assert.equal(passes.length, 1);
  await ask(2, "write");
  assert.equal(passes.length, 2);
  passes[1]!.busy();
  passes[0]!.leave();
  await settled();
  assert.equal(passes.length, 3);
});

test("who holds a place goes in with each of its requests, and waits for nothing but pauses", async () => {
  const { ask, passes, pass } = openGate(1);
  await ask(1, "write");
  await ask(3, "within");
  assert.equal(passes.length, 4);
  for (const one of passes.slice(1)) one.leave();
  await ask(1, "write");
  assert.equal(passes.length, 4);
  passes[0]!.busy(1000);
  await ask(1, "within");
  assert.equal(passes.length, 4);
  await pass(1000);
  assert.equal(passes.length, 5);
});

test("while the host wants to hear nothing nobody goes in, and everybody who has room afterwards", async () => {
  const { ask, passes, pass } = openGate(2);
  await ask(1, "read");
  passes[0]!.busy(3000);
  passes[0]!.leave();
  await ask(1, "read");
  await ask(1, "write");
  await pass(2999);
  assert.equal(passes.length, 1);
  await pass(1);
  assert.equal(passes.length, 3);
});

test("a second wish for a pause makes it longer, never shorter", async () => {
  const { ask, passes, pass } = openGate(4);
  await ask(2);
  passes[0]!.busy(2000);
  passes[1]!.busy(4000);
  passes[0]!.busy(1000);
  for (const one of passes) one.leave();
  await ask(1);
  await pass(2000);
  assert.equal(passes.length, 2);
  await pass(2000);
  assert.equal(passes.length, 3);
});

test("nobody waits longer than patience lasts, neither who comes now nor who waits already", async () => {
  const { ask, passes, gate } = openGate(1, 5000);
  const waiting = await ask(2);
  passes[0]!.busy(60_000);
  passes[0]!.leave();
  await assert.rejects(waiting[1]!, (error) => error instanceof HostPaused && error.milliseconds === 60_000);
  await assert.rejects(gate.enter("write"), HostPaused);
});

test("who is aborted leaves the line at once, and no alarm stays behind", async () => {
  const { ask, passes, gate, sleepers, pass } = openGate(1);
  await ask(1);
  passes[0]!.busy(1000);
  passes[0]!.leave();
  const abort = new AbortController();
  const stopped = new Error("stopped");
  const waiting = gate.enter("read", abort.signal);
  await settled();
  assert.equal(sleepers.size, 1);
  abort.abort(stopped);
  await assert.rejects(waiting, stopped);
  assert.equal(sleepers.size, 0);
  await ask(1);
  await pass(1000);
  assert.equal(passes.length, 2);
  assert.throws(() => gate.enter("read", abort.signal), stopped);
});
