import { TypedMap, type Value, type ValueMap } from "../../template/index.ts";
import type { Table } from "./coalesce.ts";
import {
  inside,
  isPlainList,
  isPlainTable,
  type Place,
  type PlacedState,
  PlacedTable,
  seen,
  sharedIn,
  TableReads,
} from "./places.ts";
import { ValuesMap } from "./template-data.ts";

/** A template changes what others see in a way that cannot be done again in another render. */
export class SharedChange extends Error {}

/** In place of a value: there is none. */
export const absent = Symbol("absent");

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
      reads = new TableReads(table.place);
      this.reads.set(table, reads);
    }
    return reads;
  }

  hasWritten(table: WatchedTable, key: string): boolean {
    return this.writes.some((write) => write.table === table && write.key === key);
  }
}

let moments = 0;

/**
 * What the templates of a render share: values, and the data of their charts. The tables that they are given stand for plain
 * ones and tell what is read and written of these.
 */
export class SharedState implements PlacedState {
  /** Plain tables. */
  readonly state: Table = new Map();
  moment = ++moments;
  trace = new Trace();
  /** How many branches are being explored within each other: what is read there is nobody's affair, and changes are undone. */
  #exploring = 0;
  /** Tables that templates made and put here: another place may hold them too. */
  readonly #foreign = new WeakSet<Table>();
  readonly #root: WatchedTable;

  constructor(top: Place) {
    this.#root = new WatchedTable(this.state, top, this);
  }

  /**
   * Share a table.
   *
   * @param given keys that are never changed and hold the same in all renders
   */
  share(name: string, table: Table, given?: ReadonlySet<string>): Table {
    this.state.set(name, table);
    this.changed();
    if (given !== undefined) this.#root.place.below(name).given = given;
    return this.#root.below(name, table, given);
  }

  changed(): void {
    this.moment = ++moments;
  }

  get isExploring(): boolean {
    return this.#exploring > 0;
  }

  enterBranch(): void {
    this.#exploring++;
  }

  leaveBranch(): void {
    this.#exploring--;
    this.changed();
  }

  at(place: Place): WatchedTable {
    return this.#watchedAt(place) as WatchedTable;
  }

  #watchedAt({ above, step }: Place): Value {
    if (above === undefined) return this.#root;
    const at = this.#watchedAt(above);
    return at instanceof WatchedTable ? at.watched(String(step)) : inside(at, step);
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

export class WatchedTable extends PlacedTable {
  /** The plain one that it stands for. */
  readonly table: Table;
  readonly place: Place;
  readonly #shared: SharedState;
  readonly #given: ReadonlySet<string> | undefined;
  /** What stands for what is under a key, as long as it is under it: another table may have the same inside. */
  readonly #watched = new Map<string, { readonly of: Value; readonly by: Value }>();

  constructor(table: Table, place: Place, shared: SharedState, given?: ReadonlySet<string>) {
    super();
    this.table = table;
    this.place = place;
    this.#shared = shared;
    this.#given = given;
  }

  override get(key: string): Value {
    const value = this.table.get(key);
    this.#note(key, value);
    return this.#given?.has(key) ? value : this.#watch(key, value);
  }
  override has(key: string): boolean {
    this.#note(key, this.table.get(key));
    return this.table.has(key);
  }
  override get size(): number {
    this.#noteKeys();
    return this.table.size;
  }
  override keys(): MapIterator<string> {
    this.#noteKeys();
    return this.table.keys();
  }
  override entries(): MapIterator<[string, Value]> {
    this.#noteKeys();
    return this.table.keys().map((key): [string, Value] => [key, this.get(key)]) as MapIterator<[string, Value]>;
  }
  override values(): MapIterator<Value> {
    this.#noteKeys();
    return this.table.keys().map((key) => this.get(key)) as MapIterator<Value>;
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
    if (value === absent) this.table.delete(key);
    else {
      this.table.set(key, value);
      this.#shared.takeIn(value);
    }
    this.#shared.changed();
  }

  /** What is under a key, without telling anybody. */
  watched(key: string): Value {
    return this.#watch(key, this.table.get(key));
  }

  below(key: string, table: Table, given: ReadonlySet<string> | undefined): WatchedTable {
    const watched = new WatchedTable(table, this.place.below(key), this.#shared, given);
    this.#watched.set(key, { of: table, by: watched });
    return watched;
  }

  #watch(key: string, value: Value): Value {
    if (typeof value !== "object" || value === null) return value;
    const known = this.#watched.get(key);
    if (known?.of === value) return known.by;
    const by = watchedIn(value, this.place.below(key), this.#shared);
    this.#watched.set(key, { of: value, by });
    return by;
  }

  #change(key: string, value: Value | typeof absent): void {
    if (this.#shared.isExploring) {
      this.write(key, value);
      return;
    }
    const isInPlace = this.place.valueIn(this.#shared) === this.table;
    if (!isInPlace || this.#given?.has(key) || this.#shared.isForeign(this.table)) throw new SharedChange();
    this.#shared.trace.writes.push({ table: this, key, value });
    this.write(key, value);
  }

  #note(key: string, value: Value): void {
    const { trace } = this.#shared;
    if (this.#shared.isExploring || this.#given?.has(key) || trace.made.has(this.table)) return;
    const { values } = trace.readsOf(this);
    // what it wrote itself it does not depend on
    if (values.has(key) || trace.hasWritten(this, key)) return;
    values.set(key, seen(value));
  }

  #noteKeys(): void {
    const { trace } = this.#shared;
    if (this.#shared.isExploring || trace.made.has(this.table)) return;
    const reads = trace.readsOf(this);
    reads.keys ??= [...this.table.keys()];
  }
}

/** The map itself where another one stands for it. */
export function plainOf(map: ValueMap): ValueMap {
  const table = map instanceof ValuesMap ? map.table : map;
  return table instanceof WatchedTable ? table.table : table;
}

function watchedIn(value: Value, place: Place, shared: SharedState): Value {
  if (value instanceof WatchedTable) return value;
  if (isPlainTable(value)) return new WatchedTable(value, place, shared);
  return isPlainList(value) ? value.map((item, i) => watchedIn(item, place.below(i), shared)) : value;
}

/** What `deepCopy` makes of `.Values`. */
export const isCopyOfValues = (value: Value): value is TypedMap =>
  value instanceof TypedMap && !(value instanceof ValuesMap) && value.type === "common.Values";
