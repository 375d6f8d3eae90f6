import type { Value } from "./value.ts";

/** Where a value lies in the values of the whole chart: keys of maps and positions in lists. */
export type ValuePath = readonly (string | number)[];

interface Variable {
  readonly name: string;
  readonly value: Value;
  /** Whether the static type of the value is `interface {}`, as of a list's element: only messages show it. */
  readonly boxed: boolean;
  /** Where in the values of a chart its value was taken from: only explorations ask for it. */
  readonly origin: ValuePath | undefined;
}

/** The variables of one template while it is executed: a stack, since a block's own ones end with it. */
export class Variables {
  #stack: Variable[];

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
    const { name } = this.#stack[index]!;
    this.#stack[index] = { name, value, boxed, origin: undefined };
  }

  origin(index: number): ValuePath | undefined {
    return this.#stack[index]!.origin;
  }

  setOrigin(index: number, path: ValuePath): void {
    this.#stack[index] = { ...this.#stack[index]!, origin: path };
  }

  /** All as they are now, for `restore`. */
  snapshot(): readonly Variable[] {
    return this.#stack.slice();
  }

  restore(variables: readonly Variable[]): void {
    this.#stack = variables.slice();
  }
}
