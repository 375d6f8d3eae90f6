import assert from "node:assert/strict";
import { test } from "node:test";
import { readChartOnDisk } from "../../../lib/helm/index.ts";
import { imagesOfChart } from "../../../lib/images/index.ts";
import { podOf, writeChart } from "../../fixtures/chart-directory.ts";
import { container, find, renderer, told, work } from "./explored.ts";

test("an image behind a switch is optional, with the switch as --set pair; without --optional it is not there", async () => {
  const files = {
    "values.yaml": "metrics: { enabled: false, other: false }\ndebug: { enabled: false }",
    "templates/pod.yaml": `${podOf("web:1")}{{- if .Values.metrics.enabled }}\n${container("exporter:2")}\n{{- end }}`,
  };
  assert.deepEqual(told(await find(files)), ["optional exporter:2 metrics.enabled=true", "required web:1"]);
  assert.deepEqual(told(await find(files, { optional: false })), ["required web:1"]);
});

test("two switches that are needed together are both named, and no others", async () => {
  const files = {
    "values.yaml": "a: { enabled: false }\nb: { enabled: false }\nc: { enabled: false }\nd: { enabled: false }",
    "templates/_h.tpl": '{{ define "image" }}{{ if .Values.b.enabled }}two:2{{ else }}one:1{{ end }}{{ end }}',
    "templates/pod.yaml": `{{ if .Values.a.enabled }}\n${podOf('{{ include "image" . }}')}{{ end }}`,
  };
  assert.deepEqual(told(await find(files)), [
    "optional one:1 a.enabled=true",
    "optional two:2 a.enabled=true b.enabled=true",
  ]);
});

test("conditions that are no booleans are solved: texts, lists, what is set, API versions, negations", async () => {
  const files = {
    "values.yaml": 'mode: "a"\nkind: ""\nlist: []\nplain: true\nname.with.dots: { host: "" }',
    "templates/a.yaml": `{{ if eq .Values.mode "b" }}\n${podOf("b:1")}{{ end }}`,
    "templates/b.yaml": `{{ if and .Values.kind (ne .Values.mode "a") }}\n${podOf("c:1")}{{ end }}`,
    "templates/c.yaml": `{{ if not .Values.plain }}\n${podOf("d:1")}{{ end }}`,
    "templates/d.yaml": `{{ if .Capabilities.APIVersions.Has "acme.io/v1" }}\n${podOf("e:1")}{{ end }}`,
    "templates/e.yaml": `{{ with (index .Values "name.with.dots").host }}\n${podOf("f:1")}{{ end }}`,
    "templates/f.yaml": `{{ if has "x" .Values.list }}\n${podOf("g:1")}{{ end }}`,
  };
  assert.deepEqual(told(await find(files)), [
    "optional b:1 --set-string mode=b",
    "optional c:1 --set-string kind=x --set-string mode=x",
    "optional d:1 plain=false",
    "optional e:1 --api-versions acme.io/v1",
    "optional f:1 --set-string name\\.with\\.dots.host=x",
    'optional g:1 --set-json list=["x"]',
  ]);
});

test("images of subcharts name the condition of the subchart, however deep it lies, and global values where they are set", async () => {
  const files = {
    "Chart.yaml": 'dependencies: [{ name: db, alias: store, version: "*", condition: store.enabled }]\n',
    "values.yaml": "store: { enabled: false }\nglobal: { fips: false }",
    "charts/db/Chart.yaml":
      'apiVersion: v2\nname: db\nversion: 1.0.0\ndependencies: [{ name: agent, version: "*", tags: [agents] }]\n',
    "charts/db/values.yaml": "metrics: { enabled: false }\ntags: { agents: false }",
    "charts/db/templates/pod.yaml": `${podOf("db:1")}{{ if .Values.metrics.enabled }}\n${container("exporter:1")}{{ end }}\n{{ if .Values.global.fips }}\n${container("fips:1")}{{ end }}`,
    "charts/db/charts/agent/Chart.yaml": "apiVersion: v2\nname: agent\nversion: 1.0.0\n",
    "charts/db/charts/agent/templates/pod.yaml": podOf("agent:1"),
    "templates/pod.yaml": podOf("web:1"),
  };
  const findings = await find(files);
  assert.deepEqual(told(findings), [
    "optional agent:1 store.enabled=true tags.agents=true",
    "optional db:1 store.enabled=true",
    "optional exporter:1 store.enabled=true store.metrics.enabled=true",
    "optional fips:1 store.enabled=true global.fips=true",
    "required web:1",
  ]);
  assert.equal(findings.images[0]!.reasons[0]!.subchart, "store/agent");
});

