import * as z from "zod";
import { readJson, type Store } from "../../store/index.ts";
import type { Told } from "./announce.ts";
import { unlessMissing } from "./missing.ts";

const version = z.object({ name: z.string(), version: z.string() });
const place = z.object({ registry: z.string(), repository: z.string(), tag: z.string() });

const progressSchema = z.object({
  /** Id of the event that began it: what its records are marked with. */
  run: z.string(),
  /** `host/repository`: all up to this one have been looked at, in the order of their names. */
  after: z.string(),
  /** Tags that are being brought in line: nobody has told of them yet. */
  pending: z.array(place),
  told: z.object({
    added: z.array(z.custom<Told["added"][number]>()),
    changed: z.array(z.custom<Told["changed"][number]>()),
    removed: z.array(version),
    counts: z.object({ added: z.int(), changed: z.int(), removed: z.int() }),
  }),
  /** Id of the event that ended it: when that is delivered again, it tells again. */
  endedBy: z.string().optional(),
});

/** How far a reconcile has come. */
export type Progress = Readonly<z.output<typeof progressSchema>>;

const KEY = "index/reconcile/progress.json";
const MAX_BYTES = 64 * 1024 * 1024;

export const readProgress = (store: Store, signal: AbortSignal): Promise<Progress | undefined> =>
  unlessMissing(readJson(store, KEY, progressSchema, MAX_BYTES, signal));

export const writeProgress = (store: Store, progress: Progress, signal: AbortSignal): Promise<unknown> =>
  store.put(KEY, JSON.stringify(progress), { signal });
