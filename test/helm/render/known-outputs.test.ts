import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as fc from "fast-check";
import { type Chart, readChart } from "../../../lib/helm/render/chart.ts";
import { KnownOutputs } from "../../../lib/helm/render/known-outputs.ts";
import { ManifestReader } from "../../../lib/helm/render/manifests.ts";
import { renderChart } from "../../../lib/helm/render/render-chart.ts";
import { Budget } from "../../../lib/template/index.ts";
import { readYaml } from "../../../lib/yaml/index.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-known-"));
after(() => rm(work, { recursive: true, force: true }));

let count = 0;
async function chartOf(files: Readonly<Record<string, string>>): Promise<Chart> {
  return readChart(await writeChart(work, { name: `c${++count}`, version: "1.0.0" }, files));
}

type Values = Parameters<typeof renderChart>[1]["values"];
const valuesOf = (text: string): Values => (readYaml(text) ?? new Map()) as Values;

/** What a render gives, and how many operations it took. */
function render(chart: Chart, values: string, outputs?: KnownOutputs<string>, tolerant = false) {
  const budget = new Budget();
  const before = budget.operationsLeft;
  let shown: unknown;
  try {
    const explore = tolerant ? {} : undefined;
    const { seen, failures } = renderChart(chart, {
      reader: new ManifestReader(({ path, text }) => `${path}: ${text}`, false),
      values: valuesOf(values),
      outputs,
      budget,
      tolerant,
      ...(explore && { explore }),
    });
    shown = { seen, failures };
  } catch (error) {
    shown = String(error);
  }
  return { shown, operations: before - budget.operationsLeft };
}

/** Each of the values rendered in turn, every time as if it were the first. */
function assertSame(chart: Chart, turns: readonly (readonly [values: string, tolerant: boolean])[]): void {
  const outputs = new KnownOutputs<string>();
  for (const [values, tolerant] of turns) {
    assert.deepEqual(render(chart, values, outputs, tolerant).shown, render(chart, values, undefined, tolerant).shown);
  }
}

const doc = (name: string, text: string): string =>
  `kind: ConfigMap\nmetadata: { name: ${name} }\ndata:\n  text: ${text}\n`;

const chart = await chartOf({
  "Chart.yaml":
    "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{ name: db, version: 1.0.0, condition: db.enabled }]\n",
  "values.yaml":
    "a: { on: false, size: 1 }\nlist: [{ name: x }]\ndb: { enabled: true }\nglobal: { shared: { mark: 1 } }\n",
  "templates/_names.tpl": '{{ define "size" }}{{ .Values.a.size }}{{ end }}{{ define "who" }}web{{ end }}',
  "templates/a.yaml": doc("a", "{{ if .Values.a.on }}on{{ else }}off{{ end }}"),
  "templates/size.yaml": doc("size", '{{ include "size" . | quote }} # {{ typeOf .Values.a.size }}'),
  "templates/all.yaml": doc("all", "{{ toJson .Values.a | quote }}"),
  "templates/keys.yaml": doc("keys", '{{ keys .Values.a | sortAlpha | join "," | quote }}'),
  "templates/empty.yaml": doc("empty", "{{ if .Values.extra }}more{{ else }}none{{ end }}"),
  "templates/list.yaml": doc("list", '"{{ range .Values.list }}{{ .name }} {{ end }}"'),
  "templates/subcharts.yaml": doc("subcharts", '"{{ range $name, $_ := .Subcharts }}{{ $name }}{{ end }}"'),
  "templates/fails.yaml": doc("fails", '{{ if eq (toString .Values.a.size) "3" }}{{ fail "three" }}{{ end }}ok'),
  // templates run from the last to the first: what this one changes, those before it by name see
  "templates/z-writes.yaml":
    '{{ if .Values.a.on }}{{ $_ := set .Values.a "size" (add .Values.a.size 1) }}{{ $_ := set . "made" (dict "of" .Values.a.size) }}{{ end }}',
  "templates/reads.yaml": doc("reads", '"{{ with .made }}{{ .of }}{{ end }}"'),
  "templates/y-items.yaml":
    '{{ if .Values.extra }}{{ range $i, $_ := .Values.list }}{{ $_ := set . "name" (printf "%s%d" .name $i) }}{{ end }}' +
    '{{ $_ := set .Values "copies" (append .Values.list (dict "name" "last")) }}{{ end }}',
  "templates/x-copies.yaml":
    '{{ range initial .Values.copies }}{{ $_ := set . "seen" (len $.Values.copies) }}{{ end }}',
  "templates/copies.yaml": doc("copies", '"{{ range .Values.copies }}{{ .name }}-{{ .seen }} {{ end }}"'),
  "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
  "charts/db/templates/_who.tpl": '{{ define "who" }}db{{ end }}',
  "charts/db/templates/db.yaml": doc("db", '{{ include "who" . }} # {{ .Values.global.shared.mark }}'),
});

const values = fc.record(
  {
    a: fc.record(
      { on: fc.boolean(), size: fc.constantFrom(1, 2, 3, "1", 1.5, null), more: fc.constantFrom("x", "y") },
      { requiredKeys: [] },
    ),
    extra: fc.constantFrom({}, { x: 1 }, [], ["y"]),
    list: fc.array(fc.record({ name: fc.constantFrom("p", "q") }), { maxLength: 2 }),
    db: fc.record({ enabled: fc.boolean() }),
    global: fc.record({ shared: fc.record({ mark: fc.constantFrom(1, 2) }) }),
  },
  { requiredKeys: [] },
);

