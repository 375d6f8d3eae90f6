import { SizedInteger, type Value } from "../../template/index.ts";
import { isTable, type Table } from "./coalesce.ts";
import { ValuesMap } from "./template-data.ts";

/** A template changes what others see in a way that cannot be done again in another render. */
export class SharedChange extends Error {}

type Path = readonly string[];

/** In place of a value: there is none. */
const absent = Symbol("absent");
/** In place of a value: a table. What was read of it is told apart. */
const someTable = Symbol("a table");

/** What was read of one table. */
interface TableReads {
  readonly path: Path;
  /** All its keys, where they were asked for. */
  keys: readonly string[] | undefined;
  /** What was there under the keys that were asked for. */
  readonly values: Map<string, Value | typeof someTable>;
}

interface Write {
  readonly table: WatchedTable;
  readonly key: string;
  readonly value: Value | typeof absent;
}

/** What one execution read and wrote of what templates share: with the same to read it does the same once more. */
export class Trace {
  readonly reads = new Map<WatchedTable, TableReads>();
  readonly writes: Write[] = [];

  readsOf(table: WatchedTable, path: Path): TableReads {
    let reads = this.reads.get(table);
    if (reads === undefined) {
      reads = { path, keys: undefined, values: new Map() };
      this.reads.set(table, reads);
    }
    return reads;
  }

  hasWritten(table: WatchedTable, key: string): boolean {
    return this.writes.some((write) => write.table === table && write.key === key);
  }
}

/** A trace that is kept for other renders. */
export class Effect {
  readonly #reads: readonly TableReads[];
  readonly #writes: readonly { readonly path: Path; readonly key: string; readonly value: Written | typeof absent }[];

