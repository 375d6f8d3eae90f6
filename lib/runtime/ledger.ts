import type { Event, WireEvent } from "../events/index.ts";
import { VERSION } from "../version.ts";
import type { Failure, Outcome } from "./invoke.ts";

/** An event that a run made. */
export type Made = Pick<WireEvent, "id" | "type" | "subject">;

/** What became of an event at one function: what people look at who want to know what stowage did. */
export interface Run {
  readonly event: Pick<WireEvent, "id" | "source" | "type" | "subject" | "time">;
  readonly function: string;
  /** RFC 3339, in UTC. */
  readonly started: string;
  readonly seconds: number;
  readonly status: Outcome["status"];
  readonly failure?: Failure | undefined;
  readonly reply?: Made | undefined;
  /** Events besides the reply, in the order they were accepted: the first {@linkcode MOST_PUBLISHED}. */
  readonly published: readonly Made[];
  /** How many there were. */
  readonly publishedCount: number;
  readonly trace: string;
  readonly versions: { readonly stowage: string; readonly node: string };
}

/** Keeps what became of events. */
export interface Ledger {
  /** Resolves once it is written, or could not be, which is logged. Takes seconds at most, and never throws. */
  write(run: Run): Promise<void>;
}

const MOST_PUBLISHED = 100;

/** What one run has published so far. */
export class Publications {
  readonly #first: Made[] = [];
  #count = 0;

  add(events: readonly Event[]): void {
    this.#count += events.length;
    this.#first.push(...events.slice(0, MOST_PUBLISHED - this.#first.length).map(madeOf));
  }

  get entry(): Pick<Run, "published" | "publishedCount"> {
    return { published: this.#first, publishedCount: this.#count };
  }
}

interface Circumstances {
  readonly started: Date;
  /** How long it took. */
  readonly ms: number;
  readonly trace: string;
  readonly published: Publications;
}

/** Everything about a run but what its event held. */
export function runOf(
  name: string,
  { id, source, type, subject, time }: WireEvent,
  { started, ms, trace, published }: Circumstances,
  { status, failure, reply }: Outcome,
): Run {
  return {
    event: { id, source, type, ...(subject !== undefined && { subject }), ...(time !== undefined && { time }) },
    function: name,
    started: started.toISOString(),
    seconds: Math.round(ms) / 1000,
    status,
    failure,
    reply: reply && madeOf(reply),
    ...published.entry,
    trace,
    versions: { stowage: VERSION, node: process.versions.node },
  };
}

const madeOf = ({ id, type, subject }: Made): Made => ({ id, type, ...(subject !== undefined && { subject }) });
