import { readFileSync, statSync } from "node:fs";
import { RejectedError } from "../../errors.ts";
import type { RenderedTemplate, RenderOptions } from "../renderer.ts";
import { readChart } from "./chart.ts";
import type { Table } from "./coalesce.ts";
import { ManifestReader } from "./manifests.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { renderChart } from "./render-chart.ts";
import { userValues } from "./values.ts";

/** Files of values are written by people, or hold a certificate. */
const MAX_VALUES_BYTES = 16 * 1024 * 1024;

/**
 * Render the chart archive or directory at `path` on this thread: what a `Renderer` does.
 *
 * @throws RejectedError CHART_UNRENDERABLE
 */
export async function renderPath(path: string, options: RenderOptions): Promise<readonly RenderedTemplate[]> {
  try {
    using chart = await readChart(path, options.signal);
    const reader = new ManifestReader(({ path, text }) => ({ path, text }), false);
    return renderChart(chart, { ...options, values: valuesOf(options), reader }).seen;
  } catch (error) {
    const refusal = refusalOf(error);
    if (!(refusal instanceof Refusal)) throw error;
    throw new RejectedError("CHART_UNRENDERABLE", `Cannot render chart: ${refusal.message}`, { cause: error });
  }
}

/**
 * What a user says about values.
 *
 * @param below contents of values files that lie below those of the options
 * @throws Refusal, YamlError
 */
export function valuesOf(options: RenderOptions, below: readonly string[] = []): Table {
  return userValues(
    {
      files: [...below, ...(options.valuesFiles ?? []).map(readText)],
      setJson: options.setJson ?? [],
      set: options.set ?? [],
      setString: options.setString ?? [],
      setFile: options.setFile ?? [],
      setLiteral: options.setLiteral ?? [],
    },
    readText,
  );
}

/** @throws Refusal where it cannot be read, or is too large */
export function readText(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > MAX_VALUES_BYTES) throw new Refusal(`"${path}" has more than ${MAX_VALUES_BYTES} bytes`);
    return readFileSync(path, "utf8");
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(`cannot read "${path}": ${String(error)}`, { cause: error });
  }
}