test("a switch that replaces an image does not hide what others bring", async () => {
  const files = {
    "values.yaml": "external: { enabled: false }\nbackup: { enabled: false }\nfips: false",
    "templates/pod.yaml": `{{ $tag := "1" }}{{ if .Values.fips }}{{ $tag = "1-fips" }}{{ end }}{{ if not .Values.external.enabled }}\n${podOf("db:{{ $tag }}")}{{ if .Values.backup.enabled }}\n${container("backup:{{ $tag }}")}{{ end }}{{ end }}`,
  };
  assert.deepEqual(told(await find(files)), [
    "optional backup:1 backup.enabled=true",
    "optional backup:1-fips backup.enabled=true fips=true",
    "required db:1",
    "optional db:1-fips fips=true",
  ]);
});

test("a switch that cannot be on with the others is tried with what it needs", async () => {
  const files = {
    "values.yaml": "tls: { enabled: false, secret: '' }\nmetrics: { enabled: false }",
    "templates/a.yaml": `{{ if .Values.tls.enabled }}{{ $_ := required "tls.secret is needed" .Values.tls.secret }}{{ end }}${podOf("web:1")}{{ if .Values.metrics.enabled }}\n${container("exporter:1")}{{ end }}`,
  };
  assert.deepEqual(told(await find(files)), ["optional exporter:1 metrics.enabled=true", "required web:1"]);
});

test("an image whose switch demands other values is possible, and the switch is named", async () => {
  const files = {
    "values.yaml": "tls: { enabled: false, secret: '' }\nmetrics: { enabled: false }\nfips: false",
    "templates/_h.tpl": '{{ define "image" }}proxy:{{ if .Values.tls.enabled }}tls{{ else }}plain{{ end }}{{ end }}',
    "templates/a.yaml": `${podOf('{{ include "image" . }}')}{{ if and .Values.tls.enabled (not .Values.tls.secret) }}{{ fail "a secret is needed" }}{{ end }}`,
  };
  const { images } = await find(files);
  assert.deepEqual(
    images.map(({ image, status, reasons }) => [status, image.replace("docker.io/library/", ""), reasons[0]!.switches]),
    [
      ["required", "proxy:plain", []],
      ["possible", "proxy:tls", ["tls.enabled=true"]],
    ],
  );
});

test("values that a chart asks for by name are given to it: what comes then is optional, and they are named", async () => {
  const files = {
    "Chart.yaml": 'dependencies: [{ name: db, version: "*", condition: db.enabled }]\n',
    "values.yaml":
      "tls: { enabled: false, secret: '', names: [] }\nrbac: { create: false }\nother: { name: '' }\ndb: { enabled: false }",
    "templates/a.yaml": `${podOf("web:1")}{{ if .Values.tls.enabled }}
${container("proxy:1")}
{{- if not .Values.rbac.create }}{{ fail "set rbac.create=true" }}{{ end }}
{{- $_ := required "Please set tls.secret and \`tls.names\`" .Values.tls.secret }}{{ end }}`,
    "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 1.0.0\n",
    "charts/db/values.yaml": "auth: { password: null }",
    "charts/db/templates/pod.yaml": `{{ $_ := required "auth.password is missing" .Values.auth.password }}${podOf("db:1")}`,
  };
  assert.deepEqual(told(await find(files)), [
    "optional db:1 db.enabled=true --set-string db.auth.password=x",
    "optional proxy:1 tls.enabled=true rbac.create=true --set-string tls.secret=x",
    "required web:1",
  ]);
});

test("where templates look into what is set, it is tried with something to look into", async () => {
  const files = {
    "values.yaml": "boards: {}\nurls: []\nkeys: {}\nexpose: { type: ingress }",
    "templates/a.yaml": `${podOf("web:1")}{{ if .Values.boards }}
${container("boards:1")}{{ range .Values.boards }}{{ range . }}{{ if hasKey . "id" }}{{ end }}{{ end }}{{ end }}{{ end }}
{{- if gt (len .Values.urls) 1 }}
${container("urls:1")}{{ end }}
{{- if and .Values.keys.a .Values.keys.b }}
${container("keys:1")}{{ $_ := b64enc .Values.keys.a }}{{ end }}
{{- if and (ne .Values.expose.type "ingress") (ne .Values.expose.type "route") }}
${container("expose:1")}{{ end }}`,
  };
  assert.deepEqual(told(await find(files)), [
    'optional boards:1 --set-json boards={"x":{"x":{"x":"x"}}}',
    "optional expose:1 --set-string expose.type=x",
    "optional keys:1 --set-string keys.a=x --set-string keys.b=x",
    'optional urls:1 --set-json urls=["x0","x1"]',
    "required web:1",
  ]);
});

