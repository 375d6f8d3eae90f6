import { RejectedError } from "../errors.ts";

/** Where in a release description. */
export type Place = readonly (string | number)[];

const MAX_TEXT = 2000;

/** What is wrong with a release description: all of it is told at once. */
export class Problems {
  readonly #said: string[] = [];

  add(at: Place, why: string): void {
    this.#said.push(`${at.length === 0 ? "it" : at.join(".")}: ${why}`);
  }

  /** @throws RejectedError RELEASE_INVALID */
  throwIfAny(): void {
    if (this.#said.length === 0) return;
    const all = this.#said.join("; ");
    throw new RejectedError("RELEASE_INVALID", `Cannot use release description: ${all.slice(0, MAX_TEXT)}`);
  }
}