  /** @throws SharedChange */
  constructor({ reads, writes }: Trace) {
    this.#reads = [...reads.values()];
    this.#writes = writes.map(({ table, key, value }) => ({
      path: table.path!,
      key,
      value: value === absent ? absent : written(value),
    }));
  }

  /** Whether what was read is the same now. */
  holdsIn({ state }: SharedState): boolean {
    return this.#reads.every(({ path, keys, values }) => {
      const table = path.reduce<Value>((at, key) => (isTable(at) ? at.get(key) : undefined), state);
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

/** @throws SharedChange for what is of another type, and for lists of tables: those are not worth the effort */
function written(value: Value): Written {
  const table = sharedIn(value);
  if (table?.path !== undefined) {
    const { path } = table;
    return value instanceof ValuesMap ? (shared) => new ValuesMap(shared.at(path)) : (shared) => shared.at(path);
  }
  if (value instanceof Map && value.constructor === Map) {
    const entries = Array.from(value, ([key, item]) => [key, written(item)] as const);
    return (shared) => new Map(entries.map(([key, item]) => [key, item(shared)]));
  }
  const isPlain = typeof value !== "object" || value === null || value instanceof SizedInteger;
  if (isPlain || (Array.isArray(value) && value.every((item) => typeof item !== "object"))) return () => value;
  throw new SharedChange();
}

/** The table of the state that a value is, which then lies in two places. */
function sharedIn(value: Value): WatchedTable | undefined {
  const table = value instanceof ValuesMap ? value.table : value;
  return table instanceof WatchedTable ? table : undefined;
}

/**
 * What the templates of a render share: values, and the data of their charts. The tables that they are given stand for plain
 * ones and tell what is read and written of these.
 */
export class SharedState {
  /** Plain tables. */
  readonly state: Table = new Map();
  trace = new Trace();
  /** Tables that templates made and put here: another place may hold them too. */
  readonly #foreign = new WeakSet<Table>();
  readonly #root: WatchedTable;

  constructor() {
    this.#root = new WatchedTable(this.state, [], this);
  }

  /**
   * Share a table.
   *
   * @param given keys that are never changed and hold the same in all renders
   */
  share(name: string, table: Table, given?: ReadonlySet<string>): Table {
    this.state.set(name, table);
    return this.#root.below(name, table, given);
  }

  at(path: Path): WatchedTable {
    return path.reduce((table, key) => table.inner(key), this.#root);
  }

  isForeign(table: Table): boolean {
    return this.#foreign.has(table);
  }

  takeIn(value: Value): void {
    if (!(value instanceof Map) || sharedIn(value) !== undefined) return;
    this.#foreign.add(value);
    for (const item of value.values()) this.takeIn(item);
  }
}

class WatchedTable extends Map<string, Value> {
  readonly #table: Table;
  /** None for what lies in a list: that was read as a whole. */
  readonly path: Path | undefined;
  readonly #shared: SharedState;
  readonly #given: ReadonlySet<string> | undefined;
  readonly #watched = new Map<string, Value>();

  constructor(table: Table, path: Path | undefined, shared: SharedState, given?: ReadonlySet<string>) {
    super();
    this.#table = table;
    this.path = path;
    this.#shared = shared;
    this.#given = given;
  }

  override get(key: string): Value {
    const value = this.#table.get(key);
    if (this.#given?.has(key)) return value;
    this.#note(key, value);
    return this.#watch(key, value);
  }
  override has(key: string): boolean {
    this.#note(key, this.#table.get(key));
    return this.#table.has(key);
  }
  override get size(): number {
    this.#noteKeys();
    return this.#table.size;
  }
  override keys(): MapIterator<string> {
    this.#noteKeys();
    return this.#table.keys();
  }
  override entries(): MapIterator<[string, Value]> {
    this.#noteKeys();
    return this.#table.keys().map((key): [string, Value] => [key, this.get(key)]) as MapIterator<[string, Value]>;
  }
  override values(): MapIterator<Value> {
    this.#noteKeys();
    return this.#table.keys().map((key) => this.get(key)) as MapIterator<Value>;
  }
  override [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries();
  }
  override forEach(visit: (value: Value, key: string, map: Map<string, Value>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }
  override set(key: string, value: Value): this {
    this.#change(key, value);
    return this;
  }
  override delete(key: string): boolean {
    const had = this.has(key);
    this.#change(key, absent);
    return had;
  }
  override clear(): void {
    for (const key of [...this.keys()]) this.#change(key, absent);
  }

  /** Without telling anybody. */
  write(key: string, value: Value | typeof absent): void {
    this.#watched.delete(key);
    if (value === absent) this.#table.delete(key);
    else {
      this.#table.set(key, value);
      this.#shared.takeIn(value);
    }
  }

  /** The table under a key. */
  inner(key: string): WatchedTable {
    return this.#watch(key, this.#table.get(key)) as WatchedTable;
  }

  below(key: string, table: Table, given: ReadonlySet<string> | undefined): WatchedTable {
    const watched = new WatchedTable(table, [...this.path!, key], this.#shared, given);
    this.#watched.set(key, watched);
    return watched;
  }

  #watch(key: string, value: Value): Value {
    if (typeof value !== "object" || value === null) return value;
    let watched = this.#watched.get(key);
    if (watched === undefined) {
      watched = watchedIn(value, this.path && [...this.path, key], this.#shared);
      this.#watched.set(key, watched);
    }
    return watched;
  }

  #change(key: string, value: Value | typeof absent): void {
    if (this.path === undefined || this.#given?.has(key) || this.#shared.isForeign(this.#table)) {
      throw new SharedChange();
    }
    this.#shared.trace.writes.push({ table: this, key, value });
    this.write(key, value);
  }

  #note(key: string, value: Value): void {
    if (this.path === undefined) return;
    const { trace } = this.#shared;
    const { values } = trace.readsOf(this, this.path);
    // what it wrote itself it does not depend on
    if (values.has(key) || trace.hasWritten(this, key)) return;
    values.set(key, isTable(value) && sharedIn(value) === undefined ? someTable : value);
  }

  #noteKeys(): void {
    if (this.path === undefined) return;
    const reads = this.#shared.trace.readsOf(this, this.path);
    reads.keys ??= [...this.#table.keys()];
  }
}

function watchedIn(value: Value, path: Path | undefined, shared: SharedState): Value {
  if (value instanceof WatchedTable) return value;
  if (value instanceof Map && value.constructor === Map) return new WatchedTable(value, path, shared);
  return Array.isArray(value) && value.some((item) => typeof item === "object")
    ? value.map((item) => watchedIn(item, undefined, shared))
    : value;
}

function sameKeys(keys: readonly string[], table: Table): boolean {
  if (keys.length !== table.size) return false;
  let i = 0;
  for (const key of table.keys()) if (key !== keys[i++]) return false;
  return true;
}

const isSeen = (seen: Value | typeof someTable, value: Value): boolean =>
  seen === someTable ? isTable(value) && sharedIn(value) === undefined : same(seen, value);

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
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((item, i) => same(item, other[i]));
  }
  if (!isTable(one) || !isTable(other) || !sameKeys([...one.keys()], other)) return false;
  return [...one].every(([key, value]) => same(value, other.get(key)));
}

const samePath = (one: Path | undefined, other: Path | undefined): boolean =>
  one !== undefined && other !== undefined && one.length === other.length && one.every((key, i) => key === other[i]);
