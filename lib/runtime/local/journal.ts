import type { DatabaseSync } from "node:sqlite";
import { TransientError } from "../../errors.ts";
import { fromStructured, toStructured, type WireEvent } from "../../events/index.ts";
import type { Failure } from "../invoke.ts";
import { openDatabase, type Statements } from "./journal-database.ts";

/** One trigger that wants an event, and the function that gets it. */
export interface Subscription {
  readonly trigger: string;
  readonly target: string;
}

/** An event on its way into the journal. */
export interface Arrival {
  readonly event: WireEvent;
  /** Replies it took to come to this one; 0 for an event from outside. */
  readonly hops: number;
  readonly subscriptions: readonly Subscription[];
}

/** Names one delivery: the row of an event, and a trigger. */
export interface DeliveryKey {
  readonly event: number;
  readonly trigger: string;
}

/** Why a subscriber did not take an event: what its dead letter says. */
export interface LastFailure {
  readonly status: number;
  readonly failure: Failure;
}

/** One delivery that is not done. */
export interface PendingDelivery extends DeliveryKey {
  readonly target: string;
  /** Milliseconds since the epoch. */
  readonly due: number;
  /** Attempts that failed, of the subscriber or, when burying, of the dead letter sink. */
  readonly attempts: number;
  /** Present when the subscriber has failed for good, and the dead letter sink is next. */
  readonly burying?: LastFailure;
}

/** How a delivery ended. A dead one may be delivered again when its event is sent again. */
export type End = "done" | "dead";

export interface JournalOptions {
  /** Bytes on disk that may be in use before events from outside are refused. Default: 1 GiB. */
  readonly maxBytes?: number;
  /** How many finished events are kept to recognise duplicates. Default: 100,000. */
  readonly kept?: number;
  /** For how many milliseconds. Default: a day. */
  readonly keptFor?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** What the next transaction does, and who waits for it. */
interface Change {
  readonly change: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Finished events are looked for after so many arrivals. */
const PRUNE_EVERY = 1000;

/**
 * The embedded broker's memory: every accepted event, and how far each of its deliveries is, in one SQLite database.
 *
 * A promise that resolves means: on disk, whatever happens next. All changes asked for in one turn of the event loop
 * share one transaction and one fsync, so many posts cost little more than one. The database is locked as long as the
 * process lives.
 */
export class Journal {
  readonly #database: DatabaseSync;
  readonly #sql: Statements;
  readonly #options: Required<JournalOptions>;
  #queue: Change[] = [];
  #pending: number;
  #sincePrune = 0;

  /** @throws RejectedError DATA_IN_USE, JOURNAL_INVALID */
  constructor(directory: string, options: JournalOptions = {}) {
    this.#options = { maxBytes: 2 ** 30, kept: 100_000, keptFor: 24 * 3600 * 1000, now: Date.now, ...options };
    ({ database: this.#database, statements: this.#sql } = openDatabase(directory));
    this.#pending = this.#count();
  }

  /** Deliveries that are not done. */
  get pending(): number {
    return this.#pending;
  }

  /** Milliseconds since the epoch at which the oldest event was accepted that is not done; undefined when all are, or once it is closed. */
  get oldest(): number | undefined {
    if (!this.#database.isOpen) return undefined;
    const accepted = this.#sql.oldest.get()?.["accepted"];
    return typeof accepted === "number" ? accepted : undefined;
  }

  /**
   * Accept events, all or none, with all their deliveries.
   *
   * An event that is known by source and id changes nothing, except that dead deliveries of it are due again.
   *
   * @throws TransientError BROKER_UNAVAILABLE when too much waits or the disk fails
   */
  async accept(arrivals: readonly Arrival[]): Promise<void> {
    const refuse = (why: string, retryAfter?: number): TransientError =>
      new TransientError("BROKER_UNAVAILABLE", `Cannot accept event: ${why}`, { retryAfter });
    if (!this.#database.isOpen) throw refuse("the broker is closed");
    if (Number(this.#sql.bytes.get()?.["bytes"]) > this.#options.maxBytes) {
      throw refuse(`${this.#pending} deliveries wait and fill the journal`, 10);
    }
    await this.#commit(() => {
      for (const arrival of arrivals) this.#insert(arrival);
    });
  }

  /** End a delivery, and accept the event it was answered with, if any: both or none. */
  finish({ event, trigger }: DeliveryKey, end: End, reply?: Arrival): Promise<void> {
    return this.#commit(() => {
      this.#pending -= Number(this.#sql.finish.run(end, event, trigger).changes);
      this.#sql.forget.run(event, event);
      if (reply) this.#insert(reply);
    });
  }

  /** Note a failed attempt: the next is due at `due`. */
  retry({ event, trigger }: DeliveryKey, due: number): Promise<void> {
    return this.#commit(() => void this.#sql.retry.run(Math.ceil(due), event, trigger));
  }

  /** Hand a delivery that failed for good to the dead letter sink `target`. */
  bury({ event, trigger }: DeliveryKey, target: string, failure: LastFailure): Promise<void> {
    const { now } = this.#options;
    return this.#commit(() => void this.#sql.bury.run(target, JSON.stringify(failure), now(), event, trigger));
  }

  /** The first deliveries to a function in the order they are due, those not due yet included. */
  next(target: string, limit: number): readonly PendingDelivery[] {
    return this.#sql.next.all(target, limit).map((row) => ({
      event: Number(row["event"]),
      trigger: String(row["trigger"]),
      target,
      due: Number(row["due"]),
      attempts: Number(row["attempts"]),
      ...(row["failure"] === null ? {} : { burying: JSON.parse(String(row["failure"])) as LastFailure }),
    }));
  }

