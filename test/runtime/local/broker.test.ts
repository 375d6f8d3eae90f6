import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { RejectedError, TransientError } from "../../../lib/errors.ts";
import { type Event, fromStructured, type WireEvent } from "../../../lib/events/index.ts";
import { type AnyFunction, defineFunction, defineSink } from "../../../lib/runtime/index.ts";
import { type Clock, Journal, LocalBroker, parseTriggers } from "../../../lib/runtime/local/index.ts";
import { newEvent, noPorts } from "../../contracts/host.ts";

let directory: string;
let journal: Journal;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "stowage-broker-"));
});
afterEach(() => {
  journal.close();
  rmSync(directory, { recursive: true });
});

/** Time that passes only where somebody waits for it. */
const fakeClock = (): Clock & { readonly waits: number[] } => {
  let now = 1_000_000;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    sleep: async (milliseconds, signal) => {
      signal.throwIfAborted();
      waits.push(milliseconds);
      now += milliseconds;
    },
  };
};

const service = (name: string): string =>
  `{ ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: ${name} } }`;
const jobSink = "{ ref: { apiVersion: sinks.knative.dev/v1alpha1, kind: JobSink, name: fn } }";
const buryThem = `deadLetterSink: ${service("bury")}`;

interface Given {
  readonly subscriber?: string;
  readonly delivery?: string;
  readonly filter?: string;
  /** Default: keeps what it gets. */
  readonly bury?: AnyFunction;
  readonly clock?: Clock;
  readonly concurrency?: number;
}

/** A broker with one trigger for `fn`, with or without one for its dead letters. Opens the journal of the test. */
const start = async (subject: AnyFunction | (() => Promise<never>), given: Given = {}) => {
  const { subscriber = service("fn"), delivery = buryThem, filter = "{ prefix: { specversion: '1' } }", clock } = given;
  const buried: WireEvent[] = [];
  const bury = given.bury ?? defineSink({ name: "bury", needs: [], run: async (event) => void buried.push(event) });
  const spec = `{ broker: b, filters: [${filter}], subscriber: ${subscriber}, delivery: { ${delivery} } }`;
  const text = `{ apiVersion: eventing.knative.dev/v1, kind: Trigger, metadata: { name: t }, spec: ${spec} }`;
  journal = new Journal(directory, clock ? { now: clock.now } : {});
  const broker = new LocalBroker({
    functions: {
      fn: typeof subject === "function" ? subject : async () => ({ default: subject }),
      bury: async () => ({ default: bury }),
    },
    triggers: parseTriggers([{ name: "t.yaml", text }]).triggers,
    deps: noPorts(),
    journal,
    ...(clock && { clock }),
    ...(given.concurrency && { concurrency: given.concurrency }),
  });
  await broker.start();
  const accept = (...events: object[]) => broker.accept(events.map((event) => fromStructured(event)));
  return { broker, buried, accept, [Symbol.asyncDispose]: () => broker.stop() };
};

type Deleted = Event<"dev.stowage.artifact.deleted.v1">;
type Context = {
  readonly signal: AbortSignal;
  reply(type: Deleted["type"], subject: string, data: Deleted["data"]): Deleted;
};
const fn = (run: (event: Deleted, context: Context) => Promise<Deleted | void>): AnyFunction =>
  defineFunction({
    name: "fn",
    on: ["dev.stowage.artifact.deleted.v1"],
    emits: ["dev.stowage.artifact.deleted.v1"],
    run,
  });
const failing = (error: () => Error): AnyFunction =>
  fn(async () => {
    throw error();
  });
const transient = (retryAfter?: number) => (): Error =>
  new TransientError("REGISTRY_UNAVAILABLE", "Cannot pull", { retryAfter });
const exponential = `retry: 3, backoffPolicy: exponential, backoffDelay: PT0.2S, ${buryThem}`;

const done = async (started: { readonly broker: LocalBroker }, ...events: object[]): Promise<void> => {
  await started.broker.accept(events.map((event) => fromStructured(event)));
  await started.broker.idle();
};
const reasonOf = ({ extensions }: WireEvent): string =>
  Buffer.from(extensions["knativeerrordata"] ?? "", "base64").toString();

