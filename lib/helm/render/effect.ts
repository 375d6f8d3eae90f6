import type { Value } from "../../template/index.ts";
import { isTable, type Table } from "./coalesce.ts";
import { isObject, isPlainList, isPlainTable, type Place, sharedIn, type TableReads } from "./places.ts";
import type { SettingPath } from "./setting.ts";
import { ValuesMap } from "./template-data.ts";
import { absent, isCopyOfValues, SharedChange, type SharedState, type Trace } from "./watched-values.ts";

/** A trace that is kept for other renders. */
export class Effect {
  readonly #reads: readonly TableReads[];
  readonly #writes: readonly { readonly place: Place; readonly key: string; readonly value: Written | typeof absent }[];

  /** @throws SharedChange */
  constructor({ reads, writes }: Trace) {
    this.#reads = [...reads.values()];
    this.#writes = writes.map(({ table, key, value }) => ({
      place: table.place,
      key,
      value: value === absent ? absent : written(value),
    }));
  }

  /** Whether what was read is the same now. */
  holdsIn(shared: SharedState): boolean {
    return this.#reads.every((reads) => reads.holdsIn(shared));
  }

  /** Whether something was read that a value at a path may change, among the values of the whole release. */
  reads(path: SettingPath): boolean {
    return this.#reads.some((reads) => reads.concern(path));
  }

  /** Write what was written. */
  repeatIn(shared: SharedState): void {
    for (const { place, key, value } of this.#writes) {
      shared.at(place).write(key, value === absent ? absent : value(shared));
    }
  }
}

/** A value as it was written, made for the state of any render. */
type Written = (shared: SharedState) => Value;

/** @throws SharedChange for tables and lists of other types that may change, or hold what may */
function written(value: Value): Written {
  const shared = sharedIn(value);
  if (shared !== undefined) {
    const { place } = shared;
    return value instanceof ValuesMap ? (state) => new ValuesMap(state.at(place)) : (state) => state.at(place);
  }
  if (value instanceof ValuesMap) {
    const table = written(value.table);
    return (state) => new ValuesMap(table(state) as Table);
  }
  if (isPlainTable(value)) {
    const entries = Array.from(value, ([key, item]) => [key, written(item)] as const);
    return (state) => new Map(entries.map(([key, item]) => [key, item(state)]));
  }
  if (isPlainList(value)) {
    const items = value.map(written);
    return (state) => items.map((item) => item(state));
  }
  const holdsObjects = (isTable(value) || Array.isArray(value)) && value.values().some(isObject);
  if (holdsObjects || isCopyOfValues(value)) throw new SharedChange();
  return () => value;
}
