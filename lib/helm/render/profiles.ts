import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Chart } from "./chart.ts";
import { textOf } from "./chart-source.ts";
import { readText } from "./render-path.ts";

/** Where charts show how they render (https://github.com/helm/chart-testing): `ci/*-values.yaml`, by path in the chart. */
const PROFILE = /^ci\/[^/]*values\.ya?ml$/;

/** A values file that comes with a chart. */
export interface Profile {
  readonly path: string;
  /** @throws Refusal */
  read(): string;
}

/**
 * The values files that a chart brings for its tests, sorted by path. In a directory they count also where `.helmignore` keeps
 * them out of the packed chart; symbolic links do not.
 */
export function profilesOf(path: string, chart: Chart): readonly Profile[] {
  const profiles = statSync(path).isDirectory() ? profilesIn(path) : profilesPacked(chart);
  return profiles.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function profilesIn(directory: string): Profile[] {
  if (!statSync(join(directory, "ci"), { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(join(directory, "ci"), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => `ci/${name}`)
    .filter((path) => PROFILE.test(path))
    .map((path) => ({ path, read: () => readText(join(directory, path)) }));
}

const profilesPacked = ({ files }: Chart): Profile[] =>
  files.filter(({ path }) => PROFILE.test(path)).map(({ path, bytes }) => ({ path, read: () => textOf(bytes) }));