describe("backoff", () => {
  for (const [name, delivery, error, waits] of [
    ["doubles", exponential, transient(), [200, 400, 800]],
    ["grows linearly, from nothing", exponential.replace("exponential", "linear"), transient(), [200, 400]],
    ["counts in whole milliseconds", exponential.replace("0.2", "1.1004"), transient(0.1), [1100, 2200, 4400]],
    ["is the same for a bug", exponential, () => new TypeError("bug"), [200, 400, 800]],
    ["does not happen for a rejection", exponential, () => new RejectedError("CHART_INVALID", "no"), []],
    ["ignores what the function asks for", exponential, transient(60), [200, 400, 800]],
    [
      "honours what the function asks for where the trigger says so",
      `${exponential}, retryAfterMax: PT0.5S`,
      transient(60),
      [500, 500, 800],
    ],
    [
      "honours a fraction of a millisecond, too",
      `${exponential}, retryAfterMax: PT9S`,
      transient(1.10005),
      [1101, 1101, 1101],
    ],
  ] as const) {
    test(name, async () => {
      const clock = fakeClock();
      await using started = await start(failing(error), { delivery, clock });
      await done(started, newEvent());
      assert.deepEqual(clock.waits, waits);
      assert.equal(started.buried.length, 1);
    });
  }

  test("goes on after a restart where it was", async () => {
    const clock = fakeClock();
    const endless: Clock = {
      ...clock,
      sleep: (_, signal) => once(signal, "abort").then(() => signal.throwIfAborted()),
    };
    const failed = Promise.withResolvers<void>();
    const fails = failing(() => {
      failed.resolve();
      return transient()();
    });
    const first = await start(fails, { delivery: exponential, clock: endless });
    await first.accept(newEvent());
    await failed.promise;
    await first.broker.stop();
    journal.close();
    await using second = await start(fails, { delivery: exponential, clock });
    await second.broker.idle();
    assert.deepEqual(clock.waits, [200, 400, 800]);
    assert.equal(second.buried.length, 1);
  });

  test("of one event does not hold up another", async () => {
    const order: string[] = [];
    const later: Clock = {
      now: Date.now,
      sleep: (_, signal) => once(signal, "abort").then(() => signal.throwIfAborted()),
    };
    const both = Promise.withResolvers<void>();
    const subject = fn(async ({ id }) => {
      if (order.push(id) === 2) both.resolve();
      if (id === "slow") throw transient()();
    });
    await using started = await start(subject, { delivery: exponential, clock: later, concurrency: 1 });
    await started.accept(newEvent({ id: "slow" }), newEvent({ id: "quick" }));
    await both.promise;
    assert.deepEqual(order, ["slow", "quick"]);
  });
});

describe("a dead letter", () => {
  test("is the event with the reason, as Knative writes it", async () => {
    await using started = await start(failing(() => new RejectedError("CHART_INVALID", "Cannot read chart: €")));
    const event = newEvent({ subject: "web@1", extra: "x", time: "2026-11-21T05:00:00.123456Z" });
    await done(started, event);
    const [letter = assert.fail()] = started.buried;
    const { knativeerrordata = "", knativeerrordest, knativeerrorcode, ...own } = letter.extensions;
    assert.deepEqual({ ...letter, extensions: own }, fromStructured({ datacontenttype: "application/json", ...event }));
    assert.deepEqual([knativeerrordest, knativeerrorcode], ["fn", "422"]);
    assert.match(knativeerrordata, /^[A-Za-z0-9+/]+=*$/);
    assert.deepEqual(JSON.parse(reasonOf(letter)), { code: "CHART_INVALID", message: "Cannot read chart: €" });
  });

  test("carries at most 1,024 characters of the reason", async () => {
    await using started = await start(failing(() => new RejectedError("CHART_INVALID", "€".repeat(5000))));
    await done(started, newEvent());
    assert.equal(started.buried[0]?.extensions["knativeerrordata"]?.length, 1024);
  });

  test("that cannot be buried is tried again, then given up; a replay still works", async () => {
    let buries = 0;
    const bury = defineSink({
      name: "bury",
      needs: [],
      run: async () => {
        buries++;
        throw new TransientError("STORE_UNAVAILABLE", "Cannot write");
      },
    });
    let broken = true;
    let runs = 0;
    const subject = fn(async () => {
      runs++;
      if (broken) throw new RejectedError("CHART_INVALID", "no");
    });
    await using started = await start(subject, { delivery: exponential, bury, clock: fakeClock() });
    const event = newEvent();
    await done(started, event);
    assert.deepEqual([runs, buries], [1, 4]);
    broken = false;
    await done(started, event);
    await done(started, event);
    assert.deepEqual([runs, buries], [2, 4]);
  });

  test("without a sink is given up after the last attempt", async () => {
    await using started = await start(failing(transient()), { delivery: "retry: 1" });
    await done(started, newEvent());
    assert.equal(journal.pending, 0);
  });
});

