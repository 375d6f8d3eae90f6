import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readChart } from "../../../lib/helm/render/chart.ts";
import { type PlacedChart, placeChart } from "../../../lib/helm/render/dependencies.ts";
import { readYaml } from "../../../lib/yaml/index.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-placed-"));
after(() => rm(work, { recursive: true, force: true }));

const declared = (name: string, dependencies: string): string =>
  `apiVersion: v2\nname: ${name}\nversion: 1.0.0\ndependencies: ${dependencies}\n`;

const chart = await readChart(
  await writeChart(
    work,
    { name: "web", version: "1.0.0" },
    {
      "Chart.yaml": declared(
        "web",
        "[{ name: db, version: 1.x, alias: store, condition: 'store.up,db.up', tags: [data] }, { name: gone, version: 1.0.0 }]",
      ),
      "values.yaml": "many: { values: { up: true } }\nstore: { cache: { deep.er: { up: false } } }\n",
      "charts/db/Chart.yaml": declared("db", "[{ name: cache, version: 1.0.0, condition: cache.deep.up }]"),
      "charts/db/values.yaml": "up: true\ncache: { deep: { up: true } }\nlist: [1]\n",
      "charts/db/charts/cache/Chart.yaml": "apiVersion: v2\nname: cache\nversion: 1.0.0\n",
    },
  ),
);

const place = (values: string): PlacedChart => placeChart(chart, readYaml(values) as Parameters<typeof placeChart>[1]);
const pathsIn = ({ path, dependencies }: PlacedChart): readonly string[] => [path, ...dependencies.flatMap(pathsIn)];

test("charts take part by conditions, however deep, by those of their parents and by tags", () => {
  const all = ["web", "web/charts/store", "web/charts/store/charts/cache"];
  assert.deepEqual(pathsIn(place("{}")), all);
  assert.deepEqual(pathsIn(place("store: { up: false }")), ["web"]);
  assert.deepEqual(pathsIn(place("tags: { data: false }")), all, "a condition comes before tags");
  assert.deepEqual(pathsIn(place("store: { up: null }\ntags: { data: false }")), ["web"]);
  assert.deepEqual(
    pathsIn(place("store: { up: text }\ndb: { up: false }")),
    ["web"],
    "the first one that is a boolean",
  );
  assert.deepEqual(pathsIn(place("store: { cache: { deep: { up: false } } }")), all.slice(0, 2));
  assert.deepEqual(
    place("{}").metadata.dependencies?.map(({ name }) => name),
    ["store", "gone"],
  );
});

test("values in place of a subchart's are refused", () => {
  assert.throws(() => place("store: text"), /type mismatch on store/);
  assert.throws(() => place("store: { cache: [] }"), /type mismatch on cache/);
});

test("values with which the same charts take part give the same placed chart", () => {
  assert.equal(place("{}"), place("many: { values: 1 }\nstore: { list: [2] }"));
  assert.notEqual(place("{}"), place("store: { up: false }"));
  assert.equal(place("store: { up: false }"), place("tags: { data: false }\nstore: { up: null }"));
});
