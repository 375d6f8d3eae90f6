import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import type { Event } from "../../lib/events/index.ts";
import { type AnyFunction, type Deps, defineFunction, type Log } from "../../lib/runtime/index.ts";

/** How an event ended, as far as anybody outside a function can tell. */
export interface Conclusion {
  /** Ids of the replies that left the host. */
  readonly replies: readonly string[];
  /** Set when the event was given up: at once (rejected), or after all attempts (exhausted). */
  readonly failed?: { readonly how: "rejected" | "exhausted"; readonly code: string };
}

/** A host that serves one function, together with whatever redelivers to it. */
export interface TestHost extends AsyncDisposable {
  /** Send an event in structured JSON and see it through, with {@linkcode RETRIES} further attempts. */
  deliver(event: object): Promise<Conclusion>;
  /** Ask the host to end while something runs, as SIGTERM does. Later attempts go to a host that was started anew. */
  terminate(): Promise<void>;
  /** The sender of what runs hangs up. */
  hangUp(): void;
}

export type StartHost = (fn: AnyFunction, deps: Deps) => Promise<TestHost>;

export const RETRIES = 2;

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
export const noPorts = (log: Log = silent): Deps => ({ log, ports: async () => ({}) as never });

let count = 0;
/** An event of the catalogue that no test has used yet. */
export const newEvent = (more: object = {}) => ({
  specversion: "1.0",
  id: `event-${++count}`,
  source: "/test",
  type: "dev.stowage.artifact.deleted.v1",
  data: { registry: "registry.example", repository: "charts/web" },
  ...more,
});

type Context = Parameters<Parameters<typeof functionOf>[0]>[1];

/** What every host is tested with: wakes on one type and answers with another. */
export const functionOf = (
  run: (
    event: Event<"dev.stowage.artifact.deleted.v1">,
    context: {
      readonly signal: AbortSignal;
      reply(
        type: "dev.knative.sources.ping",
        subject: string,
        data: { task: string },
      ): Event<"dev.knative.sources.ping">;
    },
  ) => Promise<Event<"dev.knative.sources.ping"> | void>,
): AnyFunction =>
  defineFunction({
    name: "subject",
    on: ["dev.stowage.artifact.deleted.v1"],
    emits: ["dev.knative.sources.ping"],
    run,
  });

const answer = ({ reply }: Context) => reply("dev.knative.sources.ping", "the-subject", { task: "next" });

type Scenario = keyof typeof scenarios;

