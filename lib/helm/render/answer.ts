import type { RenderedTemplate, RenderOptions } from "../renderer.ts";
import { type ChartFailure, chartFailure } from "./failure.ts";
import { renderPath } from "./render-path.ts";

export interface Question {
  readonly chart: string;
  readonly options: Omit<RenderOptions, "signal">;
}

/** What a thread says. */
export type Answer = { readonly templates: readonly RenderedTemplate[] } | ChartFailure;

export async function answerTo({ chart, options }: Question): Promise<Answer> {
  try {
    return { templates: await renderPath(chart, options) };
  } catch (error) {
    return chartFailure(error);
  }
}
