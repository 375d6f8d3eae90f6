import { type BranchText, type Budget, Exploration, pathsOf, type ValueMap } from "../../template/index.ts";
import type { Table } from "./coalesce.ts";
import type { KnownOfRender } from "./known-outputs.ts";
import { plainOf } from "./watched-values.ts";

export interface ExploreRequest {
  /**
   * Gets what each branch would have put out, and the template that was executed: the branch may lie in another one. Without
   * it no branch is explored, and statements that fail are only passed over.
   */
  readonly report?: (branch: BranchText, template: string) => void;
  /** Whether a branch of this source text is worth exploring. */
  consider?(source: string): boolean;
  readonly budget?: Budget;
}

/** Explores all templates of a chart, and knows which of them is executed. */
export class Explorer extends Exploration {
  template = "";
  readonly #remembered: KnownOfRender<unknown> | undefined;
  readonly #isTolerant: boolean;
  #passedOver = 0;

  constructor(
    { report, ...options }: ExploreRequest,
    values: Table,
    tolerant: boolean,
    remembered: KnownOfRender<unknown> | undefined,
  ) {
    const pathOf = report && pathsOf(values);
    super({
      ...options,
      tolerant,
      ...(report && {
        report: (branch) => report(branch, this.template),
        pathOf: (map) => pathOf!(plainOf(map)),
      }),
    });
    this.#remembered = remembered;
    this.#isTolerant = tolerant;
  }

  /** Counts the failures outside of branches that are only explored; undefined where none is passed over there. */
  get failures(): (() => number) | undefined {
    return this.#isTolerant ? () => this.#passedOver : undefined;
  }

  override enter(...branch: Parameters<Exploration["enter"]>): void {
    this.#remembered?.enterBranch();
    super.enter(...branch);
  }

  override leave(text: string, before: string): void {
    super.leave(text, before);
    this.#remembered?.leaveBranch();
  }

  /** What a branch has changed is undone where it is. */
  override changing(map: ValueMap): void {
    super.changing(plainOf(map));
  }

  override passOver(error: unknown): void {
    super.passOver(error);
    if (!this.within) this.#passedOver++;
  }
}
