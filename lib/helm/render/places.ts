import { SizedInteger, Struct, typeName, type Value } from "../../template/index.ts";
import { isTable, type Table } from "./coalesce.ts";
import type { SettingPath } from "./setting.ts";
import { ValuesMap } from "./template-data.ts";

/** Where a value lies in what templates share: the same object in all renders of a chart, so that it can be asked quickly. */
export class Place {
  readonly above: Place | undefined;
  /** A key of the table above it, or a position in the list. */
  readonly step: string | number;
  readonly #below = new Map<string | number, Place>();
  #valuePath: readonly (string | number)[] | undefined;
  /** When it was last looked what lies there, and what did. */
  #lookedUp = 0;
  #value: Value;
  /** When the table there was last compared with how it looked before, and the number of that look; 0 for no table. */
  #compared = 0;
  #look = 0;
  #keys: readonly string[] = [];
  #values: readonly Seen[] = [];

  /** Keys that hold the same in all renders. */
  given: ReadonlySet<string> = new Set();

  constructor(above?: Place, step: string | number = "") {
    this.above = above;
    this.step = step;
  }

  below(step: string | number): Place {
    let place = this.#below.get(step);
    if (place === undefined) {
      place = new Place(this, step);
      this.#below.set(step, place);
    }
    return place;
  }

  /** Keys from the values of the whole release down to here; what a subchart sees as its global lies at the top. */
  get valuePath(): readonly (string | number)[] {
    if (this.#valuePath === undefined) {
      const above = this.above?.above === undefined ? [] : this.above.valuePath;
      const isGlobal = this.step === "global" && this.above?.above !== undefined;
      this.#valuePath = this.above?.above === undefined ? [] : isGlobal ? ["global"] : [...above, this.step];
    }
    return this.#valuePath;
  }

  valueIn(shared: PlacedState): Value {
    if (this.above === undefined) return shared.state;
    if (this.#lookedUp !== shared.moment) {
      this.#value = inside(this.above.valueIn(shared), this.step);
      this.#lookedUp = shared.moment;
    }
    return this.#value;
  }

  /** A number that is another one whenever the table there looks another way: by its keys and what is no table. */
  lookIn(shared: PlacedState): number {
    if (this.#compared !== shared.moment) {
      const table = this.valueIn(shared);
      if (!isTable(table)) this.#look = 0;
      else if (this.#look === 0 || !this.#looksAs(table)) {
        this.#keys = [...table.keys()];
        this.#values = Array.from(table, ([key, value]) => (this.given.has(key) ? undefined : seen(value)));
        this.#look = ++looks;
      }
      this.#compared = shared.moment;
    }
    return this.#look;
  }

  #looksAs(table: Table): boolean {
    if (table.size !== this.#keys.length) return false;
    let i = 0;
    for (const [key, value] of table) {
      if (key !== this.#keys[i] || !(this.given.has(key) || isSeen(this.#values[i], value))) return false;
      i++;
    }
    return true;
  }
}

let looks = 0;

/** What places lead through. */
export interface PlacedState {
  /** Plain tables. */
  readonly state: Table;
  /** Another number for each render, and whenever something in the state has changed. */
  readonly moment: number;
}

/** A table that stands for another one, which lies at a place. */
export abstract class PlacedTable extends Map<string, Value> {
  abstract readonly place: Place;
}

/** In place of a value: a table. What was read of it is told apart. */
export const someTable = Symbol("a table");

/** A value as it was when it was read. */
export type Seen = Value | typeof someTable | readonly Seen[];

export const isObject = (value: Value): boolean => typeof value === "object" && value !== null;

export const isPlainTable = (value: Value): value is Table => value instanceof Map && value.constructor === Map;

/** A list in which there are more than scalars. */
export const isPlainList = (value: Value): value is Value[] =>
  Array.isArray(value) && value.constructor === Array && value.some(isObject);

/** What was read of one table. */
export class TableReads {
  readonly place: Place;
  /** All its keys, where they were asked for. */
  keys: readonly string[] | undefined;
  /** What was there under the keys that were asked for. */
  readonly values = new Map<string, Seen>();
  /** How the table looked when it last held the same, and when it did not. */
  #same = -1;
  #other = -1;

  constructor(place: Place) {
    this.place = place;
  }

  /** Whether the table holds the same in the state of another render. To be asked once all was read. */
  holdsIn(shared: PlacedState): boolean {
    const look = this.place.lookIn(shared);
    if (look === this.#same) return true;
    if (look === 0 || look === this.#other) return false;
    const holds = this.#holdsFor(this.place.valueIn(shared) as Table);
    if (holds) this.#same = look;
    else this.#other = look;
    return holds;
  }

  /** Whether a value at a path may change what was read here. */
  concern(path: SettingPath): boolean {
    const { valuePath } = this.place;
    const shared = Math.min(valuePath.length, path.length);
    for (let i = 0; i < shared; i++) if (valuePath[i] !== path[i]) return false;
    // the value lies on the way to the table
    if (path.length <= valuePath.length) return true;
    const key = path[valuePath.length]!;
    if (this.keys !== undefined && path.length === valuePath.length + 1) return true;
    return this.values.has(key) && (path.length === valuePath.length + 1 || this.values.get(key) !== someTable);
  }

  #holdsFor(table: Table): boolean {
    if (this.keys !== undefined && !sameKeys(this.keys, table)) return false;
    for (const [key, value] of this.values) if (!isSeen(value, table.get(key))) return false;
    return true;
  }
}

/** What lies under a key of a table, or at a position of a list. */
export function inside(value: Value, step: string | number): Value {
  if (typeof step === "number") return Array.isArray(value) ? value[step] : undefined;
  return isTable(value) ? value.get(step) : undefined;
}

export function seen(value: Value): Seen {
  if (isPlainTable(value)) return someTable;
  return isPlainList(value) ? value.map(seen) : value;
}

/** The table of the state that a value is, which then lies in two places. */
export function sharedIn(value: Value): PlacedTable | undefined {
  const table = value instanceof ValuesMap ? value.table : value;
  return table instanceof PlacedTable ? table : undefined;
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
    return one instanceof ValuesMap === other instanceof ValuesMap && first?.place === second?.place;
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

function sameKeys(keys: readonly string[], table: Table): boolean {
  if (keys.length !== table.size) return false;
  let i = 0;
  for (const key of table.keys()) if (key !== keys[i++]) return false;
  return true;
}