describe("time", () => {
  const waiting = fn((_, { signal }) => once(signal, "abort").then(() => signal.throwIfAborted()));

  test("a delivery has what its trigger gives it", async () => {
    await using started = await start(waiting, { delivery: `retry: 1, timeout: PT0.01S, ${buryThem}` });
    await done(started, newEvent());
    assert.match(reasonOf(started.buried[0]!), /EVENT_TIMEOUT.*longer than 0.01 seconds/);
    assert.equal(started.buried[0]?.extensions["knativeerrorcode"], "503");
  });

  test("a run that ignores that its time is over is not waited for", async () => {
    const deaf = fn(() => new Promise(() => {}));
    await using started = await start(deaf, { delivery: `timeout: PT0.01S, ${buryThem}`, clock: fakeClock() });
    await done(started, newEvent());
    assert.match(reasonOf(started.buried[0]!), /EVENT_TIMEOUT/);
  });

  test("what the end of the host aborts counts as never tried", async () => {
    const running = Promise.withResolvers<void>();
    const aborted = fn(async (_, { signal }) => {
      running.resolve();
      await once(signal, "abort");
      signal.throwIfAborted();
    });
    const first = await start(aborted);
    await first.accept(newEvent());
    await running.promise;
    await first.broker.stop(AbortSignal.abort());
    journal.close();
    let runs = 0;
    await using second = await start(fn(async () => void runs++));
    await second.broker.idle();
    assert.equal(runs, 1);
    assert.deepEqual([...first.buried, ...second.buried], []);
  });
});

describe("concurrency", () => {
  /** How many run at once when twenty events come together. */
  const peak = async (given: Given, own: object = {}): Promise<number> => {
    let running = 0;
    let most = 0;
    const busy = fn(async () => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    await using started = await start({ ...busy, ...own } as AnyFunction, given);
    await done(started, ...Array.from({ length: 20 }, () => newEvent()));
    return most;
  };

  test("a function runs four times at once", async () => assert.equal(await peak({}), 4));
  test("or as often as wanted", async () => assert.equal(await peak({ concurrency: 7 }), 7));
  test("or as often as the function itself asks for", async () => assert.equal(await peak({}, { concurrency: 9 }), 9));
  test("but never less often than all others", async () => assert.equal(await peak({}, { concurrency: 2 }), 4));
  test("a function that a JobSink runs is alone, whatever it asks for", async () =>
    assert.equal(await peak({ subscriber: jobSink }, { concurrency: 9 }), 1));
  test("a function that a JobSink runs is alone", async () => assert.equal(await peak({ subscriber: jobSink }), 1));
});

describe("replies", () => {
  test("that wake their own function go round 255 times and no further", async () => {
    let runs = 0;
    const circle = fn(async ({ data }, { reply }) => {
      runs++;
      return reply("dev.stowage.artifact.deleted.v1", String(runs), data);
    });
    await using started = await start(circle);
    await done(started, newEvent());
    assert.equal(runs, 256);
    assert.deepEqual(started.buried, []);
  });

  test("that are no events are the function's failure", async () => {
    await using started = await start(
      fn(async ({ data }, { reply }) => reply("dev.stowage.artifact.deleted.v1", "", data)),
    );
    await done(started, newEvent());
    assert.match(reasonOf(started.buried[0]!), /EVENT_MALFORMED.*subject is empty/);
  });
});

test("an event that no trigger wants is accepted, and that is all", async () => {
  await using started = await start(failing(transient()), { filter: "{ exact: { type: other } }" });
  await done(started, newEvent());
  assert.deepEqual(started.buried, []);
});

test("an event that is none is refused, and those beside it are not accepted either", async () => {
  let runs = 0;
  await using started = await start(fn(async () => void runs++));
  const good = fromStructured(newEvent());
  await assert.rejects(started.broker.accept([good, { ...good, id: "" }]), { code: "EVENT_MALFORMED" });
  await started.broker.idle();
  assert.equal(runs, 0);
});

test("a function that cannot be loaded is a failure of the delivery, not of the broker", async () => {
  let loads = 0;
  const load = async (): Promise<never> => {
    loads++;
    throw new SyntaxError("bad module");
  };
  await using started = await start(load, { delivery: `retry: 2, ${buryThem}` });
  await done(started, newEvent());
  assert.equal(loads, 3);
  assert.match(reasonOf(started.buried[0]!), /UNEXPECTED.*bad module/);
});

test("a trigger whose function is not there is an error at the start", () => {
  journal = new Journal(directory);
  const trigger = (name: string, sink?: string) => ({
    name: "t",
    filters: [],
    subscriber: { kind: "Service" as const, name },
    delivery: { retry: 0, ...(sink && { deadLetterSink: { kind: "Service" as const, name: sink } }) },
  });
  const functions = { fn: async () => ({ default: failing(transient()) }) };
  for (const triggers of [[trigger("missing")], [trigger("fn", "missing")], [trigger("toString")]]) {
    assert.throws(() => new LocalBroker({ functions, triggers, deps: noPorts(), journal }), {
      code: "TRIGGER_INVALID",
      message: /trigger "t": there is no function/,
    });
  }
});
