import type { Value } from "../../template/index.ts";
import { Refusal } from "./refusal.ts";

/** A YAML mapping: what Go calls `map[string]interface{}` and Helm a table. */
export type Table = Map<string, Value>;

export const isTable = (value: Value): value is Table => value instanceof Map;

/** What coalescing needs to know of a chart. */
export interface ValuesTree {
  readonly name: string;
  /** The chart's own defaults; they are copied, never changed. */
  readonly values: Table;
  readonly dependencies: readonly ValuesTree[];
}

/** `coalesce` lets a null remove a default; `merge` keeps it, for a later coalescing to see. */
type Nulls = "coalesce" | "merge";

/**
 * Lay `values` over the defaults of a chart and of everything below it, as helm 4.1.4 does
 * (pkg/chart/common/util/coalesce.go): what a parent says wins, tables are united, everything else is replaced, globals
 * go down to every subchart, and a null removes a default.
 *
 * Helm's rules are kept in their oddities too: which tables are shared between parent and child decides what templates see.
 *
 * @throws Refusal where a value stands in place of a subchart's table
 */
export function coalesceValues(chart: ValuesTree, values: Table): Table {
  return coalesce(chart, deepCopy(values), "coalesce");
}

/** The same with every null kept: for values that are coalesced once more later. @throws Refusal */
export function mergeValues(chart: ValuesTree, values: Table): Table {
  return coalesce(chart, deepCopy(values), "merge");
}

export function deepCopy(table: Table): Table {
  const copy: Table = new Map();
  for (const [key, value] of table) copy.set(key, copyOf(value));
  return copy;
}

function copyOf(value: Value): Value {
  if (isTable(value)) return deepCopy(value);
  return Array.isArray(value) ? value.map(copyOf) : value;
}

function coalesce(chart: ValuesTree, target: Table, nulls: Nulls): Table {
  coalesceDefaults(chart, target, nulls);
  for (const subchart of chart.dependencies) {
    const found = target.get(subchart.name);
    if (target.has(subchart.name) && !isTable(found as Value)) {
      throw new Refusal(`type mismatch on ${subchart.name}: the values of a subchart must be a mapping`);
    }
    const below: Table = isTable(found as Value) ? (found as Table) : new Map();
    passGlobals(below, target);
    target.set(subchart.name, coalesce(subchart, below, nulls));
  }
  return target;
}

/** What does not fit is passed over: a default that is no table where the values say one, and the other way round. */
function coalesceDefaults(chart: ValuesTree, target: Table, nulls: Nulls): void {
  for (const [key, byDefault] of chart.values) {
    if (!target.has(key)) {
      target.set(key, copyOf(byDefault));
      continue;
    }
    const value = target.get(key);
    if (value === null && nulls === "coalesce") target.delete(key);
    else if (isTable(value) && isTable(byDefault)) {
      // the subchart coalesces its own table later: it has to see the nulls
      const ofSubchart = chart.dependencies.some(({ name }) => name === key);
      addDefaults(value, byDefault, ofSubchart ? "merge" : nulls);
    }
  }
}

/** What {@linkcode mergeTables} makes of `target` with a copy of the defaults, of which only what is missing is copied. */
function addDefaults(target: Table, defaults: Table, nulls: Nulls): void {
  for (const [key, byDefault] of defaults) {
    const present = target.get(key);
    if (present === null) {
      if (nulls === "coalesce" && byDefault !== null) target.delete(key);
    } else if (isTable(byDefault) && isTable(present)) addDefaults(present, byDefault, nulls);
    else if (present === undefined && !target.has(key)) target.set(key, copyOf(byDefault));
  }
}

/** Copy the globals of `source` into `target`: the parent's win, but for tables on top of anything else. */
function passGlobals(target: Table, source: Table): void {
  const own = target.has("global") ? target.get("global") : new Map();
  const given = source.has("global") ? source.get("global") : new Map();
  if (!isTable(own) || !isTable(given)) return;
  for (const [key, value] of given) {
    const present = own.get(key);
    if (isTable(value)) {
      // one level deep: the tables within stay shared with the parent, as in helm
      const copy = new Map(value);
      if (!own.has(key)) own.set(key, copy);
      else if (isTable(present)) own.set(key, mergeTables(copy, present));
    } else if (!isTable(present)) own.set(key, value);
  }
  target.set("global", own);
}

/**
 * Merge `source` into `target`, which wins; nulls are kept. Both are changed: `target` gets what it lacks, and `source` the
 * nulls of `target`.
 *
 * @returns target
 */
export function mergeTables(target: Table, source: Table): Table {
  for (const [key, value] of target) if (value === null) source.set(key, null);
  for (const [key, value] of source) {
    const present = target.get(key);
    if (!target.has(key)) target.set(key, value);
    else if (isTable(value) && isTable(present)) mergeTables(present, value);
  }
  return target;
}

/** The table at a dotted path. @returns undefined where there is none */
export function tableAt(values: Table, path: string): Table | undefined {
  let table = values;
  for (const key of path.split(".")) {
    const value = table.get(key);
    if (value === undefined || !isTable(value)) return undefined;
    table = value;
  }
  return table;
}

/** The value at a dotted path. @returns undefined where there is none, or a table */
export function valueAt(values: Table, path: string): Value {
  const last = path.lastIndexOf(".");
  const table = last === -1 ? values : tableAt(values, path.slice(0, last));
  const value = table?.get(path.slice(last + 1));
  return value === undefined || isTable(value) ? undefined : value;
}

/** Unite two tables; what `upper` says wins. Neither is changed. */
export function overlay(lower: Table, upper: Table): Table {
  const united = new Map(lower);
  for (const [key, value] of upper) {
    const below = united.get(key);
    united.set(key, isTable(value) && below !== undefined && isTable(below) ? overlay(below, value) : value);
  }
  return united;
}
