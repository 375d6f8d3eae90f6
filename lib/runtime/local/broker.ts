import { setTimeout as sleep } from "node:timers/promises";
import { RejectedError } from "../../errors.ts";
import { fromStructured, toStructured, type WireEvent } from "../../events/index.ts";
import { backoff, redelivers, type Subscriber } from "../delivery.ts";
import type { AnyFunction } from "../function.ts";
import { type Deps, type Outcome, toOutcome } from "../invoke.ts";
import type { QueueState } from "../telemetry.ts";
import { attempt, type Clock, deadLetter, type FunctionTable } from "./attempt.ts";
import { passes } from "./filters.ts";
import type { Arrival, Journal, PendingDelivery } from "./journal.ts";
import type { Trigger } from "./triggers.ts";

export interface BrokerOptions {
  readonly functions: FunctionTable;
  readonly triggers: readonly Trigger[];
  readonly deps: Deps;
  readonly journal: Journal;
  readonly clock?: Clock;
  /** Runs at a time of a function that says nothing else; one of a function that a JobSink runs. Default: 4. */
  readonly concurrency?: number;
}

/** Replies to replies to replies: knative/eventing pkg/broker/ttl.go starts from 255 as well. */
const MAX_HOPS = 255;
/** setTimeout's limit is 24 days; whatever is due later is looked at again before. */
const LONGEST_SLEEP = 24 * 3600 * 1000;

/** The deliveries to one function. */
interface Lane {
  limit: number;
  readonly running: Set<string>;
  /** What it sleeps for. */
  wake?: { readonly due: number; readonly stop: AbortController } | undefined;
}

/**
 * The whole of Knative Eventing that stowage relies on, in one process: triggers, retries with backoff, dead letters,
 * replies and their hop limit. Runs functions through the same `invoke` as every host. What it knows is in the journal;
 * in memory it keeps only what runs.
 *
 * As on Knative, an event may be delivered more than once, and order is not kept.
 */
export class LocalBroker {
  readonly #options: Required<BrokerOptions>;
  readonly #triggers: ReadonlyMap<string, Trigger>;
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #deliveries = new Set<Promise<void>>();
  readonly #running = new Set<AbortController>();
  readonly #end = new AbortController();
  #started = false;
  #stopped = false;
  #idle: (() => void)[] = [];

