import type { Value } from "./value.ts";

/** Where a value lies in the values of the whole chart: keys of maps and positions in lists. */
export type ValuePath = readonly (string | number)[];

/** The variables of one template while it is executed: a stack, since a block's own ones end with it. */
export class Variables {
  readonly #names: string[] = ["$"];
  readonly #values: Value[];
  /** Whether the static type of the value is `interface {}`, as of a list's element: only messages show it. */
  readonly #boxed: boolean[] = [false];
  /** Where in the values of a chart a variable's value was taken from: only explorations ask for it. */
  readonly #origins: (ValuePath | undefined)[] = [];

  constructor(root: Value) {
    this.#values = [root];
  }

  /** How many there are: `reset` to it forgets the ones declared since. */
  get count(): number {
    return this.#names.length;
  }

  reset(count: number): void {
    this.#names.length = count;
    this.#values.length = count;
    this.#boxed.length = count;
    if (this.#origins.length > count) this.#origins.length = count;
  }

  declare(name: string, value: Value, boxed = false): void {
    this.#names.push(name);
    this.#values.push(value);
    this.#boxed.push(boxed);
  }

  /** Where the innermost variable of a name lies; -1 when there is none. */
  find(name: string): number {
    return this.#names.lastIndexOf(name);
  }

  value(index: number): Value {
    return this.#values[index];
  }

  isBoxed(index: number): boolean {
    return this.#boxed[index]!;
  }

  set(index: number, value: Value, boxed = false): void {
    this.#values[index] = value;
    this.#boxed[index] = boxed;
    if (this.#origins.length > index) this.#origins[index] = undefined;
  }

  origin(index: number): ValuePath | undefined {
    return this.#origins[index];
  }

  setOrigin(index: number, path: ValuePath): void {
    this.#origins[index] = path;
  }

  /** All values as they are now, for `restore`. */
  snapshot(): readonly Value[] {
    return [...this.#values];
  }

  restore(values: readonly Value[]): void {
    this.reset(values.length);
    values.forEach((value, i) => {
      this.#values[i] = value;
    });
  }
}
