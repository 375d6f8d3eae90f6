import { helmFunctions, sprigFunctions } from "../../template/functions/index.ts";
import {
  type FunctionTable,
  parseTemplates,
  TemplateError,
  type TemplateSet,
  type TemplateSource,
  templateFunction,
} from "../../template/index.ts";
import type { Chart } from "./chart.ts";
import { type ChartFile, textOf } from "./chart-source.ts";
import type { Failures } from "./render-failures.ts";
import type { ChartTemplate } from "./template-data.ts";

/** The two functions that need the templates of the render, beside all others. */
const functions: FunctionTable = new Map([
  ...sprigFunctions(),
  ...helmFunctions(),
  ["include", templateFunction(["string", "any"], ({ execute }, name, data) => execute(name, data))],
  ["tpl", templateFunction(["string", "any"], ({ evaluate }, text, data) => evaluate(text, data))],
]);

/** Tells lists of templates apart. */
export const namesOf = (templates: readonly ChartTemplate[]): string => templates.map(({ name }) => name).join("\n");

/** The sets a chart's templates were parsed to: other values need no other one, unless they switch subcharts. */
const parsed = new WeakMap<Chart, Map<string, TemplateSet>>();
const MAX_SETS = 6;

/** By the file, and the place it has there: other sets of templates hold most of the same ones. */
const sourcesOfFiles = new WeakMap<ChartFile, Map<string, TemplateSource>>();

function sourceOf({ name, file }: ChartTemplate): TemplateSource {
  const ofFile = sourcesOfFiles.get(file) ?? new Map<string, TemplateSource>();
  sourcesOfFiles.set(file, ofFile);
  const source = ofFile.get(name) ?? { name, text: textOf(file.bytes) };
  ofFile.set(name, source);
  return source;
}

/** The templates of a chart, without those that cannot be parsed where failures are tolerated. */
export function parse(chart: Chart, templates: readonly ChartTemplate[], failures: Failures): TemplateSet {
  const names = namesOf(templates);
  const sets = parsed.get(chart) ?? new Map<string, TemplateSet>();
  parsed.set(chart, sets);
  const known = sets.get(names);
  if (known !== undefined) return known;
  const sources = new Map(templates.map((template) => [template.name, sourceOf(template)]));
  for (;;) {
    try {
      const set = parseTemplates(sources.values(), functions);
      if (sources.size === templates.length) {
        if (sets.size >= MAX_SETS) sets.delete(sets.keys().next().value!);
        sets.set(names, set);
      }
      return set;
    } catch (error) {
      const failed = error instanceof TemplateError ? error.place.name : undefined;
      failures.add(error, failed);
      // without the one that cannot be parsed; nothing that is not one of them can have failed
      if (failed === undefined || !sources.delete(failed)) throw error;
    }
  }
}
