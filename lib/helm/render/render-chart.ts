import { Budget, type ExecutionWatch, type TemplateSet } from "../../template/index.ts";
import { compareUtf8 } from "../../yaml/index.ts";
import type { RenderOptions } from "../renderer.ts";
import { capabilitiesObject, type KubeVersion, parseKubeVersion } from "./capabilities.ts";
import type { Chart } from "./chart.ts";
import { type ChartFile, textOf } from "./chart-source.ts";
import { coalesceValues, type Table } from "./coalesce.ts";
import { type PlacedChart, placeChart } from "./dependencies.ts";
import type { Effect } from "./effect.ts";
import { type ExploreRequest, Explorer } from "./explorer.ts";
import type { KnownOfRender, KnownOutputs } from "./known-outputs.ts";
import { inInstallOrder, KnownManifests, type Manifest, TemplateOutput } from "./manifests.ts";
import { parse } from "./parsed-templates.ts";
import { Refusal } from "./refusal.ts";
import { Failures, type RenderFailure } from "./render-failures.ts";
import { type ChartTemplate, chartTemplates } from "./template-data.ts";
import { checkSchemas } from "./values-schema.ts";
import type { VersionUse } from "./version-use.ts";
import { inRange } from "./versions.ts";
import { SharedChange } from "./watched-values.ts";

/** What of helm's options a render looks at itself: values are laid together before. */
type Told = Pick<
  RenderOptions,
  | "releaseName"
  | "namespace"
  | "kubeVersion"
  | "apiVersions"
  | "includeCrds"
  | "noHooks"
  | "tests"
  | "skipSchemaValidation"
>;

