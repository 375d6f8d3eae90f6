import { TypedMap, type Value } from "../../template/index.ts";
import type { Chart } from "./chart.ts";
import {
  coalesceValues,
  deepCopy,
  isTable,
  mergeTables,
  mergeValues,
  type Table,
  tableAt,
  valueAt,
} from "./coalesce.ts";
import { Deciders } from "./deciders.ts";
import type { Dependency, Metadata } from "./metadata.ts";

/** A chart in its place below the chart that is rendered: renamed by its alias, without what is switched off. */
export interface PlacedChart {
  readonly chart: Chart;
  readonly name: string;
  /** As templates are named: `web/charts/db`. */
  readonly path: string;
  readonly isRoot: boolean;
  readonly metadata: Metadata;
  /** Its defaults, with what it imports from its subcharts. */
  readonly values: Table;
  readonly dependencies: readonly PlacedChart[];
}

/** What was placed of a chart, by the charts that take part: other values mostly let the same ones. */
const placed = new WeakMap<Chart, Map<string, PlacedChart>>();
const MAX_PLACED = 12;

/**
 * Which subcharts take part, and under which names: aliases, version ranges, tags and conditions, then `import-values`, as
 * helm 4.1.4 does (pkg/chart/v2/util/dependencies.go). The chart itself is not changed, and nothing may change the result:
 * values with which the same charts take part give the same one.
 *
 * @throws Refusal
 */
export function placeChart(chart: Chart, values: Table): PlacedChart {
  const deciders = Deciders.of(chart);
  const candidate = new Candidate(chart, chart.metadata.name, deciders);
  choose(candidate, deciders.among(values), "");
  const known = placed.get(chart) ?? new Map<string, PlacedChart>();
  placed.set(chart, known);
  const key = JSON.stringify(candidate);
  let root = known.get(key);
  if (root === undefined) {
    root = placedOf(candidate);
    if (known.size >= MAX_PLACED) known.delete(known.keys().next().value!);
  } else known.delete(key); // to be the last one again
  known.set(key, root);
  return root;
}

/** A chart while it is decided which charts below it take part. */
class Candidate {
  readonly chart: Chart;
  readonly name: string;
  readonly #deciders: Deciders;
  dependencies: readonly Candidate[];
  /** What Chart.yaml says of the dependencies that take part, present or not. */
  declared: readonly Dependency[] | undefined;

  constructor(chart: Chart, name: string, deciders: Deciders) {
    this.chart = chart;
    this.name = name;
    this.#deciders = deciders;
    this.declared = chart.metadata.dependencies;
    this.dependencies = chart.subcharts.map((subchart) => new Candidate(subchart, subchart.metadata.name, deciders));
  }

  /** Take what Chart.yaml declares, under the names that it says. */
  declare(): void {
    const named = this.#deciders.subchartsOf(this.chart);
    this.dependencies = named.map(({ chart, name }) => new Candidate(chart, name, this.#deciders));
  }

  /** As much of its defaults as decides anything. */
  get values(): Table {
    return this.#deciders.defaultsOf(this.chart);
  }

  /** What tells one decision from another. */
  toJSON(): unknown {
    return [this.name, this.declared?.map(({ name }) => name), this.dependencies];
  }
}

/** @param values of the whole release, with the defaults of all charts above */
function choose(candidate: Candidate, values: Table, path: string): void {
  const { declared } = candidate;
  // a chart that declares none takes all of charts/, and does not look into them
  if (declared === undefined) return;
  candidate.declare();
  const coalesced = coalesceValues(candidate, values);
  const decided = declared
    .map((dependency) => ({ ...dependency, name: dependency.alias || dependency.name }))
    .map((dependency) => ({ ...dependency, enabled: isEnabled(dependency, coalesced, path) }));
  const disabled = new Set(decided.filter(({ enabled }) => !enabled).map(({ name }) => name));
  candidate.dependencies = candidate.dependencies.filter(({ name }) => !disabled.has(name));
  for (const subchart of candidate.dependencies) choose(subchart, coalesced, `${path}${subchart.name}.`);
  const enabled = decided.filter(({ name }) => !disabled.has(name));
  candidate.declared = enabled.length === 0 ? undefined : enabled;
}

/** The first condition that leads to a boolean decides, else the tags, of which one that is true suffices. */
function isEnabled({ condition, tags }: Dependency, values: Table, path: string): boolean {
  for (const place of condition.trim().split(",")) {
    const value = place === "" ? undefined : valueAt(values, path + place);
    if (typeof value === "boolean") return value;
  }
  const table = values.get("tags");
  const switches = isTable(table) ? tags.map((tag) => table.get(tag)).filter((value) => value !== undefined) : [];
  return switches.includes(true) || !switches.includes(false);
}

/** The charts that were chosen, in their places. */
function placedOf(candidate: Candidate, parent?: PlacedChart): PlacedChart {
  const { chart, name, declared } = candidate;
  const place = {
    chart,
    name,
    path: parent === undefined ? name : `${parent.path}/charts/${name}`,
    isRoot: parent === undefined,
    metadata: { ...chart.metadata, name, dependencies: declared },
    values: chart.values,
    dependencies: [] as readonly PlacedChart[],
  };
  place.dependencies = candidate.dependencies.map((subchart) => placedOf(subchart, place));
  return declared === undefined ? place : { ...place, ...importing(place, declared) };
}

/** What a chart whose subcharts have imported what they import makes of what it imports from them. */
function importing(place: PlacedChart, declared: readonly Dependency[]): Pick<PlacedChart, "metadata" | "values"> {
  const values = mergeValues(place, new Map());
  let imported: Table = new Map();
  const dependencies = declared.map((dependency) => {
    const importsOfIt: Value[] = [];
    for (const { child, parent } of dependency.importValues.flatMap(readImport)) {
      importsOfIt.push(new TypedMap("map[string]string", Object.entries({ child, parent })));
      const table = tableAt(values, `${dependency.name}.${child}`);
      // what several imports share is united in place, and so seen by the subchart too, as in helm
      if (table !== undefined) imported = mergeTables(imported, nested(parent, table.size === 0 ? new Map() : table));
    }
    return { ...dependency, importValues: importsOfIt };
  });
  const merged = imported.size === 0 ? values : mergeTables(deepCopy(values), imported);
  return { metadata: { ...place.metadata, dependencies }, values: merged };
}

/** `- child: a\n  parent: b`, or the name of a table below `exports`. Other forms are passed over. */
function readImport(entry: Value): readonly { readonly child: string; readonly parent: string }[] {
  if (typeof entry === "string") return [{ child: `exports.${entry}`, parent: "." }];
  if (!isTable(entry)) return [];
  const text = (name: string): string => String(entry.get(name) ?? "<nil>");
  return [{ child: text("child"), parent: text("parent") }];
}

const nested = (path: string, table: Table): Table =>
  path === "." ? table : path.split(".").reduceRight((inner, key) => new Map([[key, inner]]), table);
