import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  ensureHelm,
  openHelmRenderer,
  openRenderer,
  type Renderer,
  type RenderOptions,
} from "../../../lib/helm/index.ts";
import { readChart } from "../../../lib/helm/render/chart.ts";
import { ManifestReader } from "../../../lib/helm/render/manifests.ts";
import { renderChart } from "../../../lib/helm/render/render-chart.ts";
import { Budget } from "../../../lib/template/index.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";
import { assertAsHelm } from "../../fixtures/oracle.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-schema-"));
const helm = await openHelmRenderer(await ensureHelm());
const renderer = openRenderer({ threads: 0 });
after(() => rm(work, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;

let count = 0;
const write = (files: Files): Promise<string> =>
  writeChart(
    work,
    { name: `web${++count}`, version: "1.0.0" },
    { "templates/a.yaml": "a: {{ toJson .Values }}", ...files },
  );

/** What a renderer refuses a chart with, on one line. */
async function refusalOf(renderer: Renderer, chart: string, options: RenderOptions = {}): Promise<string> {
  const error = await renderer.render(chart, options).then(
    () => assert.fail("it renders"),
    (error: Error) => error,
  );
  return error.message.replaceAll("\n", " ");
}

const draft = (number: number): string => `"$schema": "http://json-schema.org/draft-0${number}/schema#"`;

test("values that fit the schema render, others are refused, as helm does, whatever the draft", async () => {
  const schemas = [
    `{ "properties": { "a": { "type": "integer", "maximum": 3 } } }`,
    `{ ${draft(4)}, "properties": { "a": { "maximum": 3, "exclusiveMaximum": true } } }`,
    `{ ${draft(6)}, "properties": { "a": { "exclusiveMaximum": 3 } }, "required": ["a"] }`,
    `{ ${draft(7)}, "definitions": { "x": { "type": "string", "format": "hostname" } },
       "properties": { "a": { "$ref": "#/definitions/x", "type": "boolean" } } }`,
    `{ "$schema": "https://json-schema.org/draft/2019-09/schema", "properties": { "b": true }, "unevaluatedProperties": false }`,
    `{ "$schema": "https://json-schema.org/draft/2020-12/schema", "properties": { "a": { "format": "hostname" } },
       "additionalProperties": false, "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }`,
  ];
  const verdicts: string[] = [];
  for (const schema of schemas) {
    const chart = await write({ "values.schema.json": schema });
    const seen = [];
    for (const set of [["a=2"], ["a=3"], ["a=x_y"], ["a=x"], ["b=1"]])
      seen.push(assertAsHelm(helm, renderer, chart, { set }));
    verdicts.push((await Promise.all(seen)).map((verdict) => (verdict === "renders" ? "+" : "-")).join(""));
  }
  assert.deepEqual(verdicts, ["++--+", "+-+++", "+-++-", "---++", "----+", "++++-"]);
});

test("what does not fit is told in helm's words", async () => {
  const chart = await write({
    "values.schema.json": JSON.stringify({
      properties: {
        replicas: { type: "integer", minimum: 1 },
        image: { $ref: "#/$defs/image" },
        mode: { enum: ["a", "b", 3] },
        names: { items: { pattern: "^[a-z]+$" }, uniqueItems: true },
        port: { oneOf: [{ type: "string" }, { type: "integer", multipleOf: 1000 }] },
      },
      required: ["replicas", "owner's"],
      $defs: { image: { additionalProperties: false, properties: { tag: { type: "string" } } } },
    }),
  });
  const ways: readonly RenderOptions[] = [
    { set: ["replicas=x"] },
    { set: ["replicas=0", "owner's=me"] },
    { setJson: ['{"replicas": 1, "owner\'s": 1, "image": {"tag": 1.5, "repo/sitory": "x"}}'] },
    { setJson: ['{"replicas": 1, "owner\'s": 1, "names": ["a", "B\\"", "a"]}'] },
    { setJson: ['{"replicas": 1, "owner\'s": 1, "mode": "c"}'] },
    { setJson: ['{"replicas": 1, "owner\'s": 1, "port": 12345.5}'] },
  ];
  for (const options of ways) {
    assert.equal(
      await refusalOf(renderer, chart, options),
      await refusalOf(helm, chart, options),
      JSON.stringify(options),
    );
  }
});

test("subcharts are checked with their part of the values, under their aliases, when they take part", async () => {
  const files = {
    "Chart.yaml": `apiVersion: v2
name: web
version: 1.0.0
dependencies: [{ name: db, version: "*", alias: store, condition: store.enabled }]
`,
    "values.yaml": "store: { enabled: true }",
    "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
    "charts/db/values.yaml": "size: 1\n",
    "charts/db/values.schema.json":
      '{ "properties": { "size": { "type": "number" }, "global": { "type": "object" } }, "required": ["size"] }',
  };
  const chart = await write(files);
  assert.equal(await assertAsHelm(helm, renderer, chart), "renders");
  assert.equal(await assertAsHelm(helm, renderer, chart, { set: ["store.size=null"] }), "refuses");
  assert.equal(await assertAsHelm(helm, renderer, chart, { set: ["store.size=x", "store.enabled=false"] }), "renders");
  const wrong = { set: ["store.size=x"] };
  assert.equal(await refusalOf(renderer, chart, wrong), await refusalOf(helm, chart, wrong));
  assert.equal(await assertAsHelm(helm, renderer, chart, { ...wrong, skipSchemaValidation: true }), "renders");
});

test("a schema that is none is refused, as helm does, and so is one that refers to what is not in it", async () => {
  const schemas = [
    "",
    "null",
    "[]",
    "{",
    '{ "type": "text" }',
    '{ "required": true }',
    '{ "properties": { "a": 1 } }',
    '{ "definitions": { "unused": { "minLength": -1 } } }',
    '{ "pattern": "(?=a)" }',
    '{ "$ref": "#/$defs/nothing" }',
    '{ "$ref": "#nothing" }',
    '{ "$ref": "file:///etc/hostname" }',
    '{ "$ref": "other.json" }',
    '{ "$schema": "https://example.invalid/draft" }',
    `{ ${draft(4)}, "not": true }`,
    `{ ${draft(7)}, "minimum": 1, "exclusiveMinimum": true }`,
    '{ "allOf": [{ "$ref": "#" }] }',
  ];
  const refused = schemas.map(async (schema) => {
    const chart = await write({ "values.schema.json": schema });
    assert.equal(await assertAsHelm(helm, renderer, chart), "refuses", schema);
  });
  await Promise.all(refused);
});

test("a schema may refer to itself, to anchors, to ids and to metaschemas", async () => {
  const tree = {
    $id: "https://example.com/tree",
    $defs: {
      node: { $anchor: "node", properties: { next: { $ref: "#node" }, value: { $ref: "leaf" } } },
      leaf: { $id: "leaf", type: "integer" },
      any: { $schema: "urn:example:unknown", $ref: "urn:example:nobody-knows" },
      schema: { $ref: "https://json-schema.org/draft/2020-12/schema" },
    },
    properties: {
      root: { $ref: "https://example.com/tree#/$defs/node" },
      any: { $ref: "#/$defs/any" },
      schema: { $ref: "#/$defs/schema" },
    },
  };
  const chart = await write({ "values.schema.json": JSON.stringify(tree) });
  const way = (values: object): RenderOptions => ({ setJson: [JSON.stringify(values)] });
  const fits = way({ root: { value: 1, next: { next: { value: 2 } } }, any: 1, schema: { type: "string" } });
  assert.equal(await assertAsHelm(helm, renderer, chart, fits), "renders");
  for (const values of [{ root: { next: { next: { value: "x" } } } }, { schema: { type: "text" } }]) {
    assert.equal(await assertAsHelm(helm, renderer, chart, way(values)), "refuses", JSON.stringify(values));
  }
});

test("a schema on the web is never fetched: the reason names it", async () => {
  const chart = await write({ "values.schema.json": '{ "$ref": "https://example.invalid/schema.json" }' });
  assert.match(
    await refusalOf(renderer, chart),
    /refers to "https:\/\/example\.invalid\/schema\.json".*nothing is fetched/,
  );
});

test("schemas that would take for ever are refused, with the reason", async () => {
  const doubling = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [
      `d${i}`,
      { allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
    ]),
  );
  const chain = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]));
  const nested = `${'{"not":'.repeat(5000)}true${"}".repeat(5000)}`;
  const cases = [
    [
      JSON.stringify({ $ref: "#/$defs/d0", $defs: { ...doubling, d40: { type: "object" } } }),
      /more operations than allowed/,
    ],
    [JSON.stringify({ $ref: "#/$defs/d0", $defs: { ...chain, d5000: { type: "object" } } }), /schemas deep/],
    [nested, /max depth/],
  ] as const;
  for (const [schema, why] of cases) {
    const chart = await readChart(await write({ "values.schema.json": schema }));
    const budget = new Budget({ operations: 1_000_000 });
    const reader = new ManifestReader(() => undefined, false);
    assert.throws(() => renderChart(chart, { values: new Map(), reader, budget }), { message: why });
  }
});

test("expressions of schemas take linear time", async () => {
  const schema = '{ "properties": { "a": { "pattern": "^(a+)+$" } } }';
  const chart = await write({ "values.schema.json": schema, "values.yaml": `a: ${"a".repeat(50_000)}b\n` });
  assert.match(await refusalOf(renderer, chart), /does not match pattern/);
});
