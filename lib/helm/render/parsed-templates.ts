import { helmFunctions, sprigFunctions } from "../../template/functions/index.ts";
import {
  type FunctionTable,
  type LateSource,
  mayDefine,
  parseTemplates,
  TemplateError,
  type TemplateSet,
  type TemplateSource,
  templateFunction,
} from "../../template/index.ts";
import { type ChartFile, textOf } from "./chart-source.ts";
import type { PlacedChart } from "./dependencies.ts";
import type { Failures } from "./render-failures.ts";
import { isPartial, type PlacedTemplate, templatesOf } from "./template-data.ts";

/** The two functions that need the templates of the render, beside all others. */
const functions: FunctionTable = new Map([
  ...sprigFunctions(),
  ...helmFunctions(),
  ["include", templateFunction(["string", "any"], ({ execute }, name, data) => execute(name, data))],
  ["tpl", templateFunction(["string", "any"], ({ evaluate }, text, data) => evaluate(text, data))],
]);

/** The sets that templates were parsed to: other values need no other one, unless they switch subcharts. */
const parsed = new WeakMap<PlacedChart, TemplateSet>();

/** By the file, and the place it has there: other sets of templates hold most of the same ones. */
const sourcesOfFiles = new WeakMap<ChartFile, Map<string, TemplateSource>>();

function sourceOf({ name, file }: PlacedTemplate): TemplateSource {
  const ofFile = sourcesOfFiles.get(file) ?? new Map<string, TemplateSource>();
  sourcesOfFiles.set(file, ofFile);
  const source = ofFile.get(name) ?? { name, text: textOf(file.bytes) };
  ofFile.set(name, source);
  return source;
}

/** For one render: what others may call is parsed now, and what is only executed when it is. */
const sourceOnce = (template: PlacedTemplate): TemplateSource | LateSource =>
  isPartial(template.name) || mayDefine(template.file.bytes)
    ? sourceOf(template)
    : { name: template.name, read: () => textOf(template.file.bytes) };

/**
 * The templates of a chart and all below it, for one render: those that are executed are parsed then. Where one fails, `check`
 * has to say whether another cannot be parsed: helm parses all before it executes the first.
 *
 * @throws TemplateError
 */
export const parseForOnce = (root: PlacedChart): TemplateSet =>
  parseTemplates(templatesOf(root).map(sourceOnce), functions);

/** The templates of a chart and all below it, without those that cannot be parsed where failures are tolerated. */
export function parse(root: PlacedChart, failures: Failures): TemplateSet {
  const known = parsed.get(root);
  if (known !== undefined) return known;
  const templates = templatesOf(root);
  const sources = new Map(templates.map((template) => [template.name, sourceOf(template)]));
  for (;;) {
    try {
      const set = parseTemplates(sources.values(), functions);
      if (sources.size === templates.length) parsed.set(root, set);
      return set;
    } catch (error) {
      const failed = error instanceof TemplateError ? error.place.name : undefined;
      failures.add(error, failed);
      // without the one that cannot be parsed; nothing that is not one of them can have failed
      if (failed === undefined || !sources.delete(failed)) throw error;
    }
  }
}
