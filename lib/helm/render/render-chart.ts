import { createHash } from "node:crypto";
import { type BranchText, Budget, Exploration, pathsOf } from "../../template/index.ts";
import { compareUtf8 } from "../../yaml/index.ts";
import { capabilitiesObject, type KubeVersion, parseKubeVersion } from "./capabilities.ts";
import type { Chart } from "./chart.ts";
import { textOf } from "./chart-source.ts";
import { coalesceValues, type Table } from "./coalesce.ts";
import { type PlacedChart, placeChart } from "./dependencies.ts";
import type { KnownOfRender, KnownOutputs } from "./known-outputs.ts";
import { inInstallOrder, type KnownManifests, type Manifest, manifestsOf } from "./manifests.ts";
import { namesOf, parse } from "./parsed-templates.ts";
import { Refusal } from "./refusal.ts";
import { Failures, type RenderFailure } from "./render-failures.ts";
import { type ChartTemplate, chartTemplates, isPartial, ValuesMap } from "./template-data.ts";
import { inRange } from "./versions.ts";

export interface RenderRequest {
  /** What the user says; the chart's defaults lie below. */
  readonly values: Table;
  readonly releaseName?: string | undefined;
  readonly namespace?: string | undefined;
  readonly kubeVersion?: string | undefined;
  readonly apiVersions?: readonly string[];
  readonly includeCrds?: boolean;
  readonly noHooks?: boolean;
  readonly tests?: boolean;
  /** Go on behind a failure, with the other templates; what failed is told in the result. Default false: it is thrown. */
  readonly tolerant?: boolean;
  /** What all templates together may cost; default: enough for every chart known. */
  readonly budget?: Budget;
  /** Executes also the branches that the values leave out. */
  readonly explore?: ExploreRequest;
  /** What was in the outputs of earlier renders of the chart. */
  readonly known?: Pick<KnownManifests, "of">;
  /** What templates put out in earlier renders of the chart. Not together with `explore`, unless that considers nothing. */
  readonly outputs?: KnownOutputs | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExploreRequest {
  /** Gets what each branch would have put out, and the template that was executed: the branch may lie in another one. */
  report(branch: BranchText, template: string): void;
  /** Whether a branch of this source text is worth exploring. */
  consider?(source: string): boolean;
  readonly budget?: Budget;
}

export interface ChartRender {
  /** crds/ first, then everything in the order of installing, then hooks: as helm prints them. */
  readonly manifests: readonly Manifest[];
  /** Empty unless the request is tolerant. */
  readonly failures: readonly RenderFailure[];
  /** What helm would warn about: values that are passed over. */
  readonly warnings: readonly string[];
  /** Whether branches were left out because exploring them cost too much. */
  readonly exhausted: boolean;
  /** The charts that took part, the rendered one at the root. */
  readonly root: PlacedChart;
  /** Values as the templates saw them at the beginning. */
  readonly values: Table;
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
  const warnings: string[] = [];
  const warn = (warning: string): void => void warnings.push(warning);
  const { kubeVersion, values: given } = request;
  const kube = parseKubeVersion(kubeVersion);
  if (kube === undefined) throw new Refusal(`invalid kube version '${kubeVersion}'`);
  const name = releaseName(request.releaseName);
  if (chart.metadata.type === "library") throw new Refusal("library charts are not installable");
  failures.collect(undefined, () => checkDependencies(chart));
  const root = placeChart(chart, given, inRange, warn);
  const values = coalesceValues(root, given, warn);
  failures.collect(undefined, () => checkKubeVersion(chart, kube));
  const capabilities = capabilitiesObject(kube, request.apiVersions ?? []);
  const release = { name, namespace: request.namespace ?? "default", capabilities };
  const explorer = request.explore && new Explorer(request.explore, values, failures.tolerated);
  const { known = { of: manifestsOf } } = request;
  const templates = chartTemplates(root, values, release);
  const remembered = request.outputs?.begin(templates, values, circumstancesOf(templates, request));
  const outputs = execute(chart, templates, request, explorer, remembered, failures);
  if (remembered?.end() === false) return renderChart(chart, { ...request, outputs: undefined });
  const manifests = outputs.flatMap(({ name, text }) => failures.collect(name, () => known.of(name, text)) ?? []);
  return {
    manifests: arranged(root, manifests, request),
    failures: failures.all,
    warnings,
    exhausted: explorer?.exploration.exhausted ?? false,
    root,
    values,
  };
}

/** Explores all templates of a chart, and knows which of them is executed. */
class Explorer {
  readonly exploration: Exploration;
  template = "";

