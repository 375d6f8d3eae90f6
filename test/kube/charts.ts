import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { openHelm } from "../real/helm.ts";

export const chart = join(dirname(dirname(import.meta.dirname)), "charts/stowage");

/** The values that show each way to install: names of files. */
export const ways: readonly string[] = readdirSync(join(chart, "ci"));

export const valuesOf = (way: string): string => `--values=${join(chart, "ci", way)}`;

/** What `helm install` would send for a release `stowage`. */
export async function renderChart(namespace: string, ...flags: readonly string[]): Promise<string> {
  await using helm = await openHelm();
  return helm.run("template", "stowage", chart, `--namespace=${namespace}`, ...flags);
}