  /** @returns the event of a delivery, and its hops */
  read(event: number): { readonly event: WireEvent; readonly hops: number } {
    const row = this.#sql.read.get(event)!;
    return { event: fromStructured(JSON.parse(String(row["body"]))), hops: Number(row["hops"]) };
  }

  /** Whether an event of this source is not done. */
  hasPending(source: string): boolean {
    return this.#sql.hasPending.get(source) !== undefined;
  }

  /** Every (trigger, burying) that deliveries wait for: what a start compares with the triggers there are. */
  waiting(): readonly { readonly trigger: string; readonly burying: boolean }[] {
    return this.#sql.waiting.all().map((row) => ({ trigger: String(row["trigger"]), burying: row["burying"] === 1 }));
  }

  /** Let waiting deliveries go to another function, or to none: then they are dead. */
  redirect(trigger: string, burying: boolean, target: string | undefined): Promise<void> {
    return this.#commit(() => {
      if (target !== undefined) this.#sql.redirect.run(target, trigger, Number(burying));
      else this.#pending -= Number(this.#sql.abandon.run(trigger, Number(burying)).changes);
    });
  }

  /** Write what was asked for, then let go of the database. */
  close(): void {
    this.#flush();
    this.#database.close();
  }

  #insert({ event, hops, subscriptions }: Arrival): void {
    const now = this.#options.now();
    const { source, id } = event;
    const known = this.#sql.find.get(source, id)?.["seq"];
    // what nobody wants need not be remembered
    if (known === undefined && subscriptions.length === 0) return;
    const body = JSON.stringify(toStructured(event));
    const seq = Number(known ?? this.#sql.insert.run(source, id, hops, now, body).lastInsertRowid);
    let queued = 0;
    for (const { trigger, target } of subscriptions) {
      queued += Number(this.#sql.subscribe.run(seq, trigger, target, now).changes);
    }
    // sent again by hand, it may have been mended
    if (known !== undefined && queued > 0) this.#sql.replace.run(now, body, seq);
    this.#pending += queued;
    this.#sincePrune += 1;
  }

  #commit(change: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#queue.push({ change, resolve, reject }) === 1) setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    const batch = this.#queue;
    if (batch.length === 0) return;
    this.#queue = [];
    try {
      this.#database.exec("BEGIN");
      for (const { change } of batch) change();
      if (this.#sincePrune >= PRUNE_EVERY) this.#prune();
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec("ROLLBACK");
      if (this.#database.isOpen) this.#pending = this.#count();
      const failed = new TransientError("BROKER_UNAVAILABLE", "Cannot write the broker's journal", { cause: error });
      for (const { reject } of batch) reject(failed);
      return;
    }
    for (const { resolve } of batch) resolve();
  }

  #count(): number {
    return Number(this.#sql.count.get()?.["pending"]);
  }

  #prune(): void {
    const { now, keptFor, kept } = this.#options;
    this.#sincePrune = 0;
    this.#sql.prune.run(now() - keptFor, kept);
  }
}
