import { cp, mkdir, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { podOf, writeChart } from "../test/fixtures/chart-directory.ts";
import { measured } from "./measured.ts";

/** Charts of a directory as archives in another: directories are packed, archives copied. @returns their paths */
export async function chartArchives(from: string, to: string): Promise<readonly string[]> {
  await mkdir(to, { recursive: true });
  const archives: string[] = [];
  for (const path of await chartsBelow(from, 3)) {
    const archive = join(to, `${String(archives.length).padStart(5, "0")}-${basename(path, ".tgz")}.tgz`);
    if (path.endsWith(".tgz")) await cp(path, archive);
    else await measured(["tar", "czf", archive, "-C", join(path, ".."), basename(path)], process.env);
    archives.push(archive);
  }
  if (archives.length === 0) throw new Error(`Cannot measure: there are no charts in ${from}`);
  return archives;
}

async function chartsBelow(directory: string, depth: number): Promise<readonly string[]> {
  const isChart = await stat(join(directory, "Chart.yaml")).catch(() => undefined);
  if (isChart !== undefined) return [directory];
  if (depth === 0) return [];
  const charts: string[] = [];
  for (const entry of (await readdir(directory, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) charts.push(...(await chartsBelow(path, depth - 1)));
    else if (entry.name.endsWith(".tgz")) charts.push(path);
  }
  return charts;
}

/** Charts such as people write: a workload, switches that add containers, a database as subchart, custom resources. */
export async function generateCharts(directory: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const name = `chart-${i}`;
    const container = (image: string): string => `    - { name: x, image: "${image}" }`;
    await writeChart(
      directory,
      { name, version: "1.0.0" },
      {
        "Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: 1.0.0\nappVersion: 1.${i}.0\ndependencies: [{ name: db, version: "*", condition: db.enabled }]\n`,
        "values.yaml": `image: { repository: acme/web-${i}, tag: "" }\nmetrics: { enabled: false, image: { repository: acme/exporter, tag: v${i} } }\nmode: single\ndb: { enabled: ${i % 2 === 0} }\n${labels(40)}`,
        "templates/_helpers.tpl": `{{ define "${name}.labels" }}{{ toYaml .Values.labels }}{{ end }}`,
        "templates/pod.yaml": `${podOf("{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}")}{{- if .Values.metrics.enabled }}\n${container("{{ .Values.metrics.image.repository }}:{{ .Values.metrics.image.tag }}")}\n{{- end }}\n{{- if eq .Values.mode "cluster" }}\n${container("acme/raft:2")}\n{{- end }}\n`,
        "templates/config.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  labels: {{- include "${name}.labels" . | nindent 4 }}\ndata:\n{{- range $i := until 50 }}\n  key{{ $i }}: {{ printf "value %d of %s" $i $.Release.Name | quote }}\n{{- end }}\n`,
        "charts/db/Chart.yaml": "apiVersion: v2\nname: db\nversion: 2.0.0\n",
        "charts/db/values.yaml": "backup: { enabled: false }",
        "charts/db/templates/pod.yaml": `${podOf(`acme/db:${i}`)}{{- if .Values.backup.enabled }}\n${container("acme/backup:3")}\n{{- end }}\n`,
      },
    );
  }
}

const labels = (count: number): string =>
  `labels:\n${Array.from({ length: count }, (_, i) => `  label-${i}: "value ${i}"\n`).join("")}`;
