/** Most lists are empty: they are all the same one. */
export const none: readonly never[] = [];

/**
 * Lists that are gathered one within another. Each is taken as an array of its size: one that is pushed to takes room for
 * seventeen, and has to be copied to give it back.
 */
export class OpenLists<T> {
  readonly #items: T[] = [];
  #count = 0;

  /** Begins a list. @returns what `take` asks for */
  open(): number {
    return this.#count;
  }

  add(item: T): void {
    this.#items[this.#count++] = item;
  }

  /** Ends the list that was begun last. */
  take(opened: number): readonly T[] {
    if (opened === this.#count) return none;
    const list = this.#items.slice(opened, this.#count);
    this.#count = opened;
    return list;
  }
}
