import { randomUUID } from "node:crypto";
import * as z from "zod";
import { type Reader, readJson, type Store } from "../../store/index.ts";
import { compareText } from "./fold.ts";
import { unlessMissing } from "./missing.ts";
import { type Row, rowSchema } from "./part.ts";

/** A state of the index: every chart, and the part that holds it. Written once, never changed. */
export interface Generation {
  readonly number: number;
  /** Tells it from another one of the same number, which came too late to count. */
  readonly id: string;
  /** By name, in the order of the texts. */
  readonly rows: ReadonlyMap<string, Row>;
}

const generationSchema = z.object({ id: z.uuid(), charts: z.array(rowSchema) });

/** Of 100,000 charts it has 40 MB. */
const MAX_GENERATION_BYTES = 256 * 1024 * 1024;
const DIGITS = 12;

export const emptyGeneration: Generation = { number: 0, id: "", rows: new Map() };

export const numberName = (number: number): string => String(number).padStart(DIGITS, "0");
const generationKey = (root: string, number: number): string => `${root}generations/${numberName(number)}.json`;

/** The numbers below a prefix, ascending. */
export async function numbersBelow(store: Reader, prefix: string, signal?: AbortSignal): Promise<readonly number[]> {
  const numbers = new Set<number>();
  for await (const { key } of store.list(prefix, signal)) {
    const number = /^\d{12}/.exec(key.slice(prefix.length))?.[0];
    if (number !== undefined) numbers.add(Number(number));
  }
  return [...numbers];
}

export const generationNumbers = (store: Reader, root: string, signal?: AbortSignal): Promise<readonly number[]> =>
  numbersBelow(store, `${root}generations/`, signal);

/** @throws RejectedError STORE_NOT_FOUND when it was removed meanwhile */
export async function readGeneration(
  store: Reader,
  root: string,
  number: number,
  signal?: AbortSignal,
): Promise<Generation> {
  const key = generationKey(root, number);
  const { id, charts } = await readJson(store, key, generationSchema, MAX_GENERATION_BYTES, signal);
  return { number, id, rows: new Map(charts.map((row) => [row.name, row])) };
}

/** The next state, not yet written. Charts are in the order of their names. */
export function nextGeneration(base: Generation, changed: ReadonlyMap<string, Row | undefined>): Generation {
  const kept = [...base.rows.values()].filter(({ name }) => !changed.has(name));
  const rows = [...kept, ...[...changed.values()].filter((row) => row !== undefined)];
  rows.sort((a, b) => compareText(a.name, b.name));
  return { number: base.number + 1, id: randomUUID(), rows: new Map(rows.map((row) => [row.name, row])) };
}

/**
 * Write a generation where none of its number is.
 *
 * @returns "taken" when another one is; "unknown" when one was, and nobody can tell any more whether it was this one: a
 *   store that tries again after its answer was lost finds its own write
 */
export async function writeGeneration(
  store: Store,
  root: string,
  { number, id, rows }: Generation,
  signal?: AbortSignal,
): Promise<"written" | "taken" | "unknown"> {
  const text = JSON.stringify({ id, charts: [...rows.values()] });
  const put = await store.put(generationKey(root, number), text, { ifAbsent: true, signal });
  if (put === "written") return "written";
  const there = await unlessMissing(readGeneration(store, root, number, signal));
  if (there === undefined) return "unknown";
  return there.id === id ? "written" : "taken";
}

export const removeGeneration = (store: Store, root: string, number: number, signal?: AbortSignal): Promise<void> =>
  store.delete(generationKey(root, number), signal);

export const versionsOf = ({ rows }: Generation): number => {
  let count = 0;
  for (const { versions } of rows.values()) count += versions;
  return count;
};
