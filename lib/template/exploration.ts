import { RejectedError } from "../errors.ts";
import { Budget } from "./budget.ts";
import type { Frame } from "./evaluator.ts";
import { type Formula, FormulaReader, type FormulaScope, type PathOf } from "./formula.ts";
import { type BranchNode, Kind, type ListNode, nodeText, type PipelineNode, type Source } from "./nodes.ts";
import { type Place, placeOf, TemplateError } from "./template-error.ts";
import type { Value, ValueMap } from "./value.ts";
import type { Variables } from "./variables.ts";

/** What must hold for a branch to be taken that was not. */
export interface Condition {
  /** As people read it, in the words of the template: `.Values.metrics.enabled`, `not (.Values.a)`, `range .Values.b`. */
  readonly text: string;
  readonly formula: Formula;
  /** Where the branch is. */
  readonly place: Place;
}

/** What a branch would have put out, had it been taken. */
export interface BranchText {
  readonly text: string;
  /** What stands before it on its first line: `image: ` when a branch puts out no more than the image's name. */
  readonly before: string;
  /** All of these must hold, the outermost first; besides whatever holds anyway. */
  readonly conditions: readonly Condition[];
}

export interface ExplorationOptions {
  /** Gets the text of each explored branch, inner branches before those they lie in. Without it none is explored. */
  readonly report?: ((branch: BranchText) => void) | undefined;
  /** Whether a branch of this source text is worth exploring. All are unless this says otherwise. */
  consider?(source: string): boolean;
  /** Where a map lies in the values; without it formulas name no paths. `pathsOf` makes one. */
  readonly pathOf?: PathOf;
  /** How often the same branch is explored: in a named template it may differ from call to call. */
  readonly visits?: number;
  /** How many branches that are not taken may lie within each other. */
  readonly depth?: number;
  /** What exploring may cost, apart from the render itself. When it is used up, the render goes on alone. */
  readonly budget?: Budget;
  /** Passes over statements that fail also where they are executed anyway, and counts them as errors. */
  readonly tolerant?: boolean;
}

/** How deep templates may call each other while a branch is explored. */
const callDepth = 100;

/**
 * Executes, beside what the values ask for, also the branches they leave out: each `if` and `with` whose condition does
 * not hold or whose `else` is not reached, and each `range` over nothing, once with an element that is not there. What
 * such a branch puts out goes to `report`; what it does to variables and maps is undone; where it fails it goes on
 * behind the statement that failed. One exploration may serve all templates of a chart.
 */
export class Exploration {
  readonly #options: ExplorationOptions;
  /** Equal texts share their nodes, but each file is explored on its own. */
  readonly #visits = new WeakMap<Source, Map<ListNode, number>>();
  readonly #conditions: Condition[] = [];
  /** For each branch being explored the maps it changed, with what they held before. */
  readonly #changed: Map<ValueMap, readonly (readonly [string, Value])[]>[] = [];
  readonly budget: Budget;
  /** Statements that failed and were passed over. */
  errors = 0;
  /** Branches that were explored. */
  branches = 0;
  /** Whether the budget ran out, so that branches were left out. */
  exhausted = false;

  constructor(options: ExplorationOptions) {
    this.#options = options;
    this.budget = options.budget ?? new Budget({ operations: 2_000_000, output: 32 * 1024 * 1024, depth: callDepth });
  }

  /** Whether a branch is executed now that the values leave out. */
  get within(): boolean {
    return this.#conditions.length > 0;
  }

  get tolerates(): boolean {
    return this.within || this.#options.tolerant === true;
  }

  /** Whether a list is to be explored; counts it. */
  admits(list: ListNode, source: Source): boolean {
    const { report, consider, visits = 3, depth = 8 } = this.#options;
    if (report === undefined) return false;
    const visitsOfIt = this.#visits.get(source) ?? new Map<ListNode, number>();
    this.#visits.set(source, visitsOfIt);
    const visited = visitsOfIt.get(list) ?? 0;
    if (this.exhausted || visited >= visits || this.#conditions.length >= depth) return false;
    const worthwhile = visited > 0 || consider === undefined || consider(source.text.slice(list.start, list.end));
    visitsOfIt.set(list, worthwhile ? visited + 1 : visits);
    return worthwhile;
  }

  /** Begins a branch; `leave` must follow. */
  enter(node: BranchNode, holds: boolean, dot: Value, { source, variables }: Frame): void {
    const text = `${keywords[node.kind]}${nodeText(node.pipeline)}`;
    const formula = new FormulaReader(this.#scope(dot, variables)).formula(node.pipeline);
    this.branches++;
    this.#changed.push(new Map());
    this.#conditions.push({
      text: holds ? text : `not (${text})`,
      formula: holds ? formula : { kind: "not", of: formula },
      place: placeOf(source.name, source.text, node.start),
    });
  }

  /** Ends a branch: reports what it put out and undoes what it changed. */
  leave(text: string, before: string): void {
    if (text.trim() !== "") this.#options.report?.({ text, before, conditions: [...this.#conditions] });
    this.#conditions.pop();
    for (const [map, entries] of this.#changed.pop()!) {
      map.clear();
      for (const [key, value] of entries) map.set(key, value);
    }
  }

  /** Keeps what a map holds before it is changed for the first time within a branch. */
  changing(map: ValueMap): void {
    const changed = this.#changed.at(-1);
    if (changed !== undefined && !changed.has(map)) changed.set(map, [...map]);
  }

  /** Takes an error that a statement or an explored branch ended with. @throws the error when it is none of these */
  absorb(error: unknown): void {
    if (error instanceof RejectedError) {
      if (error.code === "TEMPLATE_TOO_EXPENSIVE") this.exhausted = true;
    } else if (!(error instanceof RangeError)) throw error;
    this.errors++;
  }

  /** Takes an error of a statement, so that the next one can follow. */
  passOver(error: unknown): void {
    if (!(error instanceof TemplateError)) throw error;
    this.errors++;
  }

  /** Remembers where the value of a variable just declared was taken from. */
  declared(pipeline: PipelineNode, dot: Value, variables: Variables): void {
    if (this.#options.pathOf === undefined || pipeline.variables.length !== 1 || pipeline.assigns) return;
    const path = new FormulaReader(this.#scope(dot, variables)).path(pipeline);
    if (path !== undefined) variables.setOrigin(variables.count - 1, path);
  }

  #scope(dot: Value, variables: Variables): FormulaScope {
    const { pathOf = () => undefined } = this.#options;
    return { dot, variables, pathOf };
  }
}

const keywords = { [Kind.if]: "", [Kind.with]: "with ", [Kind.range]: "range " } as const;
