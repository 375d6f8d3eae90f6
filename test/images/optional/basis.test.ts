import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { readChartOnDisk } from "../../../lib/helm/index.ts";
import { imagesOfChart } from "../../../lib/images/index.ts";
import { chartArchive } from "../../fixtures/chart-archive.ts";
import { podOf, writeChart } from "../../fixtures/chart-directory.ts";
import { container, find, renderer, told, work } from "./explored.ts";

test("a chart that needs values is tried with its ci values: what all of them need is required, the rest optional", async () => {
  const files = {
    "templates/pod.yaml": `${podOf('{{ required "image is needed" .Values.image }}')}{{ with .Values.sidecar }}\n${container("{{ . }}")}{{ end }}\n${container("always:1")}`,
    "ci/a-values.yaml": "image: a:1",
    "ci/b-values.yaml": "image: b:1\nsidecar: s:1",
  };
  const { images, unresolved } = await find(files, { optional: false });
  assert.deepEqual(
    images.map(({ image, status }) => `${status} ${image.replace("docker.io/library/", "")}`),
    ["optional a:1", "required always:1", "optional b:1", "optional s:1"],
  );
  assert.deepEqual(images[0]!.reasons[0]!.switches, ["--values ci/a-values.yaml"]);
  assert.deepEqual(unresolved, []);
});

test("a chart that brings more ci values than are tried is unresolved, also where only what it needs is asked for", async () => {
  const profiles = Array.from({ length: 101 }, (_, i) => [`ci/p${i}-values.yaml`, "image: a:1"]);
  const pod = podOf('{{ required "image is needed" .Values.image }}');
  const files = { "templates/pod.yaml": pod, ...Object.fromEntries(profiles) };
  for (const optional of [false, true]) {
    const { images, unresolved } = await find(files, { optional });
    assert.deepEqual(
      images.map(({ image }) => image),
      ["docker.io/library/a:1"],
    );
    assert.deepEqual(
      unresolved.map(({ reason }) => reason),
      ["only 100 of its ci/*-values.yaml were tried"],
    );
  }
});

test("ci values count also in an archive, and links among them do not", async () => {
  const pod = podOf('{{ required "image is needed" .Values.image }}');
  const archive = join(work, "packed.tgz");
  const files = { "templates/pod.yaml": pod, "ci/a-values.yaml": "image: a:1" };
  await writeFile(archive, await chartArchive("packed", "1.0.0", files));
  const options = { optional: false };
  const expected = ["required a:1 --values ci/a-values.yaml"];
  assert.deepEqual(told(await imagesOfChart(await readChartOnDisk(archive), renderer, options)), expected);
  const outside = join(work, "outside-values.yaml");
  await writeFile(outside, "image: outside:1");
  const ignoring = { "templates/pod.yaml": pod, ".helmignore": "ci/\n" };
  const directory = await writeChart(work, { name: "linked", version: "1.0.0" }, ignoring);
  await mkdir(join(directory, "ci"));
  await symlink(outside, join(directory, "ci", "a-values.yaml"));
  const { images, unresolved } = await imagesOfChart(await readChartOnDisk(directory), renderer, options);
  assert.deepEqual([images.length, unresolved.length], [0, 1]);
});

test("what is optional in a chart that needs values names these too", async () => {
  const files = {
    "values.yaml": "metrics: { enabled: false }",
    "templates/pod.yaml": `${podOf('{{ required "image is needed" .Values.image }}')}{{ if .Values.metrics.enabled }}\n${container("exporter:1")}{{ end }}`,
    "ci/a-values.yaml": "image: a:1",
  };
  const { images } = await find(files);
  const exporter = images.find(({ image }) => image.endsWith("/exporter:1"))!;
  assert.equal(exporter.status, "optional");
  assert.deepEqual(exporter.reasons[0]!.switches, ["--values ci/a-values.yaml", "metrics.enabled=true"]);
});

test("a chart whose own values its schema refuses is rendered without it, and says so; its ci values come first", async () => {
  const files = {
    "values.yaml": "replicas: many\nmetrics: { enabled: false }",
    "values.schema.json": '{ "properties": { "replicas": { "type": "integer" } } }',
    "templates/pod.yaml": `${podOf("web:1")}{{ if .Values.metrics.enabled }}\n${container("exporter:1")}{{ end }}`,
  };
  assert.deepEqual(told(await find(files)), [
    "optional exporter:1 --skip-schema-validation metrics.enabled=true",
    "required web:1 --skip-schema-validation",
  ]);
  const withProfile = { ...files, "ci/some-values.yaml": "replicas: 2" };
  assert.deepEqual(told(await find(withProfile, { optional: false })), ["required web:1 --values ci/some-values.yaml"]);
});

test("settings that the schema refuses prove nothing", async () => {
  const files = {
    "values.yaml": "metrics: { enabled: false }",
    "values.schema.json": '{ "properties": { "metrics": { "properties": { "enabled": { "const": false } } } } }',
    "templates/pod.yaml": `${podOf("web:1")}{{ if .Values.metrics.enabled }}\n${container("exporter:1")}{{ end }}`,
  };
  const { images } = await find(files);
  assert.deepEqual(
    images.map(({ image, status }) => `${status} ${image}`),
    ["possible docker.io/library/exporter:1", "required docker.io/library/web:1"],
  );
});

test("a chart for an older Kubernetes is rendered for the newest one it takes", async () => {
  const files = { "Chart.yaml": 'kubeVersion: "<1.24.0-0"\n', "templates/pod.yaml": podOf("old:1") };
  assert.deepEqual(told(await find(files, { optional: false })), ["required old:1 --kube-version v1.23.0"]);
});

test("a chart whose templates refuse newer Kubernetes is rendered for the newest one they take", async () => {
  const files = {
    "templates/pod.yaml": `{{ if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}{{ fail "too new" }}{{ end }}\n${podOf("old:1")}`,
  };
  assert.deepEqual(told(await find(files, { optional: false })), ["required old:1 --kube-version v1.29.0"]);
  const { unresolved } = await find(files, { optional: false, kubeVersion: "v1.31.0" });
  assert.match(unresolved[0]!.reason, /too new/);
});

test("a chart that does not render is unresolved, and what its other templates name is possible", async () => {
  const files = { "templates/a.yaml": '{{ fail "say more" }}', "templates/b.yaml": podOf("web:1") };
  for (const optional of [false, true]) {
    const { images, unresolved } = await find(files, { optional });
    assert.deepEqual(
      images.map(({ image, status }) => [status, image]),
      [["possible", "docker.io/library/web:1"]],
    );
    assert.match(images[0]!.reasons[0]!.condition!, /say more/);
    assert.equal(unresolved.length, 1);
    assert.match(unresolved[0]!.reason, /templates\/a\.yaml:1:\d+.*say more/);
  }
});
