import assert from "node:assert/strict";
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

const service = (name: string): string => `{ ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: ${name} } }`;
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
type Context = Parameters<
  Parameters<typeof defineFunction<"dev.stowage.artifact.deleted.v1", "dev.stowage.artifact.deleted.v1">>[0]["run"]
>[1];
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

describe("backoff", () => {
  for (const [name, delivery, error, waits] of [
    ["doubles", exponential, transient(), [200, 400, 800]],
    ["grows linearly, from nothing", exponential.replace("exponential", "linear"), transient(), [200, 400]],
    ["is the same for a bug", exponential, () => new TypeError("bug"), [200, 400, 800]],
    ["does not happen for a rejection", exponential, () => new RejectedError("CHART_INVALID", "no"), []],
    ["ignores what the function asks for", exponential, transient(60), [200, 400, 800]],
    [
      "honours what the function asks for where the trigger says so",
      `${exponential}, retryAfterMax: PT0.5S`,
      transient(60),
      [500, 500, 800],
    ],
  ] as const) {
    test(name, async () => {
      const clock = fakeClock();
      await using started = await start(failing(error), { delivery, clock });
      const { broker, buried, accept } = started;
      await accept(newEvent());
      await broker.idle();
      assert.deepEqual(clock.waits, waits);
      assert.equal(buried.length, 1);
      await broker.stop();
    });
  }

  test("goes on after a restart where it was", async () => {
    const clock = fakeClock();
    const never: Clock = {
      ...clock,
      sleep: (_, signal) => new Promise((_, reject) => signal.addEventListener("abort", reject)),
    };
    let failed = Promise.withResolvers<void>();
    const failOnce = fn(async () => {
      failed.resolve();
      throw transient()();
    });
    const first = await start(failOnce, { delivery: exponential, clock: never });
    await first.accept(newEvent());
    await failed.promise;
    await first.broker.stop();
    journal.close();
    failed = Promise.withResolvers();
    const second = await start(failOnce, { delivery: exponential, clock });
    await second.broker.idle();
    assert.deepEqual(clock.waits, [200, 400, 800]);
    assert.equal(second.buried.length, 1);
    await second.broker.stop();
  });
});

describe("a dead letter", () => {
  test("is the event with the reason, as Knative writes it", async () => {
    const error = () => new RejectedError("CHART_INVALID", "Cannot read chart: €");
    const { broker, buried, accept } = await start(failing(error));
    const event = newEvent({ subject: "web@1", extra: "x", time: "2026-11-21T05:00:00.123456Z" });
    await accept(event);
    await broker.idle();
    const [{ extensions, ...letter } = assert.fail()] = buried;
    assert.deepEqual({ ...letter, datacontenttype: undefined }, {
      ...fromStructured(event),
      extensions: undefined,
      datacontenttype: undefined,
    } as never as typeof letter);
    const { knativeerrordata = "", ...rest } = extensions;
    assert.deepEqual(rest, { extra: "x", knativeerrordest: "fn", knativeerrorcode: "422" });
    assert.deepEqual(JSON.parse(Buffer.from(knativeerrordata, "base64").toString()), {
      code: "CHART_INVALID",
      message: "Cannot read chart: €",
    });
    await broker.stop();
  });

  test("carries at most 1,024 characters of the reason", async () => {
    const error = () => new RejectedError("CHART_INVALID", "€".repeat(5000));
    const { broker, buried, accept } = await start(failing(error));
    await accept(newEvent());
    await broker.idle();
    assert.equal(buried[0]?.extensions["knativeerrordata"]?.length, 1024);
    await broker.stop();
  });

  test("that cannot be buried is tried again, then given up and not lost to a replay", async () => {
    const clock = fakeClock();
    let buries = 0;
    let broken = true;
    const subject = fn(async () => {
      if (broken) throw new RejectedError("CHART_INVALID", "no");
    });
    const { broker, accept } = await start(subject, { delivery: exponential, clock });
    await broker.stop();
    journal.close();
    journal = new Journal(directory, { now: clock.now });
    const { triggers } = parseTriggers([
      {
        name: "t.yaml",
        text: `apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: t }
spec:
  broker: b
  subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: fn } }
  delivery: { retry: 2, deadLetterSink: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: bury } } }`,
      },
    ]);
    const bury = defineSink({
      name: "bury",
      needs: [],
      run: async () => {
        buries++;
        throw new TransientError("STORE_UNAVAILABLE", "Cannot write");
      },
    });
    const functions = { fn: async () => ({ default: subject }), bury: async () => ({ default: bury }) };
    const second = new LocalBroker({ functions, triggers, deps: noPorts(), journal, clock });
    await second.start();
    const event = fromStructured(newEvent());
    await second.accept([event]);
    await second.idle();
    assert.equal(buries, 3);
    broken = false;
    await second.accept([event]);
    await second.idle();
    assert.equal(buries, 3);
    await second.stop();
    assert.ok(accept);
  });
});

