import type { ChartPlace } from "../../helm/index.ts";
import { type ChartFailure, chartFailure } from "../../helm/render/index.ts";
import type { Findings } from "../finding.ts";
import { type ExploreOptions, exploreChart } from "./explore.ts";

export interface Question {
  readonly chart: ChartPlace;
  readonly options: Omit<ExploreOptions, "signal">;
}

/** What a thread says: only plain objects keep their fields on the way between threads. */
export type Answer = { readonly findings: Findings } | ChartFailure;

export async function answer({ chart, options }: Question): Promise<Answer> {
  try {
    return { findings: await exploreChart(chart, options) };
  } catch (error) {
    return chartFailure(error);
  }
}
