import type { Chart } from "./chart.ts";

/** What a Chart.yaml calls a chart. */
export interface ChartHead {
  readonly name: string;
  readonly version: string;
}

/** What a chart or subchart says about itself. */
export interface ChartDefinition extends ChartHead {
  /** Names of the charts it lies in, without the outermost: `a/b`; empty for that one itself. */
  readonly subchart: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The chart and everything packed in it, taking part or not. */
export function definitionsOf(chart: Chart, path: readonly string[] = []): readonly ChartDefinition[] {
  const { name, version } = chart.metadata;
  const own = { name, version, subchart: path.join("/"), files: chart.definition };
  return [own, ...chart.subcharts.flatMap((subchart) => definitionsOf(subchart, [...path, subchart.metadata.name]))];
}