export interface RenderRequest extends Told {
  /** What the user says; the chart's defaults lie below. */
  readonly values: Table;
  /** Go on behind a failure, with the other templates; what failed is told in the result. Default false: it is thrown. */
  readonly tolerant?: boolean;
  /** What all templates together may cost; default: enough for every chart known. */
  readonly budget?: Budget;
  /** Executes also the branches that the values leave out. */
  readonly explore?: ExploreRequest;
  /** What was in the outputs of earlier renders of the chart. */
  readonly known?: KnownManifests;
  /** What templates put out in earlier renders of the chart. Those that are known are not explored once more. */
  readonly outputs?: KnownOutputs | undefined;
  /** Is told what looks at the Kubernetes version. */
  readonly versionUse?: VersionUse | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ChartRender {
  /** crds/ first, then everything in the order of installing, then hooks: as helm prints them. */
  readonly manifests: readonly Manifest[];
  /** Empty unless the request is tolerant. */
  readonly failures: readonly RenderFailure[];
  /** Whether branches were left out because exploring them cost too much. */
  readonly exhausted: boolean;
  /** The charts that took part, the rendered one at the root. */
  readonly root: PlacedChart;
  /** Values as the templates saw them at the beginning. */
  readonly values: Table;
  /** What templates depended on, as far as that is known. */
  readonly effects: ReadonlyMap<string, Effect>;
}

/** Templates see a fixed time, and random values that are always the same. */
const NOW = new Date("2025-01-01T00:00:00Z");
const SEED = "stowage";

/**
 * Render a chart as `helm template` of helm 4.1.4 does. Templates see no network, cluster, clock, environment or randomness.
 *
 * @throws Refusal, RejectedError TEMPLATE_INVALID: whatever makes helm fail. A tolerant request is told of it instead, but
 * for what leaves nothing to render: a library chart, a Kubernetes version or release name that is none, values that stand
 * in place of a subchart's.
 * @throws RejectedError TEMPLATE_TOO_EXPENSIVE
 */
export function renderChart(chart: Chart, request: RenderRequest): ChartRender {
  const failures = new Failures(request.tolerant ?? false);
  const { kubeVersion, values: given, budget = new Budget() } = request;
  const kube = parseKubeVersion(kubeVersion);
  if (kube === undefined) throw new Refusal(`invalid kube version '${kubeVersion}'`);
  const name = releaseName(request.releaseName);
  if (chart.metadata.type === "library") throw new Refusal("library charts are not installable");
  failures.collect(undefined, () => checkDependencies(chart));
  const root = placeChart(chart, given);
  const values = coalesceValues(root, given);
  if (!request.skipSchemaValidation) {
    failures.collect(undefined, () => checkSchemas(root, values, (operations) => budget.spend(operations)));
  }
  const { versionUse } = request;
  if (chart.metadata.kubeVersion !== "") versionUse?.read();
  failures.collect(undefined, () => checkKubeVersion(chart, kube));
  const plain = capabilitiesObject(kube, request.apiVersions ?? []);
  const capabilities = versionUse === undefined ? plain : versionUse.watched(plain);
  const release = { name, namespace: request.namespace ?? "default", capabilities };
  const { known = new KnownManifests() } = request;
  const remembered = request.outputs?.begin(
    root,
    values,
    circumstancesOf(request),
    request.explore?.report !== undefined,
  );
  const explorer = request.explore && new Explorer(request.explore, values, failures.tolerated, remembered);
  const templates = chartTemplates(root, remembered?.values ?? values, release, (path, data) =>
    remembered === undefined ? data : remembered.dataOf(path, data),
  );
  let outputs: readonly TemplateOutput[];
  try {
    outputs = execute(parse(root, failures), templates, { ...request, budget }, explorer, remembered, failures);
  } catch (error) {
    if (!(error instanceof SharedChange)) throw error;
    request.outputs?.giveUp();
    return renderChart(chart, { ...request, outputs: undefined });
  }
  const manifests = outputs.flatMap((output) => {
    versionUse?.begin(output.name);
    return failures.collect(output.name, () => output.manifests(known)) ?? [];
  });
  return {
    manifests: arranged(root, manifests, known, request),
    failures: failures.all,
    exhausted: explorer?.exhausted ?? false,
    root,
    values,
    effects: remembered?.effects ?? new Map(),
  };
}

/** The rule for release names (helm v4.1.4 pkg/chart/v2/util/validate_name.go). */
const RELEASE_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function releaseName(name = "release-name"): string {
  if (name.length > 53 || !RELEASE_NAME.test(name)) {
    throw new Refusal(`release name ${JSON.stringify(name)}: it is no DNS name of at most 53 characters`);
  }
  return name;
}

function checkDependencies({ metadata, subcharts }: Chart): void {
  const present = new Set(subcharts.map(({ metadata }) => metadata.name));
  const missing = (metadata.dependencies ?? []).map(({ name }) => name).filter((name) => !present.has(name));
  if (missing.length > 0) {
    throw new Refusal(`found in Chart.yaml, but missing in charts/ directory: ${missing.join(", ")}`);
  }
}

function checkKubeVersion({ metadata: { kubeVersion } }: Chart, kube: KubeVersion): void {
  if (kubeVersion !== "" && !inRange(kubeVersion, kube.normalized)) {
    throw new Refusal(
      `chart requires kubeVersion: ${kubeVersion} which is incompatible with Kubernetes ${kube.version}`,
    );
  }
}

/** Execute the templates. NOTES.txt has to work like all others, and is left out then. */
function execute(
  set: TemplateSet,
  templates: readonly ChartTemplate[],
  { budget, signal, versionUse }: Pick<RenderRequest, "signal" | "versionUse"> & { readonly budget: Budget },
  explorer: Explorer | undefined,
  remembered: KnownOfRender | undefined,
  failures: Failures,
): readonly TemplateOutput[] {
  const outputs: TemplateOutput[] = [];
  for (const template of templates) {
    const { name, data } = template;
    if (!set.has(name)) continue;
    versionUse?.begin(name);
    const run = (watch?: ExecutionWatch): TemplateOutput => {
      template.begin();
      if (explorer !== undefined) explorer.template = name;
      const options = {
        budget,
        now: NOW,
        seed: `${SEED}/${name}`,
        watch: alsoTelling(versionUse, watch),
        ...(explorer && { exploration: explorer }),
      };
      return new TemplateOutput(name, set.execute(name, data, options, signal));
    };
    const output = failures.collect(name, () =>
      remembered === undefined ? run() : remembered.output(template, set, run, explorer?.failures),
    );
    if (output !== undefined && output.text.trim() !== "" && !name.endsWith("NOTES.txt")) outputs.push(output);
  }
  return outputs.sort((a, b) => compareUtf8(a.name, b.name));
}

const alsoTelling = (use: VersionUse | undefined, watch: ExecutionWatch | undefined): ExecutionWatch | undefined =>
  use === undefined
    ? watch
    : {
        calling: (name) => watch?.calling(name),
        changing(map) {
          use.changing();
          watch?.changing(map);
        },
      };

/** Everything besides the chart and its values that templates see. */
const circumstancesOf = ({ kubeVersion, apiVersions, releaseName, namespace }: RenderRequest): string =>
  JSON.stringify([kubeVersion, apiVersions, releaseName, namespace]);

/** All that is asked for, as helm prints it. */
function arranged(
  root: PlacedChart,
  manifests: readonly Manifest[],
  known: KnownManifests,
  { includeCrds = true, noHooks = false, tests = false }: RenderRequest,
): readonly Manifest[] {
  const wanted = (hook: Manifest["hook"]): boolean => !noHooks && (tests || !hook!.events.includes("test"));
  return [
    ...(includeCrds ? crdsOf(root, known) : []),
    ...inInstallOrder(manifests.filter(({ hook }) => hook === undefined)),
    ...inInstallOrder(manifests.filter(({ hook }) => hook !== undefined && wanted(hook))),
  ];
}

/** Definitions are the largest files of all, and the same in all renders. */
const crdTexts = new WeakMap<ChartFile, string>();

function crdText(file: ChartFile): string {
  const text = crdTexts.get(file) ?? textOf(file.bytes);
  crdTexts.set(file, text);
  return text;
}

function crdsOf({ chart, path, dependencies }: PlacedChart, known: KnownManifests): readonly Manifest[] {
  const own = chart.files.filter((file) => file.path.startsWith("crds/") && /\.(?:ya?ml|json)$/i.test(file.path));
  return [
    ...own.flatMap((file) => known.crd(`${path}/${file.path}`, crdText(file))),
    ...dependencies.flatMap((each) => crdsOf(each, known)),
  ];
}
