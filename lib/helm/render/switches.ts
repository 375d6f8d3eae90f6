import type { Value } from "../../template/index.ts";
import type { Chart } from "./chart.ts";
import { isTable, overlay, type Table } from "./coalesce.ts";
import type { Dependency } from "./metadata.ts";
import type { SettingPath } from "./setting.ts";

/** The values of a chart that can be switched on: booleans that are false, conditions and tags that do not hold. */
export interface Switches {
  /** Conditions and tags for which some subchart, however deep, does not take part. */
  readonly dormant: readonly SettingPath[];
  /** Those named like a switch, the conditions and tags of dependencies among them. */
  readonly named: readonly SettingPath[];
  /** All other booleans. */
  readonly other: readonly SettingPath[];
}

/** `enabled`, `metricsEnabled`, `create`, `useTls`, … (measured: reference/charts.md section 2.5) */
const NAME = /^(?:.*_)?(?:enabled?|.*[eE]nabled?|create|install|deploy(?:ed)?|use[A-Z]\w*|activate|active|on)$/;

/** @param given what the user says about the values; the defaults of the chart and its subcharts lie below */
export function switchesOf(chart: Chart, given: Table): Switches {
  const values = overlay(declaredValues(chart), given);
  const conditions = [...conditionsOf(chart, [])].filter(
    (path) => at(values, path) !== true && isSettable(values, path),
  );
  const ofDependencies = new Set(conditions.map(keyOf));
  const isNamed = (path: SettingPath): boolean => NAME.test(path.at(-1)!) || ofDependencies.has(keyOf(path));
  const found = new Map([...falseIn(values, []), ...conditions].map((path) => [keyOf(path), path]));
  const [named, other] = [[...found.values()].filter(isNamed), [...found.values()].filter((path) => !isNamed(path))];
  return { dormant: conditions.filter((path) => at(values, path) === false), named, other };
}

const keyOf = (path: SettingPath): string => path.join("\0");

/**
 * The settings that let a subchart take part, however deep it lies: a condition of each dependency on the way, or its tag.
 *
 * @param path names or aliases, from the outermost on
 */
export function switchesOfSubchart(chart: Chart, path: readonly string[]): readonly SettingPath[] {
  const found: SettingPath[] = [];
  let parent: Chart | undefined = chart;
  for (const [depth, name] of path.entries()) {
    const dependency: Dependency | undefined = parent?.metadata.dependencies?.find(
      (each) => (each.alias || each.name) === name,
    );
    const [condition] = dependency === undefined ? [] : conditionPaths(dependency.condition);
    if (condition !== undefined) found.push([...path.slice(0, depth), ...condition]);
    else if (dependency?.tags[0] !== undefined) found.push(["tags", dependency.tags[0]]);
    parent = parent?.subcharts.find(({ metadata }) => metadata.name === (dependency?.name ?? name));
  }
  return found;
}

/** Whether a value is a condition or tag that decides, however deep, whether a subchart takes part. @param subchart names or aliases */
export const decidesOn = (chart: Chart, subchart: readonly string[], path: SettingPath): boolean =>
  subchart.some((name, depth) => {
    const dependency = (chartAt(chart, subchart.slice(0, depth))?.metadata.dependencies ?? []).find(
      (each) => (each.alias || each.name) === name,
    );
    if (dependency === undefined) return false;
    const paths = conditionPaths(dependency.condition).map((condition) => [...subchart.slice(0, depth), ...condition]);
    return [...paths, ...dependency.tags.map((tag) => ["tags", tag])].some((each) => keyOf(each) === keyOf(path));
  });

function chartAt(chart: Chart, path: readonly string[]): Chart | undefined {
  return path.reduce<Chart | undefined>((parent, name) => {
    const dependency = parent?.metadata.dependencies?.find((each) => (each.alias || each.name) === name);
    return parent?.subcharts.find(({ metadata }) => metadata.name === (dependency?.name ?? name));
  }, chart);
}

/** The defaults of a chart with those of all below it, taking part or not. */
export function declaredValues(chart: Chart): Table {
  const below = new Map<string, Value>();
  for (const { names, subchart } of subchartsOf(chart)) {
    const values = declaredValues(subchart);
    for (const name of names) below.set(name, values);
  }
  return overlay(below, chart.values);
}

function subchartsOf({ metadata, subcharts }: Chart) {
  return subcharts.map((subchart) => {
    const entries = (metadata.dependencies ?? []).filter(({ name }) => name === subchart.metadata.name);
    const names = new Set(entries.map(({ alias, name }) => alias || name));
    return { subchart, names: names.size === 0 ? [subchart.metadata.name] : [...names] };
  });
}

function* falseIn(table: Table, path: SettingPath): Generator<SettingPath> {
  for (const [key, value] of table) {
    if (value === false) yield [...path, key];
    else if (isTable(value)) yield* falseIn(value, [...path, key]);
  }
}

function* conditionsOf(chart: Chart, path: SettingPath): Generator<SettingPath> {
  for (const { condition, tags } of chart.metadata.dependencies ?? []) {
    for (const steps of conditionPaths(condition)) yield [...path, ...steps];
    for (const tag of tags) yield ["tags", tag];
  }
  for (const { names, subchart } of subchartsOf(chart)) {
    for (const name of names) yield* conditionsOf(subchart, [...path, name]);
  }
}

const conditionPaths = (condition: string): readonly SettingPath[] =>
  condition
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "")
    .map((path) => path.split("."));

/** Whether nothing but tables lies on the way. */
const isSettable = (values: Table, path: SettingPath): boolean =>
  path.slice(0, -1).every((_, i) => {
    const value = at(values, path.slice(0, i + 1));
    return value === undefined || value === null || isTable(value);
  });

/** @returns undefined where there is nothing */
export function at(values: Table, path: SettingPath): Value {
  return path.reduce<Value>(
    (value, key) => (value !== undefined && isTable(value) ? value.get(key) : undefined),
    values,
  );
}
