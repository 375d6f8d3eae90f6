import { RejectedError } from "../errors.ts";

export interface BudgetLimits {
  /** Pipelines evaluated, rounds of loops, and what functions spend. */
  readonly operations?: number;
  /** Characters put out, those that `include` and `tpl` hand on counted each time. */
  readonly output?: number;
  /** Templates within templates. */
  readonly depth?: number;
}

/**
 * What the executions of one render may cost together. The defaults leave room for the largest charts there are: those
 * take about a million operations and a few megabytes.
 */
export class Budget {
  #operations: number;
  #output: number;
  readonly #maxDepth: number;
  #depth = 0;

  constructor({ operations = 10_000_000, output = 64 * 1024 * 1024, depth = 1_000 }: BudgetLimits = {}) {
    this.#operations = operations;
    this.#output = output;
    this.#maxDepth = depth;
  }

  /** @throws RejectedError TEMPLATE_TOO_EXPENSIVE when fewer operations are left */
  spend(operations: number): void {
    this.#operations -= operations;
    if (this.#operations < 0) tooExpensive("they take more operations than allowed");
  }

  /** Operations that may still be spent; negative once that has failed. */
  get operationsLeft(): number {
    return this.#operations;
  }

  /** Counts characters of output. */
  write(characters: number): void {
    this.#output -= characters;
    if (this.#output < 0) tooExpensive("they put out more text than allowed");
  }

  /** Goes one template deeper; `leave` comes back. */
  enter(): void {
    if (this.#depth >= this.#maxDepth) tooExpensive(`they call each other more than ${this.#maxDepth} deep`);
    this.#depth++;
  }

  leave(): void {
    this.#depth--;
  }
}

export function tooExpensive(why: string, options: ErrorOptions = {}): never {
  throw new RejectedError("TEMPLATE_TOO_EXPENSIVE", `Cannot execute templates: ${why}`, options);
}
