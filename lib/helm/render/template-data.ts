import { FunctionError, TypedMap, templateFunction, type Value } from "../../template/index.ts";
import { compareUtf8, writeYaml } from "../../yaml/index.ts";
import type { ChartFile } from "./chart-source.ts";
import { isTable, type Table, tableAt, valueAt } from "./coalesce.ts";
import type { PlacedChart } from "./dependencies.ts";
import { filesObject } from "./files-object.ts";
import { chartObject } from "./metadata.ts";

/** A template of a chart in its place. */
export interface PlacedTemplate {
  /** `web/charts/db/templates/pod.yaml` */
  readonly name: string;
  readonly file: ChartFile;
  /** Where its chart is placed: `web/charts/db` */
  readonly chart: string;
}

/** A template and what it sees. */
export interface ChartTemplate extends PlacedTemplate {
  /** The dot. All templates of a chart share it: what one sets, those after it see. */
  readonly data: Table;
  /** To be called before the template is executed: sets `.Template`. */
  begin(): void;
}

/** What is the same for every chart of a release. */
export interface Release {
  readonly name: string;
  readonly namespace: string;
  readonly capabilities: Value;
}

/** A chart may be rendered many times, with the same charts below it. */
const placedTemplates = new WeakMap<PlacedChart, readonly PlacedTemplate[]>();

/**
 * The templates of a chart and of all below it, in the order in which helm parses and executes them: the deepest first, so
 * that what a chart defines wins over what its subcharts define (helm v4.1.4 pkg/engine/engine.go). Of a library chart
 * only the partials are there.
 */
export function templatesOf(root: PlacedChart): readonly PlacedTemplate[] {
  let templates = placedTemplates.get(root);
  if (templates === undefined) {
    const byName = new Map(templatesIn(root).map((template) => [template.name, template]));
    templates = deepestFirst([...byName.values()]);
    placedTemplates.set(root, templates);
  }
  return templates;
}

function templatesIn({ chart, path, metadata, dependencies }: PlacedChart): readonly PlacedTemplate[] {
  const all = chart.templates.map((file) => ({ name: `${path}/${file.path}`, file, chart: path }));
  const own = metadata.type === "library" ? all.filter(({ name }) => isPartial(name)) : all;
  return [...dependencies.flatMap(templatesIn), ...own];
}

/**
 * The templates of a chart and of all below it that put something out themselves, in their order, with what they see.
 *
 * @param share makes of a chart's data what its templates are given
 * @param values coalesced; parent and subchart share the subchart's part of them: what one sets, the other sees
 */
export function chartTemplates(
  root: PlacedChart,
  values: Table,
  release: Release,
  share: (path: string, data: Table) => Table = (_, data) => data,
): readonly ChartTemplate[] {
  const seen = new Map<string, { readonly data: Table; readonly begin: (name: string) => void }>();
  const shared: readonly (readonly [string, Value])[] = [
    [
      "Release",
      new Map<string, Value>([
        ["Name", release.name],
        ["Namespace", release.namespace],
        ["IsUpgrade", false],
        ["IsInstall", true],
        ["Revision", 1n],
        ["Service", "Helm"],
      ]),
    ],
    ["Capabilities", release.capabilities],
  ];
  const visit = (chart: PlacedChart, own: Table): Table => {
    const subcharts: Table = new Map();
    const plain = new Map<string, Value>([
      ["Chart", chartObject(chart.metadata, chart.isRoot)],
      ["Files", filesObject(chart.chart.files)],
      ["Values", new ValuesMap(own)],
      ["Subcharts", subcharts],
      ...shared,
      ["Template", undefined], // comes with each template, which may look at the keys
    ]);
    const data = new ValuesMap(share(chart.path, plain));
    for (const subchart of chart.dependencies) {
      const below = own.get(subchart.name);
      subcharts.set(subchart.name, visit(subchart, isTable(below) ? below : new Map()));
    }
    const begin = (name: string) => plain.set("Template", templateObject(name, `${chart.path}/templates`));
    seen.set(chart.path, { data, begin });
    return data;
  };
  visit(root, values);
  return templatesOf(root).flatMap((template) => {
    if (isPartial(template.name)) return [];
    const { data, begin } = seen.get(template.chart)!;
    return [{ ...template, data, begin: () => void begin(template.name) }];
  });
}

const templateObject = (name: string, basePath: string): Value =>
  new ValuesMap(
    new Map([
      ["Name", name],
      ["BasePath", basePath],
    ]),
  );

/** Partials are there to be included; what they put out themselves is not wanted. */
export const isPartial = (name: string): boolean => /(?:^|\/)_[^/]*$/.test(name);

function deepestFirst(templates: readonly PlacedTemplate[]): readonly PlacedTemplate[] {
  const placed = templates.map((template) => ({ template, depth: template.name.split("/").length }));
  placed.sort((a, b) => b.depth - a.depth || compareUtf8(b.template.name, a.template.name));
  return placed.map(({ template }) => template);
}

/**
 * A map seen as helm's type `common.Values`, which has methods (helm v4.1.4 pkg/chart/common/values.go). It keeps nothing
 * itself: a subchart's `.Values` and its part of its parent's are one map of two types, as in Go.
 */
export class ValuesMap extends TypedMap {
  /** The map itself. */
  readonly table: Table;

  constructor(map: Table) {
    super("common.Values", [], methodsOf(map));
    this.table = map;
  }

  override get size(): number {
    return this.table.size;
  }
  override get(key: string): Value {
    return this.table.get(key);
  }
  override has(key: string): boolean {
    return this.table.has(key);
  }
  override set(key: string, value: Value): this {
    this.table.set(key, value);
    return this;
  }
  override delete(key: string): boolean {
    return this.table.delete(key);
  }
  override clear(): void {
    this.table.clear();
  }
  override keys(): MapIterator<string> {
    return this.table.keys();
  }
  override values(): MapIterator<Value> {
    return this.table.values();
  }
  override entries(): MapIterator<[string, Value]> {
    return this.table.entries();
  }
  override [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.table.entries();
  }
  override forEach(visit: (value: Value, key: string, map: Map<string, Value>) => void): void {
    this.table.forEach(visit);
  }
}

const methodsOf = (values: Table): TypedMap["methods"] =>
  new Map([
    ["AsMap", templateFunction([], () => values)],
    ["YAML", templateFunction([], () => writeYaml(values))],
    [
      "Table",
      templateFunction(["string"], (_context, path) => {
        const table = tableAt(values, path);
        if (table === undefined) throw new FunctionError(`${JSON.stringify(path)} is not a table`);
        return new ValuesMap(table);
      }),
    ],
    [
      "PathValue",
      templateFunction(["string"], (_context, path) => {
        const value = valueAt(values, path);
        if (value === undefined) throw new FunctionError(`${JSON.stringify(path)} is not a value`);
        return value;
      }),
    ],
  ]);
