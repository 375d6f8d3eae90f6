import { Budget, type ExecutionWatch, type TemplateSet } from "../../template/index.ts";
import { compareUtf8 } from "../../yaml/index.ts";
import type { RenderOptions } from "../renderer.ts";
import { capabilitiesObject, type KubeVersion, parseKubeVersion } from "./capabilities.ts";
import type { Chart } from "./chart.ts";
import { coalesceValues, type Table } from "./coalesce.ts";
import { type PlacedChart, placeChart } from "./dependencies.ts";
import type { Effect } from "./effect.ts";
import { type ExploreRequest, Explorer } from "./explorer.ts";
import type { KnownOfRender, KnownOutputs } from "./known-outputs.ts";
import { inInstallOrder, type Manifest, type ManifestReader, TemplateOutput } from "./manifests.ts";
import { parse, parseForOnce } from "./parsed-templates.ts";
import { Refusal, refusalOf } from "./refusal.ts";
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

export interface RenderRequest<Seen> extends Told {
  /** What the user says; the chart's defaults lie below. */
  readonly values: Table;
  /** Go on behind a failure, with the other templates; what failed is told in the result. Default false: it is thrown. */
  readonly tolerant?: boolean;
  /** What all templates together may cost; default: enough for every chart known. */
  readonly budget?: Budget;
  /** Executes also the branches that the values leave out. */
  readonly explore?: ExploreRequest;
  /** Reads what the templates put out. */
  readonly reader: ManifestReader<Seen>;
  /**
   * What templates put out in earlier renders of the chart. Those that are known are not explored once more. Without it, the
   * chart is taken for one that is rendered once.
   */
  readonly outputs?: KnownOutputs<Seen> | undefined;
  /** Is told what looks at the Kubernetes version. */
  readonly versionUse?: VersionUse | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ChartRender<Seen> {
  /** What was seen in each manifest: crds/ first, then everything in the order of installing, then hooks, as helm prints them. */
  readonly seen: readonly Seen[];
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
export function renderChart<Seen>(chart: Chart, request: RenderRequest<Seen>): ChartRender<Seen> {
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
  const isOnlyOne = request.outputs === undefined && explorer === undefined && !failures.tolerated;
  const set = isOnlyOne ? parseForOnce(root) : parse(root, failures);
  let outputs: readonly TemplateOutput<Seen>[];
  try {
    outputs = execute(set, templates, { ...request, budget }, explorer, remembered, failures);
  } catch (error) {
    if (error instanceof SharedChange) {
      request.outputs?.giveUp();
      return renderChart(chart, request);
    }
    if (refusalOf(error) instanceof Refusal) set.check();
    throw error;
  }
  const manifests = outputs.flatMap((output) => {
    versionUse?.begin(output.name);
    return failures.collect(output.name, () => output.manifests) ?? [];
  });
  return {
    seen: arranged(root, manifests, request).map(({ seen }) => seen),
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
function execute<Seen>(
  set: TemplateSet,
  templates: readonly ChartTemplate[],
  { budget, reader, signal, versionUse }: RenderRequest<Seen> & { readonly budget: Budget },
  explorer: Explorer | undefined,
  remembered: KnownOfRender<Seen> | undefined,
  failures: Failures,
): readonly TemplateOutput<Seen>[] {
  const outputs: TemplateOutput<Seen>[] = [];
  for (const template of templates) {
    const { name, data } = template;
    if (!set.has(name)) continue;
    versionUse?.begin(name);
    const run = (watch?: ExecutionWatch): TemplateOutput<Seen> => {
      template.begin();
      if (explorer !== undefined) explorer.template = name;
      const options = {
        budget,
        now: NOW,
        seed: `${SEED}/${name}`,
        watch: alsoTelling(versionUse, watch),
        ...(explorer && { exploration: explorer }),
      };
      return new TemplateOutput(name, set.execute(name, data, options, signal), reader);
    };
    const output = failures.collect(name, () =>
      remembered === undefined ? run() : remembered.output(template, set, run, explorer?.failures),
    );
    if (output !== undefined) outputs.push(output);
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
const circumstancesOf = ({ kubeVersion, apiVersions, releaseName, namespace }: Told): string =>
  JSON.stringify([kubeVersion, apiVersions, releaseName, namespace]);

/** All that is asked for, as helm prints it. */
function arranged<Seen>(
  root: PlacedChart,
  manifests: readonly Manifest<Seen>[],
  { reader, includeCrds = true, noHooks = false, tests = false }: RenderRequest<Seen>,
): readonly Manifest<Seen>[] {
  const wanted = (hook: Manifest<Seen>["hook"]): boolean => !noHooks && (tests || !hook!.events.includes("test"));
  return [
    ...(includeCrds ? crdsOf(root, reader) : []),
    ...inInstallOrder(manifests.filter(({ hook }) => hook === undefined)),
    ...inInstallOrder(manifests.filter(({ hook }) => hook !== undefined && wanted(hook))),
  ];
}

function crdsOf<Seen>(
  { chart, path, dependencies }: PlacedChart,
  reader: ManifestReader<Seen>,
): readonly Manifest<Seen>[] {
  const own = chart.files.filter((file) => file.path.startsWith("crds/") && /\.(?:ya?ml|json)$/i.test(file.path));
  return [
    ...own.flatMap((file) => reader.crd(`${path}/${file.path}`, file)),
    ...dependencies.flatMap((each) => crdsOf(each, reader)),
  ];
}
