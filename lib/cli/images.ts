import { compose } from "../compose.ts";
import { openChartReference, type RenderOptions, readChartOnDisk } from "../helm/index.ts";
import {
  type Findings,
  findImages,
  formatList,
  formatTable,
  imagesOfChart,
  readManifests,
  uniteFindings,
  withChartFile,
} from "../images/index.ts";
import { notYet, readArguments, UsageError } from "./arguments.ts";
import { loadLocalConfig } from "./local-config.ts";
import { print, type Surroundings, type Verb } from "./verb.ts";

/** Print the images of charts or of plain manifests. Exit status 1 when the list may be incomplete. */
export const images: Verb = async (args, surroundings) => {
  const { values, positionals } = readArguments(
    args,
    {
      values: { type: "string", multiple: true, default: [] },
      set: { type: "string", multiple: true, default: [] },
      "kube-version": { type: "string" },
      tests: { type: "boolean", default: false },
      manifests: { type: "boolean", default: false },
      optional: { type: "boolean", default: false },
      placeholders: { type: "boolean", default: false },
      format: { type: "string", default: "list" },
      "strip-registry": { type: "boolean", default: false },
      config: { type: "string" },
    },
    { min: 1, max: Number.POSITIVE_INFINITY },
  );
  if (values.optional) throw notYet("--optional");
  if (values.placeholders) throw notYet("--placeholders");
  const format = Object.hasOwn(formats, values.format) ? formats[values.format] : undefined;
  if (!format) throw new UsageError(`--format is one of ${Object.keys(formats).join(", ")}, not "${values.format}"`);
  const options = {
    valuesFiles: values.values,
    set: values.set,
    tests: values.tests,
    kubeVersion: values["kube-version"],
    signal: surroundings.signal,
  };
  if (
    values.manifests &&
    (options.tests || options.kubeVersion || options.set.length + options.valuesFiles.length > 0)
  ) {
    throw new UsageError("--values, --set, --kube-version and --tests are for charts, not for --manifests");
  }
  const findings = values.manifests
    ? findImages(await readManifests(positionals))
    : await imagesOfCharts(positionals, options, values.config, surroundings);
  await print(surroundings, format(findings, values["strip-registry"]));
  for (const { chart, reason } of findings.unresolved) {
    surroundings.stderr.write(`stowage images: the list may be incomplete: ${chart}: ${reason}\n`);
  }
  return findings.unresolved.length === 0 ? 0 : 1;
};

const formats: Readonly<Record<string, (findings: Findings, stripRegistry: boolean) => string>> = {
  list: (findings, stripRegistry) => formatList(findings, { stripRegistry }),
  json: (findings) => `${JSON.stringify(findings, null, 2)}\n`,
  table: formatTable,
};

async function imagesOfCharts(
  charts: readonly string[],
  options: RenderOptions,
  configFile: string | undefined,
  { env, log, signal }: Surroundings,
): Promise<Findings> {
  const { config } = await loadLocalConfig(env, { config: configFile });
  const { registries, renderer } = await compose(config, { log }).ports(["registries", "renderer"]);
  const found: Findings[] = [];
  for (const chart of charts) {
    const remote = /^(?:oci|docker):\/\/(.+)$/.exec(chart)?.[1];
    if (remote === undefined) found.push(await imagesOfChart(await readChartOnDisk(chart), renderer, options));
    else {
      const { source, artifact } = await openChartReference(remote, registries, signal);
      found.push(
        await withChartFile(source, artifact, signal, (path) =>
          imagesOfChart({ ...artifact.metadata, path }, renderer, options),
        ),
      );
    }
  }
  return uniteFindings(found);
}
