import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ensureHelm, openHelmRenderer, openRenderer, type RenderOptions } from "../../../lib/helm/index.ts";
import { readChart } from "../../../lib/helm/render/chart.ts";
import { ManifestReader } from "../../../lib/helm/render/manifests.ts";
import { renderChart } from "../../../lib/helm/render/render-chart.ts";
import { Budget } from "../../../lib/template/index.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";
import { assertAsHelm } from "../../fixtures/oracle.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-render-"));
const helm = await openHelmRenderer(await ensureHelm());
after(() => rm(work, { recursive: true, force: true }));
const renderer = openRenderer({ threads: 0 });

type Files = Readonly<Record<string, string>>;

/** Prints everything a chart sees. */
const everything = `values: {{ toJson .Values }}
chart: {{ toJson .Chart }}
release: {{ toJson .Release }}
template: {{ toJson .Template }}
subcharts: {{ range $name, $sub := .Subcharts }}{{ $name }} {{ $sub.Chart.Version }} {{ end }}x
types: {{ typeOf . }} {{ typeOf .Values }} {{ typeOf .Chart }} {{ typeOf .Files }} {{ typeOf .Capabilities.APIVersions }}
`;

const chartYaml = (name: string, more = ""): string => `apiVersion: v2\nname: ${name}\nversion: 1.2.3\n${more}`;

let count = 0;
const write = (files: Files): Promise<string> => writeChart(work, { name: `c${++count}`, version: "1.0.0" }, files);

/** Render a chart in several ways, each as helm does. */
async function asHelm(files: Files, ...ways: readonly RenderOptions[]): Promise<void> {
  const chart = await write(files);
  for (const options of ways.length === 0 ? [{}] : ways) {
    assert.equal(await assertAsHelm(helm, renderer, chart, options), "renders", JSON.stringify(options));
  }
}

/** The same of what helm refuses. */
async function refusedAsHelm(files: Files, ...ways: readonly RenderOptions[]): Promise<void> {
  const chart = await write(files);
  for (const options of ways.length === 0 ? [{}] : ways) {
    assert.equal(await assertAsHelm(helm, renderer, chart, options), "refuses", JSON.stringify(options));
  }
}

const umbrella: Files = {
  "Chart.yaml": chartYaml(
    "umbrella",
    `dependencies:
  - { name: db, version: ">=1.0.0", alias: first, condition: "first.enabled,global.databases", tags: [data] }
  - { name: db, version: ^1, alias: second, condition: "nowhere,second.enabled", tags: [data, other] }
  - { name: web, version: 1.x, tags: [front], import-values: [shared, { child: ports, parent: web.imported }] }
  - { name: old, version: ~0.1.0 }
  - { name: lib, version: "*" }
`,
  ),
  "values.yaml": `global: { region: eu, nested: { a: 1, deep: { x: 1 } }, databases: true }
first: { size: 3, name: null, list: [1] }
second: { enabled: false, global: { nested: { b: 2 } } }
web: { imported: { http: 81 }, gone: null, table: scalar }
tags: { front: true }
shared: { mine: true }
`,
  "templates/all.yaml": everything,
  "templates/lib.yaml": '{{ include "lib.name" . }}',
  "charts/db/Chart.yaml": chartYaml("db", "dependencies: [{ name: disk, version: 1.2.3, condition: disk.enabled }]"),
  "charts/db/values.yaml":
    "size: 1\nname: db\nlist: [a, b]\nenabled: true\ndisk: { enabled: true, kind: ssd }\nglobal: { own: 1, nested: { deep: { y: 2 } } }\n",
  "charts/db/templates/all.yaml": everything,
  "charts/db/charts/disk/Chart.yaml": chartYaml("disk"),
  "charts/db/charts/disk/values.yaml": "kind: hdd\nsize: 10\n",
  "charts/db/charts/disk/templates/all.yaml": everything,
  "charts/web/Chart.yaml": chartYaml("web"),
  "charts/web/values.yaml":
    "gone: 1\ntable: { a: 1 }\nports: { http: 80, https: 443 }\nexports: { shared: { shared: { theirs: 1 } } }\n",
  "charts/web/templates/all.yaml": everything,
  "charts/old/Chart.yaml": chartYaml("old"),
  "charts/old/templates/all.yaml": everything,
  "charts/lib/Chart.yaml": chartYaml("lib", "type: library"),
  "charts/lib/templates/_lib.tpl": '{{ define "lib.name" }}lib: {{ .Chart.Name }}{{ end }}',
  "charts/lib/templates/never.yaml": "{{ fail `a library chart is not rendered` }}",
  "charts/undeclared/Chart.yaml": chartYaml("undeclared"),
  "charts/undeclared/templates/all.yaml": everything,
};