  constructor({ report, ...options }: ExploreRequest, values: Table, tolerant: boolean) {
    const pathOf = pathsOf(values);
    this.exploration = new Exploration({
      ...options,
      tolerant,
      report: (branch) => report(branch, this.template),
      pathOf: (map) => pathOf(map instanceof ValuesMap ? map.table : map),
    });
  }
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

interface Output {
  readonly name: string;
  readonly text: string;
}

/** Execute every template that is no partial. NOTES.txt has to work like all others, and is left out then. */
function execute(
  chart: Chart,
  templates: readonly ChartTemplate[],
  { budget = new Budget(), signal }: RenderRequest,
  explorer: Explorer | undefined,
  remembered: KnownOfRender | undefined,
  failures: Failures,
): readonly Output[] {
  const set = parse(chart, templates, failures);
  const outputs: Output[] = [];
  const keep = (name: string, text: string): void => {
    if (text.trim() !== "" && !name.endsWith("NOTES.txt")) outputs.push({ name, text });
  };
  for (const template of templates) {
    const { name, basePath, data } = template;
    if (isPartial(name) || !set.has(name)) continue;
    const known = remembered?.get(template);
    if (known !== undefined) {
      keep(name, known);
      continue;
    }
    data.set(
      "Template",
      new ValuesMap(
        new Map([
          ["Name", name],
          ["BasePath", basePath],
        ]),
      ),
    );
    const options = {
      budget,
      now: NOW,
      seed: `${SEED}/${name}`,
      ...(explorer === undefined ? {} : { exploration: explorer.exploration }),
    };
    if (explorer !== undefined) explorer.template = name;
    const text = failures.collect(name, () => set.execute(name, data, options, signal));
    if (text === undefined) continue;
    remembered?.set(template, text);
    keep(name, text);
  }
  return outputs.sort((a, b) => compareUtf8(a.name, b.name));
}

/** Everything besides values that makes templates put out something else. */
const circumstancesOf = (templates: readonly ChartTemplate[], request: RenderRequest): string =>
  JSON.stringify([
    createHash("sha256").update(namesOf(templates)).digest("base64"),
    request.kubeVersion,
    request.apiVersions,
    request.releaseName,
    request.namespace,
  ]);

/** All that is asked for, as helm prints it. */
function arranged(
  root: PlacedChart,
  manifests: readonly Manifest[],
  { includeCrds = true, noHooks = false, tests = false }: RenderRequest,
): readonly Manifest[] {
  const wanted = (hook: Manifest["hook"]): boolean => !noHooks && (tests || !hook!.events.includes("test"));
  return [
    ...(includeCrds ? crdsOf(root) : []),
    ...inInstallOrder(manifests.filter(({ hook }) => hook === undefined)),
    ...inInstallOrder(manifests.filter(({ hook }) => hook !== undefined && wanted(hook))),
  ];
}

/** What lies in crds/ is no template; it is printed as it is. */
function crdsOf({ chart, path, dependencies }: PlacedChart): readonly Manifest[] {
  const own = chart.files
    .filter((file) => file.path.startsWith("crds/") && /\.(?:ya?ml|json)$/i.test(file.path))
    .map((file) => ({
      path: `${path}/${file.path}`,
      text: textOf(file.bytes),
      value: undefined,
      kind: "CustomResourceDefinition",
    }));
  return [...own, ...dependencies.flatMap(crdsOf)];
}
