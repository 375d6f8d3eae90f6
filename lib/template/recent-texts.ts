/** What a text costs beside its characters: very many short ones are bounded as well. */
const overhead = 64;

/** No single text takes more than this part of the room. */
const share = 8;

/** Keeps what was made of texts, as many of those used last as their characters leave room for. */
export class RecentTexts<T> {
  readonly #made = new Map<string, T>();
  readonly #capacity: number;
  #left: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#left = capacity;
  }

  get(text: string): T | undefined {
    const made = this.#made.get(text);
    if (made !== undefined) {
      this.#made.delete(text);
      this.#made.set(text, made);
    }
    return made;
  }

  /** Keeps what was made of a text that is not known yet. */
  add(text: string, made: T): void {
    const cost = text.length + overhead;
    if (cost > this.#capacity / share) return;
    this.#left -= cost;
    this.#made.set(text, made);
    while (this.#left < 0) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const oldest = this.#made.keys().next().value!;
    this.#made.delete(oldest);
    this.#left += oldest.length + overhead;
  }
}