test("what is remembered of earlier renders never shows in a later one", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          values.map((each) => JSON.stringify(each)),
          fc.boolean(),
        ),
        { maxLength: 8 },
      ),
      (turns) => assertSame(chart, turns),
    ),
    { numRuns: 150 },
  );
});

test("a template is executed again only when something that it read has changed", async () => {
  const loop = (path: string): string =>
    doc(path.replaceAll(".", "-").toLowerCase(), `"{{ range until 200 }}{{ $.Values.${path} }}{{ end }}"`);
  const two = await chartOf({
    "values.yaml": "one: { x: 1, y: 1 }\ntwo: 1\n",
    "templates/one.yaml": loop("one.x"),
    "templates/two.yaml": loop("two"),
  });
  const outputs = new KnownOutputs<string>();
  const all = render(two, "", outputs).operations;
  assert.ok(all > 400);
  assert.equal(render(two, "", outputs).operations, 0);
  assert.equal(render(two, "one: { y: 2 }", outputs).operations, 0);
  assert.equal(render(two, "two: 2", outputs).operations, all / 2);
  assert.equal(render(two, "two: 1", outputs).operations, 0);
});

test("a failure is remembered like an output", async () => {
  const failing = await chartOf({
    "templates/a.yaml": "{{ range until 100 }}{{ end }}{{ fail .Values.why }}",
    "values.yaml": "why: broken",
  });
  const outputs = new KnownOutputs<string>();
  const first = render(failing, "", outputs);
  assert.match(String(first.shown), /broken$/);
  assert.deepEqual(render(failing, "", outputs), { shown: first.shown, operations: 0 });
  assert.match(String(render(failing, "why: never", outputs).shown), /never$/);
});

test("what a template changes and puts into values is done again without it: items of lists, and what it was given", async () => {
  const changing = await chartOf({
    "values.yaml": "parts: { web: { size: 1 }, db: { size: 2 } }\nlist: [{ name: a }, { name: b }]\nother: 1\n",
    "templates/z.yaml": `{{ range $name, $part := .Values.parts }}
{{- range $key := list "Chart" "Template" "Capabilities" "Release" }}{{ $_ := set $part $key (get $ $key) }}{{ end }}
{{- $_ := set $part "name" (printf "%s %s %s" $part.Chart.Name $part.Template.Name $part.Capabilities.KubeVersion) }}
{{- end }}{{ range .Values.list }}{{ $_ := set . "name" (upper .name) }}{{ end }}`,
    "templates/a.yaml": doc("a", '"{{ .Values.parts.web.name }} {{ range .Values.list }}{{ .name }}{{ end }}"'),
    "templates/b.yaml": doc("b", '"{{ .Values.parts.db.Release.Name }} {{ keys . | sortAlpha | join "," }}"'),
  });
  const outputs = new KnownOutputs<string>();
  const { shown } = render(changing, "", outputs);
  assert.match(JSON.stringify(shown), /templates\/z\.yaml v1\.[^ ]* AB/);
  assert.deepEqual(render(changing, "other: 2", outputs), { shown, operations: 0 });
  const turns = ["parts: { web: { size: 3 } }", "list: [{ name: c }]", "list: []", "parts: { web: null }", ""];
  assertSame(
    changing,
    turns.map((values) => [values, false]),
  );
});

test("changes that cannot be repeated are made in each render: of a chart's notes, and of what has been replaced", async () => {
  for (const change of [
    'with 1 }}{{ $_ := set $.Chart.Annotations "k" "new"',
    'with index .Values.list 0 }}{{ $_ := set $.Values "list" (list (dict "name" "other")) }}{{ $_ := set . "name" "new"',
    'with deepCopy .Values }}{{ $_ := set . "k" "new" }}{{ $_ := set $.Values "copy" .',
  ]) {
    const changing = await chartOf({
      "Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\nannotations: { k: old }\n",
      "values.yaml": "list: [{ name: old }]\n",
      "templates/z.yaml": `{{ ${change} }}{{ end }}`,
      "templates/a.yaml": doc("a", '"{{ (index .Values.list 0).name }} {{ .Chart.Annotations.k }}"'),
    });
    assertSame(changing, [
      ["", false],
      ["x: 1", false],
      ["", true],
    ]);
  }
});

test("what one chart puts in the place of a table is what the other sees: values of a subchart are its parent's too", async () => {
  const put = (path: string): string =>
    `{{ $_ := set ${path} "t" (dict "x" (printf "%s+" ${path}.t.x)) }}{{ ${path}.t.x }}`;
  const shared = await chartOf({
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies: [{ name: db, version: 1.0.0 }]\n",
    "values.yaml": "db: { t: { x: old } }\n",
    "templates/a.yaml": doc("a", "{{ .Values.db.t.x }}"),
    "templates/b.yaml": doc("b", put(".Values.db")),
    "templates/z.yaml": doc("z", "{{ .Values.db.t.x }}"),
    "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
    "charts/db/templates/a.yaml": doc("c", "{{ .Values.t.x }}"),
    "charts/db/templates/b.yaml": doc("d", put(".Values")),
    "charts/db/templates/z.yaml": doc("e", "{{ .Values.t.x }}"),
  });
  const { seen } = render(shared, "").shown as { readonly seen: readonly string[] };
  assert.ok(new Set(seen.map((text) => /old\+*/.exec(text)?.[0])).size > 2, seen.join("\n"));
  assertSame(shared, [
    ["", false],
    ["other: 1", false],
    ["db: { t: { x: third } }", true],
    ["", false],
  ]);
});
