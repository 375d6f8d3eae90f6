import { createHash } from "node:crypto";
import * as z from "zod";
import { StowageError } from "../errors.ts";
import type { Ledger, Log, Run } from "../runtime/index.ts";
import { readJson, type Store } from "../store/index.ts";

/** How long an entry may take, in milliseconds: no run waits longer. */
const PATIENCE = 5000;
/** An entry is smaller than this. */
const MAX_BYTES = 256 * 1024;
/** No text of an event is kept that is longer. */
const MAX_TEXT = 1024;
/** How long entries of a directory are kept, in days. Those of a bucket are its lifecycle rule's: docs/observability.md. */
const KEPT_DAYS = 90;
/** Entries that one sweep removes at most: the next sweep goes on. */
const MOST_SWEPT = 1000;
const DAY = 24 * 3600 * 1000;

/**
 * The ledger of all runs, in the store: `runs/<yyyy-mm-dd>/<event id>.json`, written when a run has ended, one object for
 * an event at a function. Each further attempt of a day replaces it and counts up. A run that dies with its process leaves
 * nothing: the redelivery writes.
 *
 * Where one event is run by several functions, or several sources use one id, the first run of the day has the name, and
 * the others stand beside it: {@linkcode entryKey}.
 *
 * @param store opened for the first run
 */
export function openLedger(store: () => Promise<Store>, log: Log): Ledger {
  let sweptOn = "";
  return {
    async write(run) {
      try {
        const opened = await store();
        const signal = AbortSignal.timeout(PATIENCE);
        await writeEntry(opened, run, signal);
        const today = dayOf(run);
        if (today === sweptOn || !opened.url.startsWith("file:")) return;
        sweptOn = today;
        await sweep(opened, Date.parse(today) - KEPT_DAYS * DAY, signal);
      } catch (error) {
        const why = error instanceof StowageError ? { code: error.code, reason: error.message } : { err: error };
        log.warn({ function: run.function, event: run.event.id, trace: run.trace, ...why }, "Cannot write the ledger");
      }
    },
  };
}

const dayOf = ({ started }: Run): string => started.slice(0, "yyyy-mm-dd".length);

async function writeEntry(store: Store, run: Run, signal: AbortSignal): Promise<void> {
  const text = (attempts: number): string => `${JSON.stringify(entryOf(run, attempts), null, 2)}\n`;
  let holder: Holder | undefined;
  for (;;) {
    const key = entryKey(run, holder);
    if ((await store.put(key, text(1), { ifAbsent: true, signal })) === "written") return;
    const before = await readEntry(store, key, signal);
    if (before === undefined || holder !== undefined || isOf(before, run)) {
      await store.put(key, text((before?.attempts ?? 0) + 1), { signal });
      return;
    }
    holder = before;
  }
}

/** Whose entry it is. */
const holderSchema = z.object({ event: z.object({ source: z.string() }), function: z.string(), attempts: z.int() });
type Holder = z.output<typeof holderSchema>;

const isOf = (holder: Holder, run: Run): boolean =>
  holder.event.source === clipped(run.event.source) && holder.function === run.function;

/** @returns undefined when it is gone, or no entry */
async function readEntry(store: Store, key: string, signal: AbortSignal): Promise<Holder | undefined> {
  try {
    return await readJson(store, key, holderSchema, MAX_BYTES, signal);
  } catch (error) {
    if (error instanceof StowageError && ["STORE_NOT_FOUND", "STORE_OBJECT_INVALID"].includes(error.code))
      return undefined;
    throw error;
  }
}

/**
 * Where a run is written.
 *
 * @param holder who has the plain name already. Another function stands behind a plus sign; for another source, there is
 *   also a digest of it.
 */
export function entryKey(run: Run, holder?: Pick<Holder, "event">): string {
  const name = segmentOf(run.event.id);
  if (holder === undefined) return `runs/${dayOf(run)}/${name}.json`;
  const source = clipped(run.event.source);
  const apart = source === holder.event.source ? "" : `+${sha256(source).slice(0, 12)}`;
  return `runs/${dayOf(run)}/${name}+${run.function}${apart}.json`;
}

/** Room for what comes behind, in the 255 bytes that a file name may have. */
const MAX_NAME = 150;

/** An id as part of a file name: percent-encoded; a long one is cut and told apart by its digest. No two ids share one. */
function segmentOf(id: string): string {
  const name = encodeURIComponent(id.toWellFormed()).replace(/[!'()*~]/g, percent);
  return name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME)}~${sha256(id).slice(0, 32)}`;
}

const percent = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** An entry as it is written: no field of it longer than it must be, no password in a URL. */
function entryOf({ event, failure, ...run }: Run, attempts: number): object {
  const { id, source, type, subject, time } = event;
  return {
    event: {
      id: clipped(id),
      source: clipped(source),
      type: clipped(type),
      ...(subject !== undefined && { subject: clipped(subject) }),
      ...(time !== undefined && { time: clipped(time) }),
    },
    attempts,
    ...run,
    ...(failure !== undefined && { code: failure.code, reason: clipped(failure.message) }),
  };
}

const clipped = (text: string): string => text.replace(/\/\/[^/?#@]*@/, "//").slice(0, MAX_TEXT);

/** Remove what is older, the oldest first, as far as there is time. */
async function sweep(store: Store, before: number, signal: AbortSignal): Promise<void> {
  const limit = `runs/${new Date(before).toISOString().slice(0, "yyyy-mm-dd".length)}/`;
  let swept = 0;
  // days sort before what else lies there: digits before letters
  for await (const { key } of store.list("runs/")) {
    if (key >= limit || swept === MOST_SWEPT || signal.aborted) return;
    await store.delete(key);
    swept += 1;
  }
}
