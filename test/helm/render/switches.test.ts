import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Chart, readChart } from "../../../lib/helm/render/chart.ts";
import type { Table } from "../../../lib/helm/render/coalesce.ts";
import { at, declaredValues, switchesOf, switchesOfSubchart } from "../../../lib/helm/render/switches.ts";
import { readYaml } from "../../../lib/yaml/index.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-switches-"));
after(() => rm(work, { recursive: true, force: true }));
let charts = 0;

const chartOf = async (files: Readonly<Record<string, string>>): Promise<Chart> =>
  readChart(await writeChart(work, { name: `web${charts++}`, version: "1.0.0" }, files));

const head = (name: string, more = ""): string => `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n${more}`;
const tableOf = (text: string): Table => readYaml(text) as Table;

/** Paths as people write them. */
function told(chart: Chart, given = "{}") {
  const { dormant, named, other } = switchesOf(chart, tableOf(given));
  const texts = (paths: readonly (readonly string[])[]): string[] => paths.map((path) => path.join("/"));
  return { dormant: texts(dormant), named: texts(named), other: texts(other) };
}

/** web with db as `store`, switched off by a condition, with agent in it, switched off by a tag. */
const nested = (): Promise<Chart> =>
  chartOf({
    "Chart.yaml": head(
      "web",
      'dependencies: [{ name: db, alias: store, version: "*", condition: "store.enabled,global.store" }]\n',
    ),
    "values.yaml": "store: { enabled: false, own: true }\ntags: { agents: false }",
    "charts/db/Chart.yaml": head("db", 'dependencies: [{ name: agent, version: "*", tags: [agents] }]\n'),
    "charts/db/values.yaml": "own: false\nmetrics: { enabled: false }",
    "charts/db/charts/agent/Chart.yaml": head("agent"),
    "charts/db/charts/agent/values.yaml": "debug: false",
  });

test("booleans that are false are switches; their names tell those that switch something on from the others", async () => {
  const chart = await chartOf({
    "values.yaml": `
enabled: false
metrics: { enabled: false, useTls: false, debug: false, on: true }
rbac: { create: false }
backupEnabled: false
image_enabled: false
reused: false
list: [{ enabled: false }]
text: "false"
`,
  });
  assert.deepEqual(told(chart), {
    dormant: [],
    named: ["enabled", "metrics/enabled", "metrics/useTls", "rbac/create", "backupEnabled", "image_enabled"],
    other: ["metrics/debug", "reused"],
  });
});

test("what the user says counts instead of the defaults", async () => {
  const chart = await chartOf({ "values.yaml": "a: { enabled: false }\nb: { enabled: true }" });
  assert.deepEqual(told(chart, "a: { enabled: true }\nb: { enabled: false }\nc: { enabled: false }").named, [
    "b/enabled",
    "c/enabled",
  ]);
});

test("subcharts bring their switches under the name they have here, and the conditions and tags that hold them back", async () => {
  assert.deepEqual(told(await nested()), {
    dormant: ["store/enabled", "tags/agents"],
    named: ["store/metrics/enabled", "store/enabled", "tags/agents", "global/store"],
    other: ["store/agent/debug"],
  });
});

test("the parent's values lie above those of its subcharts", async () => {
  const values = declaredValues(await nested());
  assert.equal(at(values, ["store", "own"]), true);
  assert.equal(at(values, ["store", "agent", "debug"]), false);
  assert.equal(at(values, ["store", "own", "deeper"]), undefined);
  assert.equal(at(values, ["none", "at", "all"]), undefined);
});

test("a condition below something that is no table cannot be set", async () => {
  const chart = await chartOf({
    "Chart.yaml": head("web", 'dependencies: [{ name: db, version: "*", condition: "mode.db" }]\n'),
    "values.yaml": "mode: plain",
    "charts/db/Chart.yaml": head("db"),
  });
  assert.deepEqual(told(chart).named, []);
});

test("a subchart takes part with the first condition of each dependency on the way, or its tag", async () => {
  const chart = await nested();
  assert.deepEqual(switchesOfSubchart(chart, ["store"]), [["store", "enabled"]]);
  assert.deepEqual(switchesOfSubchart(chart, ["store", "agent"]), [
    ["store", "enabled"],
    ["tags", "agents"],
  ]);
  assert.deepEqual(switchesOfSubchart(chart, ["unknown"]), []);
});