test("whole numbers are int64 from --set, and float64 from files and JSON", async () => {
  await asHelm(
    {
      "values.yaml": "file: 8080\nlist: [1]\n",
      "templates/a.yaml": `{{ range $key, $value := .Values }}{{ $key }}: {{ kindOf $value }} {{ typeOf $value }} {{ $value }}
{{ end }}same: {{ has 8080 (list .Values.given) }} {{ eq (int .Values.given) 8080 }} {{ kindOf (add .Values.given 1) }}
`,
    },
    { set: ["given=8080", "deep.er=-5", "list[0]=7"], setString: ["text=5"], setJson: ["json=3"] },
  );
});

test("dependencies: aliases, version ranges, conditions, tags, import-values, globals, library charts", () =>
  asHelm(
    umbrella,
    {},
    { set: ["second.enabled=true,first.enabled=false"] },
    { set: ["tags.data=false,tags.front=false"] },
    { set: ["tags.data=false,tags.other=true,first.disk.enabled=false"] },
    { set: ["global.databases=false", "first.disk=null", "first.size=null", "web.ports=null"] },
    { set: ["first.enabled=text", "global.nested=scalar", "web.exports.shared.shared.theirs=2"] },
    { set: ["global=null"] },
  ));

test("values that stand in place of a subchart's are refused", () =>
  refusedAsHelm(umbrella, { set: ["first=scalar"] }, { set: ["web={a}"] }));

test("a chart that declares no dependencies takes all of charts/, and does not look into them", () =>
  asHelm({
    "Chart.yaml": "apiVersion: v1\nname: plain\nversion: 1.0.0\n",
    "templates/all.yaml": everything,
    "charts/a/Chart.yaml": chartYaml("a", "dependencies: [{ name: b, version: 1.x, condition: b.enabled }]"),
    "charts/a/values.yaml": "b: { enabled: false }",
    "charts/a/templates/all.yaml": everything,
    "charts/a/charts/b/Chart.yaml": chartYaml("b"),
    "charts/a/charts/b/templates/all.yaml": everything,
  }));

test("a chart of helm 2 with requirements.yaml", () =>
  asHelm(
    {
      "Chart.yaml": "name: two\nversion: 0.1.0\n",
      "requirements.yaml": "dependencies: [{ name: sub, version: 1.x, condition: sub.on }]",
      "values.yaml": "sub: { on: true }",
      "templates/all.yaml": `${everything}file: {{ .Files.Get "requirements.yaml" | quote }}`,
      "charts/sub/Chart.yaml": chartYaml("sub"),
      "charts/sub/templates/all.yaml": everything,
    },
    {},
    { set: ["sub.on=false"] },
  ));

test("hooks come last, by kind; test hooks on request; hooks with an unknown event never", () => {
  const object = (kind: string, annotations = ""): string =>
    `apiVersion: v1\nkind: ${kind}\nmetadata: { name: n, annotations: { ${annotations} } }\n`;
  const files = {
    "templates/a.yaml": [
      object("Zebra"),
      object("Pod", "helm.sh/hook: test"),
      object("Job", "helm.sh/hook: 'pre-install, Post-Install', helm.sh/hook-weight: '-5'"),
      object("Deployment"),
      object("Secret", "helm.sh/hook: pre-upgrade"),
      object("Pod", "helm.sh/hook: test-success"),
      object("Pod", "helm.sh/hook: crd-install"),
      object("Pod", "helm.sh/hook: test-failure"),
      "# only a comment\n",
      object("Aardvark"),
      object("Namespace"),
    ].join("---\n"),
    "templates/b.yaml": `--- \n\n---\n${object("ConfigMap")}\n---\n---\n${object("Service")}---`,
    "templates/NOTES.txt": "{{ .Values.notes }} no YAML: [",
    "templates/empty.yaml": "{{ if .Values.never }}{{ end }}\n",
    "templates/_partial.yaml": "no: output",
    "templates/sub/_hidden.txt": "[",
    "crds/z.yaml": `${object("CustomResourceDefinition")}---\n${object("CustomResourceDefinition")}`,
    "crds/a.json": "{}",
    "crds/README.md": "[",
    "charts/s/Chart.yaml": chartYaml("s"),
    "charts/s/crds/c.yml": object("CustomResourceDefinition"),
    "charts/s/templates/z.yaml": object("Deployment"),
  };
  return asHelm(files, {}, { tests: true }, { noHooks: true }, { includeCrds: false });
});