test("what no settings bring is possible, with its condition; what only values name is suspected", async () => {
  const files = {
    "values.yaml": "dead: { image: { repository: quay.io/a/dead, tag: v1 } }\nsize: 1",
    "templates/pod.yaml": `${podOf("web:1")}{{ if semverCompare ">=9.0.0" (toString .Values.size) }}\n${container("later:1")}\n{{ end }}`,
  };
  const { images, unresolved } = await find(files);
  assert.deepEqual(
    images.map(({ image, status, reasons }) => [status, image, reasons[0]!.condition]),
    [
      ["possible", "docker.io/library/later:1", 'semverCompare ">=9.0.0" (toString .Values.size)'],
      ["required", "docker.io/library/web:1", null],
      ["suspected", "quay.io/a/dead:v1", null],
    ],
  );
  assert.deepEqual(unresolved, []);
});

test("arguments and variables of branches count by the same rules as those of whole objects", async () => {
  const files = {
    "values.yaml": "x: { mode: 1.0.0 }",
    "templates/pod.yaml": `apiVersion: v1
kind: Pod
metadata: { name: p }
spec:
  containers:
    - name: a
      image: web:1
      args:
        - --log=info
        {{- if semverCompare ">=9.0.0" .Values.x.mode }}
        - --reloader-image=quay.io/acme/reloader:v1
        - --listen=host.example.com:8080
        {{- end }}
      env:
        {{- if eq (include "no" .) "yes" }}
        - { name: SIDECAR_IMAGE, value: "acme/sidecar:2" }
        - { name: ADDRESS, value: "acme/thing:2" }
        {{- end }}
`,
    "templates/_h.tpl": '{{ define "no" }}no{{ end }}',
  };
  assert.deepEqual(
    (await find(files, { kubeVersion: "v1.35.0" })).images.map(({ image, status }) => `${status} ${image}`),
    ["possible docker.io/acme/sidecar:2", "required docker.io/library/web:1", "possible quay.io/acme/reloader:v1"],
  );
});

test("what one subchart tells another by changing values is seen in every render", async () => {
  const files = {
    "Chart.yaml": 'dependencies: [{ name: a, version: "*" }, { name: z, version: "*" }]\n',
    "values.yaml": "global: { tag: none }\na: { tagged: false }\nother: { enabled: false }",
    "charts/z/Chart.yaml": "apiVersion: v2\nname: z\nversion: 1.0.0\n",
    "charts/z/values.yaml": "next: { enabled: false }",
    "charts/z/templates/set.yaml": '{{ if .Values.next.enabled }}{{ $_ := set .Values.global "tag" "next" }}{{ end }}',
    "charts/a/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n",
    "charts/a/templates/pod.yaml": podOf("a:{{ .Values.global.tag }}"),
    "templates/pod.yaml": `${podOf("web:{{ .Values.global.tag }}")}{{ if .Values.other.enabled }}\n${container("other:1")}{{ end }}`,
  };
  const images = told(await find(files));
  assert.ok(images.includes("required a:none") && images.includes("required web:none"));
  assert.ok(images.includes("optional other:1 other.enabled=true"), images.join());
});

test("exploring is bounded: a chart whose switches cost too much is told to be incomplete, what it needs is there", async () => {
  const files = {
    "values.yaml": "a: { enabled: false }",
    "templates/a.yaml": podOf("web:1"),
    "templates/b.yaml":
      "{{ if .Values.a.enabled }}{{ range until 5000 }}{{ range until 5000 }}x{{ end }}{{ end }}{{ end }}",
  };
  const { images, unresolved } = await find(files);
  assert.deepEqual(
    images.map(({ image, status }) => [status, image]),
    [["required", "docker.io/library/web:1"]],
  );
  assert.match(unresolved.map(({ reason }) => reason).join(), /not all of its (?:branches|switches)/);
});

test("the same chart gives the same findings", async () => {
  const files = {
    "values.yaml": "a: { enabled: false }\nb: { enabled: false }",
    "templates/a.yaml": `{{ if .Values.a.enabled }}\n${podOf("a:1")}{{ end }}`,
    "templates/b.yaml": `{{ if .Values.b.enabled }}\n${podOf("b:1")}{{ end }}`,
  };
  const path = await writeChart(work, { name: "same", version: "1.0.0" }, files);
  const chart = await readChartOnDisk(path);
  const [first, second] = await Promise.all([1, 2].map(() => imagesOfChart(chart, renderer, { optional: true })));
  assert.deepEqual(first, second);
});
