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
  type Warn,
} from "./coalesce.ts";
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

/**
 * Which subcharts take part, and under which names: aliases, version ranges, tags and conditions, then `import-values`, as
 * helm 4.1.4 does (pkg/chart/v2/util/dependencies.go). The chart itself is not changed.
 *
 * @param inRange whether a version lies in a range; false where either is none
 * @throws Refusal
 */
export function placeChart(
  chart: Chart,
  values: Table,
  inRange: (range: string, version: string) => boolean,
  warn: Warn,
): PlacedChart {
  const root = new Place(chart, undefined, chart.metadata.name);
  enable(root, values, "", inRange, warn);
  importValues(root, warn);
  return root;
}

/** A placed chart while it is being made. */
class Place implements PlacedChart {
  readonly chart: Chart;
  readonly name: string;
  readonly path: string;
  readonly isRoot: boolean;
  metadata: Metadata;
  values: Table;
  dependencies: Place[];

  constructor(chart: Chart, parent: Place | undefined, name: string) {
    this.chart = chart;
    this.name = name;
    this.path = parent === undefined ? name : `${parent.path}/charts/${name}`;
    this.isRoot = parent === undefined;
    this.metadata = { ...chart.metadata, name };
    this.values = chart.values;
    this.dependencies = chart.subcharts.map((subchart) => new Place(subchart, this, subchart.metadata.name));
  }
}

/** @param values of the whole release, with the defaults of all charts above */
function enable(
  place: Place,
  values: Table,
  path: string,
  inRange: (range: string, version: string) => boolean,
  warn: Warn,
): void {
  const declared = place.metadata.dependencies;
  // a chart that declares none takes all of charts/, and does not look into them
  if (declared === undefined) return;
  const present = place.dependencies;
  const fits =
    ({ name, version }: Dependency) =>
    ({ chart: { metadata } }: Place): boolean =>
      metadata.name === name && inRange(version, metadata.version);
  place.dependencies = present.filter((subchart) => !declared.some((dependency) => fits(dependency)(subchart)));
  for (const dependency of declared) {
    const found = present.find(fits(dependency));
    if (found) place.dependencies.push(new Place(found.chart, place, dependency.alias || found.name));
  }
  const named = declared.map((dependency) => ({ ...dependency, name: dependency.alias || dependency.name }));
  const coalesced = coalesceValues(place, values, warn);
  const decided = named.map((dependency) => ({ ...dependency, enabled: isEnabled(dependency, coalesced, path, warn) }));
  const disabled = new Set(decided.filter(({ enabled }) => !enabled).map(({ name }) => name));
  place.dependencies = place.dependencies.filter(({ name }) => !disabled.has(name));
  for (const subchart of place.dependencies) enable(subchart, coalesced, `${path}${subchart.name}.`, inRange, warn);
  const enabled = decided.filter(({ name }) => !disabled.has(name));
  place.metadata = { ...place.metadata, dependencies: enabled.length === 0 ? undefined : enabled };
}

/** The first condition that leads to a boolean decides, else the tags, of which one that is true suffices. */
function isEnabled({ name, condition, tags }: Dependency, values: Table, path: string, warn: Warn): boolean {
  for (const place of condition.trim().split(",")) {
    const value = place === "" ? undefined : valueAt(values, path + place);
    if (typeof value === "boolean") return value;
    if (value !== undefined) warn(`condition ${place} of subchart ${name} returned non-bool value`);
  }
  const table = values.get("tags");
  const switches = isTable(table) ? tags.map((tag) => table.get(tag)).filter((value) => value !== undefined) : [];
  if (switches.some((value) => typeof value !== "boolean")) warn(`a tag of subchart ${name} returned non-bool value`);
  return switches.includes(true) || !switches.includes(false);
}

function importValues(place: Place, warn: Warn): void {
  for (const subchart of place.dependencies) importValues(subchart, warn);
  const { dependencies } = place.metadata;
  if (dependencies === undefined) return;
  const values = mergeValues(place, new Map(), warn);
  let imported: Table = new Map();
  const done = dependencies.map((dependency) => {
    const importsOfIt: Value[] = [];
    for (const { child, parent } of dependency.importValues.flatMap(readImport)) {
      importsOfIt.push(new TypedMap("map[string]string", Object.entries({ child, parent })));
      const table = tableAt(values, `${dependency.name}.${child}`);
      if (table === undefined) warn(`ImportValues missing table ${child} of subchart ${dependency.name}`);
      // what several imports share is united in place, and so seen by the subchart too, as in helm
      else imported = mergeTables(imported, nested(parent, table.size === 0 ? new Map() : table), warn);
    }
    return { ...dependency, importValues: importsOfIt };
  });
  place.metadata = { ...place.metadata, dependencies: done };
  place.values = mergeTables(deepCopy(values), imported, warn);
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
