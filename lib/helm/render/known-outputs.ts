import { type ExecutionWatch, TemplateError, type TemplateSet, TypedMap, type ValueMap } from "../../template/index.ts";
import type { Table } from "./coalesce.ts";
import type { PlacedChart } from "./dependencies.ts";
import { Effect } from "./effect.ts";
import type { TemplateOutput } from "./manifests.ts";
import type { ChartTemplate } from "./template-data.ts";
import { isCopyOfValues, SharedChange, SharedState, sharedIn, Trace } from "./watched-values.ts";

/** Characters of output kept for one chart. */
const MAX_KEPT = 16 * 1024 * 1024;
/** Of one template. */
const MAX_OUTPUTS = 12;

/** What a template put out, or why it failed, and what that depended on. */
interface Known {
  readonly outcome: TemplateOutput | TemplateError;
  readonly effect: Effect;
  /** The templates that were called, by the files that define them. */
  readonly calls: ReadonlyMap<string, string | undefined>;
  /** Whether failures were passed over or not; undefined where there were none, so that it does not matter. */
  readonly tolerant: boolean | undefined;
}

/**
 * What templates put out in earlier renders of one chart, with what they read of the values: where that is the same, they
 * put out the same, and change the same for the templates after them.
 */
export class KnownOutputs {
  readonly #known = new Map<string, Known[]>();
  #left = MAX_KEPT;
  #usable = true;

  /**
   * @param circumstances everything besides the chart and its values that templates see
   * @returns undefined where nothing can be known
   */
  begin(root: PlacedChart, values: Table, circumstances: string): KnownOfRender | undefined {
    return this.#usable ? new KnownOfRender(this, root, values, circumstances) : undefined;
  }

  of(key: string): readonly Known[] {
    return this.#known.get(key) ?? [];
  }

  keep(key: string, known: Known): void {
    this.#left -= known.outcome instanceof TemplateError ? 0 : known.outcome.text.length;
    if (this.#left < 0) return;
    const all = this.#known.get(key) ?? [];
    this.#known.set(key, [known, ...all].slice(0, MAX_OUTPUTS));
  }

  giveUp(): void {
    this.#usable = false;
    this.#known.clear();
  }
}

/** What is known while a chart is rendered once more. */
export class KnownOfRender {
  readonly #outputs: KnownOutputs;
  readonly #shared = new SharedState();
  /** What templates are to be given as values. */
  readonly values: Table;
  /** By the path of a chart: what its templates see besides values. */
  readonly #scopes: ReadonlyMap<string, string>;

  constructor(outputs: KnownOutputs, root: PlacedChart, values: Table, circumstances: string) {
    this.#outputs = outputs;
    this.values = this.#shared.share("values", values);
    this.#scopes = new Map(scopesOf(root).map(([path, scope]) => [path, `${circumstances}\0${scope}`]));
  }

  /** What a chart's templates are to be given as data. @param path of the chart */
  dataOf(path: string, data: Table): Table {
    return this.#shared.share(`data of ${path}`, data, new Set([...data.keys(), "Template"]));
  }

  /**
   * @param execute executes the template
   * @param errors how many failures were passed over so far; undefined where none are
   * @throws TemplateError as the template fails; SharedChange when the render has to be done without what is known
   */
  output(
    { name, chart }: ChartTemplate,
    set: TemplateSet,
    execute: (watch: ExecutionWatch) => TemplateOutput,
    errors: (() => number) | undefined,
  ): TemplateOutput {
    const key = `${name}\0${this.#scopes.get(chart)}`;
    const tolerant = errors !== undefined;
    let known = this.#outputs
      .of(key)
      .find(
        (each) =>
          (each.tolerant ?? tolerant) === tolerant &&
          each.calls.entries().every(([called, file]) => set.fileOf(called) === file) &&
          each.effect.holdsIn(this.#shared),
      );
    if (known !== undefined) known.effect.repeatIn(this.#shared);
    else {
      const calls = new Map<string, string | undefined>();
      const watch: ExecutionWatch = {
        calling: (called) => calls.set(called, set.fileOf(called)),
        changing,
      };
      const before = errors?.();
      this.#shared.trace = new Trace();
      const outcome = outcomeOf(() => execute(watch));
      const failed = outcome instanceof TemplateError || errors?.() !== before;
      known = { outcome, effect: new Effect(this.#shared.trace), calls, tolerant: failed ? tolerant : undefined };
      this.#outputs.keep(key, known);
    }
    if (known.outcome instanceof TemplateError) throw known.outcome;
    return known.outcome;
  }
}

/** Values and data tell by themselves that they are changed, and copies are nobody else's: what a chart notes does not. */
function changing(map: ValueMap): void {
  if (map instanceof TypedMap && sharedIn(map) === undefined && !isCopyOfValues(map)) throw new SharedChange();
}

function outcomeOf(execute: () => TemplateOutput): TemplateOutput | TemplateError {
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
