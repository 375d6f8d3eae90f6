import { type ExecutionWatch, TemplateError, type TemplateSet, TypedMap, type ValueMap } from "../../template/index.ts";
import type { Table } from "./coalesce.ts";
import type { PlacedChart } from "./dependencies.ts";
import { Effect } from "./effect.ts";
import type { TemplateOutput } from "./manifests.ts";
import { Place, sharedIn } from "./places.ts";
import type { ChartTemplate } from "./template-data.ts";
import { isCopyOfValues, SharedChange, SharedState, Trace } from "./watched-values.ts";

/** Characters of output kept for one chart. */
const MAX_KEPT = 16 * 1024 * 1024;
/** Of one template. */
const MAX_OUTPUTS = 12;

/** What a template put out, or why it failed, and what that depended on. */
interface Known<Seen> {
  readonly outcome: TemplateOutput<Seen> | TemplateError;
  readonly effect: Effect;
  /** The templates that were called, by the files that define them. */
  readonly calls: ReadonlyMap<string, string | undefined>;
  /** Whether failures were passed over or not; undefined where there were none, so that it does not matter. */
  readonly tolerant: boolean | undefined;
  /** Whether the branches that it leaves out were explored. */
  readonly explored: boolean;
  /** The set in which these templates were last found in these files. */
  set: TemplateSet;
}

/** By the name of a template, those that were used last first. */
type KnownOfChart<Seen> = Map<string, Known<Seen>[]>;

/**
 * What templates put out in earlier renders of one chart, with what they read of the values: where that is the same, they
 * put out the same, and change the same for the templates after them.
 */
export class KnownOutputs<Seen> {
  /** By what the templates of a chart see besides values. */
  readonly #known = new Map<string, KnownOfChart<Seen>>();
  readonly top = new Place();
  #left = MAX_KEPT;
  #usable = true;

  /**
   * @param circumstances everything besides the chart and its values that templates see
   * @param explores whether the render explores: what an earlier one has explored is not explored once more
   * @returns undefined where nothing can be known
   */
  begin(root: PlacedChart, values: Table, circumstances: string, explores: boolean): KnownOfRender<Seen> | undefined {
    return this.#usable ? new KnownOfRender(this, root, values, circumstances, explores) : undefined;
  }

  ofChart(scope: string): KnownOfChart<Seen> {
    const known = this.#known.get(scope) ?? new Map<string, Known<Seen>[]>();
    this.#known.set(scope, known);
    return known;
  }

  keep(all: Known<Seen>[], known: Known<Seen>): void {
    this.#left -= known.outcome instanceof TemplateError ? 0 : known.outcome.size;
    if (this.#left < 0) return;
    if (all.length === MAX_OUTPUTS) all.pop();
    all.unshift(known);
  }

  giveUp(): void {
    this.#usable = false;
    this.#known.clear();
  }
}

/** What is known while a chart is rendered once more. */
export class KnownOfRender<Seen> {
  readonly #outputs: KnownOutputs<Seen>;
  readonly #shared: SharedState;
  readonly #explores: boolean;
  /** What templates are to be given as values. */
  readonly values: Table;
  /** What each template that was executed, or known, depended on. */
  readonly effects = new Map<string, Effect>();
  /** By the path of a chart. */
  readonly #known: ReadonlyMap<string, KnownOfChart<Seen>>;

  constructor(outputs: KnownOutputs<Seen>, root: PlacedChart, values: Table, circumstances: string, explores: boolean) {
    this.#outputs = outputs;
    this.#explores = explores;
    this.#shared = new SharedState(outputs.top);
    this.values = this.#shared.share("values", values);
    this.#known = new Map(
      scopesOf(root).map(([path, scope]) => [path, outputs.ofChart(`${circumstances}\0${path}\0${scope}`)]),
    );
  }

  /** What a chart's templates are to be given as data. @param path of the chart */
  dataOf(path: string, data: Table): Table {
    return this.#shared.share(`data of ${path}`, data, new Set([...data.keys(), "Template"]));
  }

  enterBranch(): void {
    this.#shared.enterBranch();
  }

  leaveBranch(): void {
    this.#shared.leaveBranch();
  }

  /**
   * @param execute executes the template
   * @param errors how many failures were passed over so far; undefined where none are
   * @throws TemplateError as the template fails; SharedChange when the render has to be done without what is known
   */
  output(
    { name, chart }: ChartTemplate,
    set: TemplateSet,
    execute: (watch: ExecutionWatch) => TemplateOutput<Seen>,
    errors: (() => number) | undefined,
  ): TemplateOutput<Seen> {
    const ofChart = this.#known.get(chart)!;
    const all = ofChart.get(name) ?? [];
    ofChart.set(name, all);
    const tolerant = errors !== undefined;
    const found = all.findIndex(
      (each) =>
        (each.tolerant ?? tolerant) === tolerant &&
        (each.explored || !this.#explores) &&
        hasCalls(each, set) &&
        each.effect.holdsIn(this.#shared),
    );
    let known = all[found];
    if (known !== undefined) {
      known.effect.repeatIn(this.#shared);
      if (found > 0) all.unshift(...all.splice(found, 1));
    } else {
      const calls = new Map<string, string | undefined>();
      const watch: ExecutionWatch = {
        calling: (called) => calls.set(called, set.fileOf(called)),
        changing: (map) => this.#shared.isExploring || changing(map),
      };
      const before = errors?.();
      this.#shared.trace = new Trace();
      const outcome = outcomeOf(() => execute(watch));
      // what it put into the state it may have changed afterwards without the state
      if (this.#shared.trace.writes.length > 0) this.#shared.changed();
      const failed = outcome instanceof TemplateError || errors?.() !== before;
      known = {
        outcome,
        effect: new Effect(this.#shared.trace),
        calls,
        tolerant: failed ? tolerant : undefined,
        explored: this.#explores,
        set,
      };
      this.#outputs.keep(all, known);
    }
    this.effects.set(name, known.effect);
    if (known.outcome instanceof TemplateError) throw known.outcome;
    return known.outcome;
  }
}

/** Whether a set has the templates that were called in the same files. */
function hasCalls(known: Known<unknown>, set: TemplateSet): boolean {
  if (known.set === set) return true;
  for (const [called, file] of known.calls) if (set.fileOf(called) !== file) return false;
  known.set = set;
  return true;
}

/** Values and data tell by themselves that they are changed, and copies are nobody else's: what a chart notes does not. */
function changing(map: ValueMap): void {
  if (map instanceof TypedMap && sharedIn(map) === undefined && !isCopyOfValues(map)) throw new SharedChange();
}

function outcomeOf<T>(execute: () => T): T | TemplateError {
  try {
    return execute();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
}

/** For each chart the charts that lie in it, which its templates see. */
function scopesOf(chart: PlacedChart): readonly (readonly [path: string, scope: string])[] {
  const below = chart.dependencies.flatMap(scopesOf);
  return [[chart.path, below.map(([path]) => path).join("\n")], ...below];
}