test("what helm refuses is refused", async () => {
  const bad: readonly Files[] = [
    { "templates/a.yaml": "a: [" },
    { "templates/a.yaml": "just text" },
    { "templates/a.yaml": "kind: [a]" },
    { "templates/a.yaml": "metadata: { annotations: { a: { b: c } } }" },
    { "templates/a.yaml": "metadata: text" },
    { "templates/a.yaml": "{{ .Values.a.b.c }}" },
    { "templates/a.yaml": "{{ if }}" },
    { "templates/a.yaml": "{{ nothing }}" },
    { "templates/NOTES.txt": "{{ fail `in the notes` }}" },
    { "templates/a.yaml": "{{ required `it is needed` .Values.a }}" },
    { "templates/a.yaml": '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}' },
    { "Chart.yaml": chartYaml("lib", "type: library"), "templates/a.yaml": "a: b" },
    { "Chart.yaml": chartYaml("old", "kubeVersion: <1.20"), "templates/a.yaml": "a: b" },
    { "Chart.yaml": chartYaml("missing", "dependencies: [{ name: gone, version: 1.x }]"), "templates/a.yaml": "a: b" },
    { "charts/README.md": "no chart", "templates/a.yaml": "a: b" },
  ];
  for (const files of bad) await refusedAsHelm(files);
  await refusedAsHelm(
    { "Chart.yaml": chartYaml("any", "kubeVersion: '>=1.28'"), "templates/a.yaml": "a: b" },
    { kubeVersion: "1" },
    { kubeVersion: "1.27.9" },
    { releaseName: "No_Name" },
    { set: ["a"] },
    { valuesFiles: [join(work, "nothing.yaml")] },
  );
});

test("capabilities, release name, namespace and kubeVersion constraints", () =>
  asHelm(
    {
      "Chart.yaml": chartYaml("caps", "kubeVersion: '>=1.28.0-0'"),
      "templates/a.yaml": `all: {{ toJson .Capabilities }}
kube: {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.GitVersion }} {{ .Capabilities.KubeVersion.Minor }}
has: {{ .Capabilities.APIVersions.Has "batch/v1" }} {{ .Capabilities.APIVersions.Has "x.example/v1/Thing" }}
count: {{ len .Capabilities.APIVersions }} {{ range .Capabilities.APIVersions }}{{ . }} {{ end }}
${everything}`,
    },
    {},
    { kubeVersion: "1.28" },
    { kubeVersion: "v1.31.4-gke.1245000", apiVersions: ["x.example/v1/Thing", "y.example/v1"] },
    { releaseName: "other.name", namespace: "elsewhere" },
  ));

test(".Files gives what lies in the chart, in every form", () =>
  asHelm({
    "conf/a.txt": "one\ntwo\n",
    "conf/b.txt": "ünï\nno end",
    "conf/deep/a.txt": "deep",
    "empty.txt": "",
    "templates/a.yaml": `get: [{{ .Files.Get "conf/a.txt" | quote }}, {{ .Files.Get "nothing" | quote }}]
bytes: [{{ .Files.GetBytes "conf/a.txt" | len }}, {{ .Files.GetBytes "conf/a.txt" | toString | quote }}]
lines: [{{ .Files.Lines "conf/b.txt" | toJson }}, {{ .Files.Lines "nothing" | toJson }}]
globbed:
{{ range $path, $content := .Files.Glob "conf/**.txt" }}  {{ $path }}: {{ $content | toString | quote }}
{{ end }}
config:
{{ (.Files.Glob "conf/*").AsConfig | indent 2 }}
secrets:
{{ (.Files.Glob "{conf/b,none}*").AsSecrets | indent 2 }}
none: {{ (.Files.Glob "none/*").AsConfig }}
index: {{ index .Files "empty.txt" | toString | quote }}
templates: [{{ .Files.Get "templates/a.yaml" | quote }}, {{ .Files.Get "values.yaml" | quote }}]
`,
  }));

test("templates: definitions that come twice, include, tpl and what one template sets for the next", () =>
  asHelm({
    "templates/_a.tpl":
      '{{ define "twice" }}parent{{ end }}{{ define "down" }}{{ if gt . 0 }}{{ . }} {{ include "down" (sub . 1) }}{{ end }}{{ end }}',
    "templates/a.yaml":
      '{{ $_ := set .Values "set" "by a" }}{{ $_ := set .Values.sub "fromParent" true }}a: {{ include "twice" . }} {{ include "down" 5 }}',
    "templates/b.yaml": `b: {{ .Values.set }} {{ .Values.missing }} {{ .Values.sub.fromSub }}
tpl: {{ tpl "{{ .Values.set }}{{ define \\"inner\\" }}i{{ end }}{{ include \\"inner\\" . }}" . }} {{ tpl "" . | quote }}
novalue: {{ print .Values.missing }} {{ printf "%v" .Values.missing }}
name: {{ .Template.Name }} {{ .Template.BasePath }} {{ tpl "{{ .Template.Name }}" . }}
table: {{ (.Values.Table "sub").own }} {{ .Values.PathValue "sub.own" }} {{ .Values.AsMap | len }}
`,
    "templates/deep/er/c.yaml": "c: {{ .Values.set | default `not set yet` }}",
    "charts/sub/Chart.yaml": chartYaml("sub"),
    "charts/sub/values.yaml": "own: 1",
    "charts/sub/templates/_a.tpl": '{{ define "twice" }}subchart{{ end }}',
    "charts/sub/templates/a.yaml":
      'sub: {{ include "twice" . }} {{ .Values.fromParent | default "unset" }}{{ $_ := set .Values "fromSub" "x" }}',
  }));