describe("time", () => {
  const waiting = fn(
    (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  );

  test("a delivery has what its trigger gives it", async () => {
    const { broker, buried, accept } = await start(waiting, { delivery: "retry: 1\n    timeout: PT0.01S" });
    await accept(newEvent());
    await broker.idle();
    const reason = Buffer.from(buried[0]?.extensions["knativeerrordata"] ?? "", "base64").toString();
    assert.match(reason, /EVENT_TIMEOUT.*longer than 0.01 seconds/);
    assert.equal(buried[0]?.extensions["knativeerrorcode"], "503");
    await broker.stop();
  });

  test("what is aborted by the end of the host counts as never tried", async () => {
    const { broker, buried, accept } = await start(waiting, { delivery: "retry: 0" });
    await accept(newEvent());
    await broker.stop(AbortSignal.abort());
    journal.close();
    let attempts = 0;
    const second = await start(
      fn(async () => void attempts++),
      { delivery: "retry: 0" },
    );
    await second.broker.idle();
    assert.equal(attempts, 1);
    assert.deepEqual([...buried, ...second.buried], []);
    await second.broker.stop();
  });
});

describe("concurrency", () => {
  /** How many run at once when twenty events come together. */
  const peak = async (given: Given): Promise<number> => {
    let running = 0;
    let most = 0;
    const busy = fn(async () => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    const { broker, accept } = await start(busy, given);
    await accept(...Array.from({ length: 20 }, () => newEvent()));
    await broker.idle();
    await broker.stop();
    return most;
  };

  test("a function runs four times at once, or as often as wanted", async () => {
    assert.equal(await peak({}), 4);
    journal.close();
    assert.equal(await peak({ concurrency: 7 }), 7);
  });

  test("a function that a JobSink runs is alone", async () => {
    assert.equal(await peak({ kind: "JobSink" }), 1);
  });

  test("what backs off does not hold up what is due", async () => {
    const order: string[] = [];
    const first = Promise.withResolvers<void>();
    const sleeping: Clock = {
      now: Date.now,
      sleep: (milliseconds, signal) =>
        new Promise((resolve, reject) => {
          signal.addEventListener("abort", reject);
          if (milliseconds < 1000) resolve(undefined);
        }),
    };
    const subject = fn(async ({ id }) => {
      order.push(id);
      if (id === "slow") {
        first.resolve();
        throw transient()();
      }
    });
    const { broker, accept } = await start(subject, {
      delivery: exponential.replace("PT0.2S", "PT10S"),
      clock: sleeping,
      concurrency: 1,
    });
    await accept(newEvent({ id: "slow" }));
    await first.promise;
    const done = Promise.withResolvers<void>();
    const quick = newEvent({ id: "quick" });
    await accept(quick);
    setImmediate(function look(): void {
      if (order.includes("quick")) done.resolve();
      else setImmediate(look);
    });
    await done.promise;
    assert.deepEqual(order, ["slow", "quick"]);
    await broker.stop();
  });
});

describe("replies", () => {
  test("that wake their own function go round 255 times and no further", async () => {
    let runs = 0;
    const circle = fn(async ({ data }, { reply }) => {
      runs++;
      return reply("dev.stowage.artifact.deleted.v1", String(runs), data);
    });
    const { broker, buried, accept } = await start(circle);
    await accept(newEvent());
    await broker.idle();
    assert.equal(runs, 256);
    assert.deepEqual(buried, []);
    await broker.stop();
  });

  test("that are no events are the function's failure", async () => {
    const empty = fn(async ({ data }, { reply }) => reply("dev.stowage.artifact.deleted.v1", "", data));
    const { broker, buried, accept } = await start(empty);
    await accept(newEvent());
    await broker.idle();
    assert.equal(buried[0]?.extensions["knativeerrorcode"], "422");
    await broker.stop();
  });
});

test("an event that no trigger wants is accepted, and that is all", async () => {
  const { broker, accept } = await start(failing(transient()), { filter: "{ exact: { type: other } }" });
  await accept(newEvent());
  await broker.idle();
  await broker.stop();
});

test("a function that cannot be loaded is a failure of the delivery, not of the broker", async () => {
  const { triggers } = parseTriggers([
    {
      name: "t.yaml",
      text: `apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: t }
spec:
  broker: b
  subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: fn } }
  delivery: { retry: 2 }`,
    },
  ]);
  journal = new Journal(directory);
  let loads = 0;
  const load = async () => {
    loads++;
    throw new SyntaxError("bad module");
  };
  const broker = new LocalBroker({ functions: { fn: load }, triggers, deps: noPorts(), journal });
  await broker.start();
  await broker.accept([fromStructured(newEvent())]);
  await broker.idle();
  assert.equal(loads, 3);
  await broker.stop();
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
