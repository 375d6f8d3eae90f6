import type { Chart } from "./chart.ts";
import { isTable, type Table } from "./coalesce.ts";
import type { Dependency } from "./metadata.ts";
import { inRange } from "./versions.ts";

interface NamedChart {
  /** Its own, or its alias. */
  readonly name: string;
  readonly chart: Chart;
}

/**
 * What decides which subcharts of a chart take part: of values, it is only those under few keys. Coalescing looks at each key
 * by itself, so that what lies under these keys is the same whether the others are there or not. Most charts have thousands
 * of values, and few conditions.
 */
export class Deciders {
  static readonly #known = new WeakMap<Chart, Deciders>();
  /** Keys on the way to conditions and tags, in whatever table: the names of charts are among them. */
  readonly #keys = new Set(["global", "tags"]);
  readonly #defaults = new Map<Chart, Table>();
  readonly #subcharts = new Map<Chart, readonly NamedChart[]>();

  /** Of a chart with all below it. */
  static of(chart: Chart): Deciders {
    const deciders = Deciders.#known.get(chart) ?? new Deciders(chart);
    Deciders.#known.set(chart, deciders);
    return deciders;
  }

  private constructor(chart: Chart) {
    this.#add(chart);
  }

  #add({ metadata, subcharts }: Chart): void {
    for (const { name, alias, condition, tags } of metadata.dependencies ?? []) {
      for (const key of [...keysOf(name), ...keysOf(alias), ...tags, ...condition.trim().split(/[.,]/)])
        this.#keys.add(key);
    }
    for (const subchart of subcharts) {
      for (const key of keysOf(subchart.metadata.name)) this.#keys.add(key);
      this.#add(subchart);
    }
  }

  /** As much of a table as decides anything. */
  among(table: Table): Table {
    const few: Table = new Map();
    for (const [key, value] of table) {
      if (this.#keys.has(key)) few.set(key, isTable(value) ? this.among(value) : value);
    }
    return few;
  }

  /** The same of the defaults of the chart or one below it. */
  defaultsOf(chart: Chart): Table {
    const defaults = this.#defaults.get(chart) ?? this.among(chart.values);
    this.#defaults.set(chart, defaults);
    return defaults;
  }

  /** What lies in charts/ under the names that Chart.yaml gives it: those that it does not speak of come first. */
  subchartsOf(chart: Chart): readonly NamedChart[] {
    const subcharts = this.#subcharts.get(chart) ?? namedIn(chart);
    this.#subcharts.set(chart, subcharts);
    return subcharts;
  }
}

/** A name is a key, and part of the paths of conditions, in which a dot leads further down. */
const keysOf = (name: string): readonly string[] => [name, ...name.split(".")];

function namedIn({ metadata, subcharts }: Chart): readonly NamedChart[] {
  const present = subcharts.map((chart) => ({ name: chart.metadata.name, chart }));
  const declared = metadata.dependencies ?? [];
  const fits =
    (dependency: Dependency) =>
    ({ name, chart }: NamedChart): boolean =>
      name === dependency.name && inRange(dependency.version, chart.metadata.version);
  const found = declared.flatMap((dependency) => {
    const named = present.find(fits(dependency));
    return named === undefined ? [] : [{ name: dependency.alias || named.name, chart: named.chart }];
  });
  return [...present.filter((each) => !declared.some((dependency) => fits(dependency)(each))), ...found];
}