  /** @throws RejectedError TRIGGER_INVALID when a trigger names a function that is not there */
  constructor(options: BrokerOptions) {
    const { functions, triggers, concurrency = 4 } = options;
    this.#options = {
      clock: { now: Date.now, sleep: (ms, signal) => sleep(ms, undefined, { signal }) },
      ...options,
      concurrency,
    };
    this.#triggers = new Map(triggers.map((trigger) => [trigger.name, trigger]));
    const lanes = new Map<string, Lane>();
    for (const { name, subscriber, delivery } of triggers) {
      for (const { kind, name: target } of [subscriber, delivery.deadLetterSink ?? []].flat()) {
        if (!Object.hasOwn(functions, target)) {
          throw new RejectedError("TRIGGER_INVALID", `Cannot use trigger "${name}": there is no function "${target}"`);
        }
        const limit = kind === "JobSink" ? 1 : Math.min(concurrency, lanes.get(target)?.limit ?? concurrency);
        lanes.set(target, { limit, running: new Set() });
      }
    }
    this.#lanes = lanes;
  }

  /**
   * Take events. Resolves once they are on disk with everything that will come of them.
   *
   * @throws RejectedError EVENT_MALFORMED, EVENT_TOO_LARGE
   * @throws TransientError BROKER_UNAVAILABLE
   */
  async accept(events: readonly WireEvent[]): Promise<void> {
    const arrivals = events.map((event) => this.#arrival(event, 0));
    await this.#options.journal.accept(arrivals);
    this.#pumpFor(arrivals);
  }

  /** Go on with what an earlier process left, then deliver until stopped. */
  async start(): Promise<void> {
    const { journal, deps } = this.#options;
    for (const { trigger: name, burying } of journal.waiting()) {
      const trigger = this.#triggers.get(name);
      const target = burying ? trigger?.delivery.deadLetterSink : trigger?.subscriber;
      if (target === undefined) deps.log.warn({ trigger: name }, "gave up deliveries of a trigger that is gone");
      await journal.redirect(name, burying, target?.name);
    }
    this.#started = true;
    for (const target of this.#lanes.keys()) this.#pump(target);
    this.#tellIdle();
  }

  /** Resolves once every accepted event is settled: nothing runs, waits or backs off. Or once the broker has stopped. */
  async idle(): Promise<void> {
    while (!this.#stopped && this.#options.journal.pending > 0)
      await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** What is not settled. */
  get queue(): QueueState {
    const { journal, clock } = this.#options;
    const { pending: depth, oldest } = journal;
    return { depth, age: oldest === undefined ? 0 : Math.max(0, clock.now() - oldest) / 1000 };
  }

  /** Whether an event of this source is not settled. */
  hasPending(source: string): boolean {
    return this.#options.journal.hasPending(source);
  }

  /**
   * Start no more deliveries and wait for those that run. What is left goes on with the next start.
   *
   * @param signal aborts the runs; those deliveries count as never tried
   */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#started = false;
    for (const lane of this.#lanes.values()) {
      lane.wake?.stop.abort();
      lane.wake = undefined;
    }
    const abort = (): void => {
      const reason = new Error("the host is shutting down");
      this.#end.abort(reason);
      for (const run of this.#running) run.abort(reason);
    };
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    while (this.#deliveries.size > 0) await Promise.all(this.#deliveries);
    signal?.removeEventListener("abort", abort);
    this.#stopped = true;
    this.#tellIdle();
  }

  #arrival(event: WireEvent, hops: number): Arrival {
    // what a function made is as strange to the broker as what came over the wire
    const checked = fromStructured(toStructured(event));
    const wanting = [...this.#triggers.values()].filter(({ filters }) => passes(checked, filters));
    return {
      event: checked,
      hops,
      subscriptions: wanting.map(({ name, subscriber }) => ({ trigger: name, target: subscriber.name })),
    };
  }

  #pumpFor(arrivals: readonly Arrival[]): void {
    const targets = new Set(arrivals.flatMap(({ subscriptions }) => subscriptions.map(({ target }) => target)));
    for (const target of targets) this.#pump(target);
  }

  #tellIdle(): void {
    if (this.#stopped || this.#options.journal.pending === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Start what is due for a function, as far as there is room; sleep until the next is. */
  #pump(target: string): void {
    const lane = this.#lanes.get(target);
    if (!this.#started || lane === undefined) return;
    const { journal, clock } = this.#options;
    // those that run are still in the journal, and due
    for (const delivery of journal.next(target, lane.limit + 1)) {
      const key = `${delivery.event} ${delivery.trigger}`;
      if (lane.running.has(key)) continue;
      if (delivery.due > clock.now()) {
        this.#sleep(target, lane, delivery.due);
        return;
      }
      if (lane.running.size >= lane.limit) return;
      lane.running.add(key);
      const run = this.#deliver(delivery).finally(() => {
        lane.running.delete(key);
        this.#deliveries.delete(run);
        this.#pump(target);
        this.#tellIdle();
      });
      this.#deliveries.add(run);
    }
  }

  #sleep(target: string, lane: Lane, due: number): void {
    if (lane.wake?.due === due) return;
    lane.wake?.stop.abort();
    const stop = new AbortController();
    lane.wake = { due, stop };
    const { clock } = this.#options;
    clock.sleep(Math.min(due - clock.now(), LONGEST_SLEEP), stop.signal).then(
      () => {
        if (lane.wake?.stop === stop) lane.wake = undefined;
        this.#pump(target);
      },
      () => {
        // stopped: there is something to do earlier, or nothing any more
      },
    );
  }

  async #deliver(delivery: PendingDelivery): Promise<void> {
    const { journal, deps, clock, functions } = this.#options;
    const trigger = this.#triggers.get(delivery.trigger)!;
    const subscriber = delivery.burying ? trigger.delivery.deadLetterSink! : trigger.subscriber;
    try {
      const { event, hops } = journal.read(delivery.event);
      const letter = delivery.burying ? deadLetter(event, trigger.subscriber.name, delivery.burying) : event;
      const onLoaded = (fn: AnyFunction): void => this.#widen(subscriber, fn);
      const around = { functions, deps, clock, running: this.#running, onLoaded };
      const outcome = await attempt(subscriber, letter, trigger.delivery.timeout, around);
      if (outcome.failure && this.#end.signal.aborted) return;
      await this.#settle(delivery, trigger, event, hops, outcome);
    } catch (error) {
      // the journal failed: the delivery is still in it, but must not spin
      deps.log.error({ trigger: trigger.name, err: error }, "Cannot settle a delivery");
      await clock.sleep(1000, this.#end.signal).catch(() => {});
    }
  }

  /** Let a function run as often at once as it asks for. A Job is alone all the same. */
  #widen({ kind, name }: Subscriber, fn: AnyFunction): void {
    const lane = this.#lanes.get(name)!;
    if (kind !== "Service" || fn.kind !== "event" || lane.limit >= (fn.concurrency ?? 0)) return;
    lane.limit = fn.concurrency!;
    this.#pump(name);
  }

  async #settle(
    delivery: PendingDelivery,
    trigger: Trigger,
    event: WireEvent,
    hops: number,
    outcome: Outcome,
  ): Promise<void> {
    const { journal, deps, clock } = this.#options;
    const { attempts, burying } = delivery;
    const { retry, deadLetterSink } = trigger.delivery;
    const log = deps.log.child({ trigger: trigger.name, event: event.id, type: event.type });
    const { status, reply, failure, retryAfter } = outcome;
    if (failure === undefined) {
      let arrival: Arrival | undefined;
      if (reply && hops >= MAX_HOPS) log.error({ reply: reply.type }, "dropped a reply: its events go in circles");
      else if (reply) {
        try {
          arrival = this.#arrival(reply, hops + 1);
        } catch (error) {
          return this.#settle(delivery, trigger, event, hops, toOutcome(error));
        }
      }
      await journal.finish(delivery, burying ? "dead" : "done", arrival);
      if (arrival) this.#pumpFor([arrival]);
    } else if (redelivers(status) && attempts < retry) {
      const wait = backoff(trigger.delivery, attempts, retryAfter);
      log.warn({ status, attempts: attempts + 1, wait }, "will deliver again");
      await journal.retry(delivery, clock.now() + wait);
    } else if (deadLetterSink && !burying) {
      deps.telemetry?.deadLetter(trigger.name);
      await journal.bury(delivery, deadLetterSink.name, { status, failure });
      this.#pump(deadLetterSink.name);
    } else {
      if (!burying) deps.telemetry?.deadLetter(trigger.name);
      log.error({ status, ...failure }, burying ? "lost a dead letter" : "lost an event: there is no dead letter sink");
      await journal.finish(delivery, "dead");
    }
  }
}
