import { TypedMap, type Value } from "../../template/index.ts";
import { isTable, type Table } from "./coalesce.ts";
import { ValuesMap } from "./template-data.ts";

/** A template changes what others see in a way that cannot be done again in another render. */
export class SharedChange extends Error {}

/** Keys of tables, and positions in lists. */
export type Path = readonly (string | number)[];

/** In place of a value: there is none. */
export const absent = Symbol("absent");
/** In place of a value: a table. What was read of it is told apart. */
export const someTable = Symbol("a table");

/** A value as it was when it was read. */
export type Seen = Value | typeof someTable | readonly Seen[];

/** What was read of one table. */
export interface TableReads {
  readonly path: Path;
  /** All its keys, where they were asked for. */
  keys: readonly string[] | undefined;
  /** What was there under the keys that were asked for. */
  readonly values: Map<string, Seen>;
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
  /** Tables that it made and put where others see them: what it reads there it knows from itself. */
  readonly made = new WeakSet<Table>();

  readsOf(table: WatchedTable): TableReads {
    let reads = this.reads.get(table);
    if (reads === undefined) {
      reads = { path: table.path, keys: undefined, values: new Map() };
      this.reads.set(table, reads);
    }
    return reads;
  }

  hasWritten(table: WatchedTable, key: string): boolean {
    return this.writes.some((write) => write.table === table && write.key === key);
  }
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
    const step = (at: Value, key: string | number): Value =>
      at instanceof WatchedTable ? at.watched(String(key)) : inside(at, key);
    return path.reduce(step, this.#root as Value) as WatchedTable;
  }

  isForeign(table: Table): boolean {
    return this.#foreign.has(table);
  }

  takeIn(value: Value): void {
    if (sharedIn(value) !== undefined) return;
    if (value instanceof Map) {
      this.#foreign.add(value);
      this.trace.made.add(value);
    }
    if (value instanceof Map || Array.isArray(value)) for (const item of value.values()) this.takeIn(item);
  }
}

export class WatchedTable extends Map<string, Value> {
  readonly #table: Table;
  readonly path: Path;
  readonly #shared: SharedState;
  readonly #given: ReadonlySet<string> | undefined;
  /** What stands for what is under a key, as long as it is under it: another table may have the same inside. */
  readonly #watched = new Map<string, { readonly of: Value; readonly by: Value }>();

  constructor(table: Table, path: Path, shared: SharedState, given?: ReadonlySet<string>) {
    super();
    this.#table = table;
    this.path = path;
    this.#shared = shared;
    this.#given = given;
  }

  override get(key: string): Value {
    const value = this.#table.get(key);
    this.#note(key, value);
    return this.#given?.has(key) ? value : this.#watch(key, value);
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
    if (value === absent) this.#table.delete(key);
    else {
      this.#table.set(key, value);
      this.#shared.takeIn(value);
    }
  }

  /** What is under a key, without telling anybody. */
  watched(key: string): Value {
    return this.#watch(key, this.#table.get(key));
  }

  below(key: string, table: Table, given: ReadonlySet<string> | undefined): WatchedTable {
    const watched = new WatchedTable(table, [...this.path, key], this.#shared, given);
    this.#watched.set(key, { of: table, by: watched });
    return watched;
  }

  #watch(key: string, value: Value): Value {
    if (typeof value !== "object" || value === null) return value;
    const known = this.#watched.get(key);
    if (known?.of === value) return known.by;
    const by = watchedIn(value, [...this.path, key], this.#shared);
    this.#watched.set(key, { of: value, by });
    return by;
  }

  #change(key: string, value: Value | typeof absent): void {
    const isInPlace = this.path.reduce(inside, this.#shared.state as Value) === this.#table;
    if (!isInPlace || this.#given?.has(key) || this.#shared.isForeign(this.#table)) throw new SharedChange();
    this.#shared.trace.writes.push({ table: this, key, value });
    this.write(key, value);
  }

  #note(key: string, value: Value): void {
    const { trace } = this.#shared;
    if (this.#given?.has(key) || trace.made.has(this.#table)) return;
    const { values } = trace.readsOf(this);
    // what it wrote itself it does not depend on
    if (values.has(key) || trace.hasWritten(this, key)) return;
    values.set(key, seen(value));
  }

  #noteKeys(): void {
    const { trace } = this.#shared;
    if (trace.made.has(this.#table)) return;
    const reads = trace.readsOf(this);
    reads.keys ??= [...this.#table.keys()];
  }
}

function watchedIn(value: Value, path: Path, shared: SharedState): Value {
  if (value instanceof WatchedTable) return value;
  if (isPlainTable(value)) return new WatchedTable(value, path, shared);
  return isPlainList(value) ? value.map((item, i) => watchedIn(item, [...path, i], shared)) : value;
}

export const isObject = (value: Value): boolean => typeof value === "object" && value !== null;

/** What `deepCopy` makes of `.Values`. */
export const isCopyOfValues = (value: Value): value is TypedMap =>
  value instanceof TypedMap && !(value instanceof ValuesMap) && value.type === "common.Values";

export const isPlainTable = (value: Value): value is Table => value instanceof Map && value.constructor === Map;

/** A list in which there are more than scalars. */
export const isPlainList = (value: Value): value is Value[] =>
  Array.isArray(value) && value.constructor === Array && value.some(isObject);

/** What lies under a key of a table, or at a position of a list. */
export function inside(value: Value, step: string | number): Value {
  if (typeof step === "number") return Array.isArray(value) ? value[step] : undefined;
  return isTable(value) ? value.get(step) : undefined;
}

function seen(value: Value): Seen {
  if (isPlainTable(value)) return someTable;
  return isPlainList(value) ? value.map(seen) : value;
}

/** The table of the state that a value is, which then lies in two places. */
export function sharedIn(value: Value): WatchedTable | undefined {
  const table = value instanceof ValuesMap ? value.table : value;
  return table instanceof WatchedTable ? table : undefined;
}