test("values files and every kind of --set reach the templates", async () => {
  const file = join(work, "values.yaml");
  await writeFile(file, "a: { b: 1 }\n---\na: { c: [1, 2] }\n");
  await asHelm(
    {
      "values.yaml": "a: { b: 0, z: 1 }\nn: 1",
      "templates/a.yaml": "values: {{ toJson .Values }}\nnumber: {{ .Values.n }}",
    },
    { valuesFiles: [file] },
    {
      valuesFiles: [file],
      set: ["a.z=null,n=20", "l[1]=x"],
      setString: ["s=1"],
      setJson: ['j={"k":[1.0]}', '{"m":{"n":1}}'],
    },
    { setFile: [`f=${file}`], setLiteral: ["t=a,b=c"] },
  );
});

const broken: Files = {
  "Chart.yaml": chartYaml("broken", "kubeVersion: <1.20\ndependencies: [{ name: gone, version: 1.x }]"),
  "templates/good.yaml": "kind: Good\n",
  "templates/fails.yaml": "a: b\nc: {{ .Values.a.b.c }}\n",
  "templates/unparsable.yaml": "{{ if }}",
  "templates/no-yaml.yaml": "kind: Good\n---\na: [",
};

test("a tolerant render goes on behind every failure, and tells each with its place", async () => {
  const chart = await readChart(await write(broken));
  const reader = new ManifestReader(({ path }) => path, false);
  const { seen, failures } = renderChart(chart, { values: new Map(), reader, tolerant: true });
  assert.deepEqual(seen, ["broken/templates/good.yaml"]);
  assert.deepEqual(
    failures.map(({ template, place }) => [template, place?.line]),
    [
      [undefined, undefined],
      [undefined, undefined],
      ["broken/templates/unparsable.yaml", 1],
      ["broken/templates/fails.yaml", 2],
      ["broken/templates/no-yaml.yaml", undefined],
    ],
  );
  assert.match(failures.map(({ reason }) => reason).join("\n"), /gone.*kubeVersion.*unparsable.*nil pointer.*YAML/s);
});

test("what cannot be parsed is told before what fails, and that before what is no YAML, wherever each lies", async () => {
  const kinds = { unparsable: "{{ if }}", failing: '{{ fail "x" }}', "no-yaml": "a: [", "late-yaml": "b: [" };
  const names = ["a", "b", "c", "d"] as const;
  const told = async (by: typeof helm, chart: string): Promise<string> => {
    const message = await by.render(chart).then(() => "", String);
    return Object.keys(kinds).find((kind) => message.includes(`/${kind}-`)) ?? message;
  };
  const orders = names.map((_, i) => names.map((_, j) => names[(i + j) % names.length]!));
  for (const order of [...orders, ...orders.map((order) => order.toReversed())]) {
    for (const count of [4, 3, 2]) {
      const files = Object.entries(kinds)
        .slice(4 - count)
        .map(([kind, text], i) => [`templates/${order[i]}/${kind}-.yaml`, text]);
      const chart = await write(Object.fromEntries(files));
      assert.equal(await told(renderer, chart), await told(helm, chart), JSON.stringify(files));
    }
  }
});

test("a chart can be rendered many times: nothing of one render is seen by the next", async () => {
  const chart = await readChart(await write(umbrella));
  const reader = new ManifestReader(({ path, text }) => `${path}\n${text}`, false);
  const render = (...entries: [string, never][]) => renderChart(chart, { values: new Map(entries), reader }).seen;
  const first = render();
  assert.notDeepEqual(render(["tags", new Map([["front", false]]) as never]), first);
  assert.deepEqual(render(), first);
});

test("what a render may cost is bounded", async () => {
  const chart = await readChart(
    await write({ "templates/a.yaml": "{{ range until 1000 }}{{ range until 1000 }}x{{ end }}{{ end }}" }),
  );
  const reader = new ManifestReader(() => undefined, false);
  const budget = new Budget({ operations: 10_000 });
  assert.throws(() => renderChart(chart, { values: new Map(), reader, budget }), { message: /operations/ });
});
