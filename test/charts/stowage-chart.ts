import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { parseAllDocuments, stringify } from "yaml";
import { ensureHelm, openHelmRenderer, openRenderer, type RenderOptions } from "../../lib/helm/index.ts";

export const root = dirname(dirname(import.meta.dirname));
export const chart = join(root, "charts/stowage");
export const release = { releaseName: "train", namespace: "releases" } as const satisfies RenderOptions;

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: of any kind
  readonly [field: string]: any;
}

/** Values of the chart's own examples, by file name: one for each way to install it. */
export const examples = (await readdir(join(chart, "ci"))).map((name) => ({ name, file: join(chart, "ci", name) }));

const work = await mkdtemp(join(tmpdir(), "stowage-chart-"));
after(() => rm(work, { recursive: true, force: true }));

export const helm = await openHelmRenderer(await ensureHelm());
export const renderer = openRenderer({ threads: 0 });

let files = 0;

/** A values file that holds these. */
export async function valuesFile(values: object): Promise<string> {
  const file = join(work, `${++files}.yaml`);
  await writeFile(file, stringify(values));
  return file;
}

/** What gets installed with values, or with a file of them. */
export async function render(
  values: object | string = {},
  options: RenderOptions = {},
): Promise<readonly KubeObject[]> {
  const file = typeof values === "string" ? values : await valuesFile(values);
  const templates = await renderer.render(chart, { ...release, ...options, valuesFiles: [file] });
  return templates.flatMap(({ text }) => readObjects(text));
}

export const readObjects = (text: string): readonly KubeObject[] =>
  parseAllDocuments(text, { strict: true, uniqueKeys: true }).flatMap((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return (document.toJS() as KubeObject | null) ?? [];
  });

export const ofKind = (objects: readonly KubeObject[], kind: string, group = ""): readonly KubeObject[] =>
  objects.filter((object) => object.kind === kind && object.apiVersion.startsWith(group));

/** The Jobs of functions, whoever is to make them: of JobSinks, and of the templates of start-job. */
export const jobsOf = (objects: readonly KubeObject[]): Readonly<Record<string, KubeObject>> =>
  Object.fromEntries([
    ...ofKind(objects, "JobSink").map(({ spec, metadata }) => [
      metadata.labels!["app.kubernetes.io/component"]!,
      spec.job,
    ]),
    ...ofKind(objects, "ConfigMap")
      .filter(({ metadata }) => metadata.name.endsWith("-jobs"))
      .flatMap(({ data }) => Object.entries<string>(data))
      .map(([name, text]) => [name.replace(".yaml", ""), readObjects(text)[0]!]),
  ]);

/** Every pod that the objects lead to: its labels and spec, and where it is from. */
export const podsOf = (objects: readonly KubeObject[]) =>
  [
    ...ofKind(objects, "Service", "serving.knative.dev/").map((object) => ({
      place: name(object),
      ...template(object),
    })),
    ...ofKind(objects, "StatefulSet").map((object) => ({ place: name(object), ...template(object) })),
    ...Object.entries(jobsOf(objects)).map(([function_, job]) => ({ place: `Job of ${function_}`, ...template(job) })),
  ] as const;

const name = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;
const template = ({ spec, kind }: KubeObject) => ({
  kind,
  labels: spec.template.metadata.labels as Readonly<Record<string, string>>,
  spec: spec.template.spec,
  container: spec.template.spec.containers[0],
});
