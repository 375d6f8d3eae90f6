import { SizedInteger, Struct, typeName, type Value } from "../../template/index.ts";
import { isTable, type Table } from "./coalesce.ts";
import { ValuesMap } from "./template-data.ts";
import {
  absent,
  inside,
  isCopyOfValues,
  isObject,
  isPlainList,
  isPlainTable,
  type Path,
  type Seen,
  SharedChange,
  type SharedState,
  sharedIn,
  someTable,
  type TableReads,
  type Trace,
} from "./watched-values.ts";

/** A trace that is kept for other renders. */
export class Effect {
  readonly #reads: readonly TableReads[];
  readonly #writes: readonly { readonly path: Path; readonly key: string; readonly value: Written | typeof absent }[];

  /** @throws SharedChange */
  constructor({ reads, writes }: Trace) {
    this.#reads = [...reads.values()];
    this.#writes = writes.map(({ table, key, value }) => ({
      path: table.path,
      key,
      value: value === absent ? absent : written(value),
    }));
  }

  /** Whether what was read is the same now. */
  holdsIn({ state }: SharedState): boolean {
    return this.#reads.every(({ path, keys, values }) => {
      const table = path.reduce(inside, state as Value);
      if (!isTable(table) || (keys !== undefined && !sameKeys(keys, table))) return false;
      for (const [key, value] of values) if (!isSeen(value, table.get(key))) return false;
      return true;
    });
  }

  /** Write what was written. */
  repeatIn(shared: SharedState): void {
    for (const { path, key, value } of this.#writes) {
      shared.at(path).write(key, value === absent ? absent : value(shared));
    }
  }
}

/** A value as it was written, made for the state of any render. */
type Written = (shared: SharedState) => Value;

/** @throws SharedChange for tables and lists of other types that may change, or hold what may */
function written(value: Value): Written {
  const shared = sharedIn(value);
  if (shared !== undefined) {
    const { path } = shared;
    return value instanceof ValuesMap ? (state) => new ValuesMap(state.at(path)) : (state) => state.at(path);
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

function isSeen(was: Seen, value: Value): boolean {
  if (was === someTable) return isPlainTable(value);
  if (!Array.isArray(was)) return same(was as Value, value);
  return Array.isArray(value) && value.length === was.length && was.every((item, i) => isSeen(item, value[i]));
}

/** Whether two values are the same in all that templates can tell: an integer is no float. */
function same(one: Value, other: Value): boolean {
  if (one === other) return true;
  const [first, second] = [sharedIn(one), sharedIn(other)];
  if (first !== undefined || second !== undefined) {
    return one instanceof ValuesMap === other instanceof ValuesMap && samePath(first?.path, second?.path);
  }
  if (one instanceof SizedInteger) {
    return other instanceof SizedInteger && one.type === other.type && one.value === other.value;
  }
  if (one instanceof Struct) return other instanceof Struct && sameStruct(one, other);
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((item, i) => same(item, other[i]));
  }
  if (!isTable(one) || !isTable(other) || typeName(one) !== typeName(other)) return false;
  return sameKeys([...one.keys()], other) && [...one].every(([key, value]) => same(value, other.get(key)));
}

/** Structs that show nothing but what their methods do may differ in that. */
const sameStruct = (one: Struct, other: Struct): boolean =>
  one.type === other.type &&
  one.text === other.text &&
  one.fields.size > 0 &&
  one.fields.entries().every(([name, field]) => same(field, other.fields.get(name)));

const samePath = (one: Path | undefined, other: Path | undefined): boolean =>
  one !== undefined && other !== undefined && one.length === other.length && one.every((key, i) => key === other[i]);

function sameKeys(keys: readonly string[], table: Table): boolean {
  if (keys.length !== table.size) return false;
  let i = 0;
  for (const key of table.keys()) if (key !== keys[i++]) return false;
  return true;
}
