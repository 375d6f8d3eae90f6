import type { Value } from "./value.ts";

/** Where a value lies in the values of the whole chart: keys of maps and positions in lists. */
export type ValuePath = readonly (string | number)[];

interface Variable {
  readonly name: string;
  value: Value;
  /** Whether the static type of the value is `interface {}`, as of a list's element: only messages show it. */
  boxed: boolean;
  /** Where in the values of a chart its value was taken from: only explorations ask for it. */
  origin: ValuePath | undefined;
}

/** The variables of one template while it is executed: a stack, since a block's own ones end with it. */
export class Variables {
  readonly #stack: Variable[];

  constructor(root: Value) {
    this.#stack = [{ name: "$", value: root, boxed: false, origin: undefined }];
  }

  /** How many there are: `reset` to it forgets the ones declared since. */
  get count(): number {
    return this.#stack.length;
  }

  reset(count: number): void {
    if (this.#stack.length > count) this.#stack.length = count;
  }

  declare(name: string, value: Value, boxed = false): void {
    this.#stack.push({ name, value, boxed, origin: undefined });
  }

  /** Where the innermost variable of a name lies; -1 when there is none. */
  find(name: string): number {
    let index = this.#stack.length - 1;
    while (index >= 0 && this.#stack[index]!.name !== name) index--;
    return index;
  }

  value(index: number): Value {
    return this.#stack[index]!.value;
  }

  isBoxed(index: number): boolean {
    return this.#stack[index]!.boxed;
  }

  set(index: number, value: Value, boxed = false): void {
    const variable = this.#stack[index]!;
    variable.value = value;
    variable.boxed = boxed;
    variable.origin = undefined;
  }

  origin(index: number): ValuePath | undefined {
    return this.#stack[index]!.origin;
  }

  setOrigin(index: number, path: ValuePath): void {
    this.#stack[index]!.origin = path;
  }

  /** All values as they are now, for `restore`. */
  snapshot(): readonly Value[] {
    return this.#stack.map(({ value }) => value);
  }

  restore(values: readonly Value[]): void {
    this.reset(values.length);
    values.forEach((value, i) => {
      this.#stack[i]!.value = value;
    });
  }
}