/** Each is given a host to start and says what must hold. */
const scenarios = {
  "an event that is answered with an event: one run, one reply": async (start: StartHost) => {
    let runs = 0;
    await using host = await start(
      functionOf(async (_, context) => {
        runs++;
        return answer(context);
      }),
      noPorts(),
    );
    const { replies, failed } = await host.deliver(newEvent());
    assert.equal(failed, undefined);
    assert.equal(replies.length, 1);
    assert.equal(runs, 1);
  },

  "an event that is answered with nothing: one run, no reply": async (start: StartHost) => {
    let runs = 0;
    await using host = await start(
      functionOf(async () => void runs++),
      noPorts(),
    );
    assert.deepEqual(await host.deliver(newEvent()), { replies: [] });
    assert.equal(runs, 1);
  },

  "a rejection is final: one run": async (start: StartHost) => {
    let runs = 0;
    const reject = async () => {
      runs++;
      throw new RejectedError("CHART_INVALID", "Cannot read chart: it is none");
    };
    await using host = await start(functionOf(reject), noPorts());
    assert.deepEqual(await host.deliver(newEvent()), {
      replies: [],
      failed: { how: "rejected", code: "CHART_INVALID" },
    });
    assert.equal(runs, 1);
  },

  "a transient failure is tried again, and what comes of it counts": async (start: StartHost) => {
    let runs = 0;
    const recover = async (_: unknown, context: Context) => {
      if (++runs === 1) throw new TransientError("REGISTRY_UNAVAILABLE", "Cannot pull: source answered 503");
      return answer(context);
    };
    await using host = await start(functionOf(recover), noPorts());
    const { replies, failed } = await host.deliver(newEvent());
    assert.equal(failed, undefined);
    assert.equal(replies.length, 1);
    assert.equal(runs, 2);
  },

  "a transient failure that stays is given up after the last attempt": async (start: StartHost) => {
    let runs = 0;
    const fail = async () => {
      runs++;
      throw new TransientError("REGISTRY_UNAVAILABLE", "Cannot pull: source answered 503");
    };
    await using host = await start(functionOf(fail), noPorts());
    const failed = { how: "exhausted", code: "REGISTRY_UNAVAILABLE" };
    assert.deepEqual(await host.deliver(newEvent()), { replies: [], failed });
    assert.equal(runs, 1 + RETRIES);
  },

  "a bug is tried again, then given up": async (start: StartHost) => {
    let runs = 0;
    const bug = async () => {
      runs++;
      throw new TypeError("undefined is not a function");
    };
    await using host = await start(functionOf(bug), noPorts());
    assert.deepEqual(await host.deliver(newEvent()), { replies: [], failed: { how: "exhausted", code: "UNEXPECTED" } });
    assert.equal(runs, 1 + RETRIES);
  },

  "a malformed event never reaches the function": async (start: StartHost) => {
    await using host = await start(mustNotRun(), noPorts());
    for (const event of [newEvent({ id: "" }), newEvent({ time: "now" }), newEvent({ specversion: "0.3" })]) {
      assert.deepEqual(await host.deliver(event), {
        replies: [],
        failed: { how: "rejected", code: "EVENT_MALFORMED" },
      });
    }
  },

  "an event of unknown type, of another function or with wrong data never reaches the function": async (
    start: StartHost,
  ) => {
    await using host = await start(mustNotRun(), noPorts());
    for (const [event, code] of [
      [newEvent({ type: "com.example.unknown" }), "EVENT_UNKNOWN"],
      [newEvent({ type: "dev.stowage.bundle.requested.v1", data: { release: {} } }), "EVENT_MISROUTED"],
      [newEvent({ data: { registry: 7 } }), "EVENT_INVALID"],
    ] as const) {
      assert.deepEqual(await host.deliver(event), { replies: [], failed: { how: "rejected", code } });
    }
  },

  "an event that is delivered twice is answered with the same event": async (start: StartHost) => {
    await using host = await start(
      functionOf(async (_, context) => answer(context)),
      noPorts(),
    );
    const event = newEvent();
    const replies = [...(await host.deliver(event)).replies, ...(await host.deliver(event)).replies];
    assert.equal(new Set(replies).size, 1);
  },

  "what runs when the host is asked to end is not lost": async (start: StartHost) => {
    const running = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const wait = async (_: unknown, context: Context) => {
      running.resolve();
      const aborted = new Promise((_, reject) => {
        context.signal.addEventListener("abort", () => reject(context.signal.reason));
      });
      await Promise.race([gate.promise, aborted]);
      return answer(context);
    };
    await using host = await start(functionOf(wait), noPorts());
    const delivered = host.deliver(newEvent());
    await running.promise;
    const ended = host.terminate();
    gate.resolve();
    await ended;
    const { replies, failed } = await delivered;
    assert.equal(failed, undefined);
    assert.equal(new Set(replies).size, 1);
  },

  "a run is aborted when its sender hangs up": async (start: StartHost) => {
    const running = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<unknown>();
    const wait = async (_: unknown, { signal }: Context) => {
      running.resolve();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      aborted.resolve(signal.reason);
      signal.throwIfAborted();
    };
    await using host = await start(functionOf(wait), noPorts());
    const delivered = host.deliver(newEvent()).catch(() => {});
    await running.promise;
    host.hangUp();
    assert.ok((await aborted.promise) instanceof Error);
    await delivered;
  },
} as const;

const mustNotRun = (): AnyFunction =>
  functionOf(async () => {
    assert.fail("the function ran");
  });

/**
 * The promise that a function behaves the same wherever it runs.
 *
 * @param skips which scenarios a host does not know, and why
 */
export function testHost(name: string, start: StartHost, skips: Partial<Record<Scenario, string>> = {}): void {
  describe(`${name} keeps the contract of hosts:`, () => {
    for (const [scenario, check] of Object.entries(scenarios)) {
      const skip = skips[scenario as Scenario];
      test(scenario, skip === undefined ? {} : { skip }, () => check(start));
    }
  });
}
