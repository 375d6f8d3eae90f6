import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { splitTemplates } from "../../lib/helm/helm-renderer.ts";
import { ensureHelm, openHelmRenderer } from "../../lib/helm/index.ts";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-renderer-"));
after(() => rm(work, { recursive: true, force: true }));
const renderer = await openHelmRenderer(await ensureHelm());
const subchart = {
  "charts/metrics/Chart.yaml": "apiVersion: v2\nname: metrics\nversion: 1.0.0\n",
  "charts/metrics/templates/pod.yaml": podOf("metrics:1"),
};

test("every rendered template comes with its path, subcharts, hooks and crds included", async () => {
  const chart = await writeChart(
    work,
    { name: "web", version: "1.0.0" },
    {
      "templates/pod.yaml": podOf("web:1"),
      "templates/hook.yaml": podOf("hook:1").replace(
        "name: p",
        'name: h, annotations: { "helm.sh/hook": pre-install }',
      ),
      "templates/test.yaml": podOf("test:1").replace("name: p", 'name: t, annotations: { "helm.sh/hook": test }'),
      "crds/crd.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: x }\n",
      ...subchart,
    },
  );
  const paths = async (options = {}) => (await renderer.render(chart, options)).map(({ path }) => path).sort();
  assert.deepEqual(await paths(), [
    "web/charts/metrics/templates/pod.yaml",
    "web/crds/crd.yaml",
    "web/templates/hook.yaml",
    "web/templates/pod.yaml",
  ]);
  assert.ok((await paths({ tests: true })).includes("web/templates/test.yaml"));
});

test("values files, --set and the Kubernetes version reach the templates", async () => {
  const chart = await writeChart(
    work,
    { name: "values", version: "1.0.0" },
    {
      "templates/a.yaml": "a: {{ .Values.a }}\nb: {{ .Values.b }}\nkube: {{ .Capabilities.KubeVersion.Version }}\n",
    },
  );
  const file = join(work, "v.yaml");
  await writeFile(file, "a: file\nb: file\n");
  const [template] = await renderer.render(chart, { valuesFiles: [file], set: ["b=set"], kubeVersion: "1.28.0" });
  assert.match(template!.text, /a: file\nb: set\nkube: v1\.28\.0/);
});

test("a chart that does not render is CHART_UNRENDERABLE with helm's own words", async () => {
  const chart = await writeChart(
    work,
    { name: "broken", version: "1.0.0" },
    { "templates/a.yaml": '{{ required "a name is needed" .Values.name }}' },
  );
  await assert.rejects(renderer.render(chart), {
    code: "CHART_UNRENDERABLE",
    disposition: "reject",
    message: /a name is needed/,
  });
  await assert.rejects(renderer.render(join(work, "nothing")), { code: "CHART_UNRENDERABLE" });
});

test("a helm that is not there is RENDERER_UNAVAILABLE, naming it", async () => {
  await assert.rejects(openHelmRenderer("/nowhere/helm"), { code: "RENDERER_UNAVAILABLE", message: /\/nowhere\/helm/ });
});

test("a render that is aborted ends with the reason of the abort", async () => {
  const chart = await writeChart(
    work,
    { name: "slow", version: "1.0.0" },
    { "templates/a.yaml": "{{ range until 1000000 }}{{ . | quote }}{{ end }}" },
  );
  const stop = new AbortController();
  const rendering = renderer.render(chart, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(rendering, { message: "enough" });
});

test("splitTemplates() gives parts without a source line to the template before them", () => {
  assert.deepEqual(splitTemplates("---\n# Source: a/b.yaml\nx: 1\n---\ny: 2\n---\n# Source: a/c.yaml\nz: 3\n"), [
    { path: "a/b.yaml", text: "\n# Source: a/b.yaml\nx: 1\n\n---\ny: 2\n" },
    { path: "a/c.yaml", text: "\n# Source: a/c.yaml\nz: 3\n" },
  ]);
  assert.deepEqual(splitTemplates(""), []);
});
