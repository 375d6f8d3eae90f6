import { isConfigured } from "../config/index.ts";
import { openChartRenderer } from "../helm/index.ts";
import type { ChartFinder, ExploreOptions } from "../images/index.ts";
import { readArguments, UsageError } from "./arguments.ts";
import type { ListOutcome } from "./images-compared.ts";
import { type ImagesInput, imagesOfInput, inputKinds } from "./images-input.ts";
import { imagesFormats, remarksOn } from "./images-output.ts";
import type { ConfiguredPorts } from "./images-ports.ts";
import { print, type Verb } from "./verb.ts";

/**
 * Print the images of charts, releases, manifests, OEM addon files or cluster images. Exit status 1 when the list may be
 * incomplete, or an image that was to be locked is not there.
 */
export const images: Verb = async (args, surroundings) => {
  const { input, format, form, ...wanted } = readCommand(args);
  const { env, signal, stderr } = surroundings;
  let opened: Promise<ConfiguredPorts> | undefined;
  const configured = (): Promise<ConfiguredPorts> => {
    opened ??= import("./images-ports.ts").then(({ openConfigured }) => openConfigured(surroundings, wanted));
    return opened;
  };
  const registries = async () => (await configured()).registries;
  // where nothing is configured, nothing can be wrong with it, and a chart on disk needs none of it
  const hosts = isConfigured(env, wanted.config) ? (await configured()).hosts : [];
  const finder = async (): Promise<ChartFinder> => {
    const renderer = openChartRenderer();
    if (wanted.crossCheck) {
      const { openHelm } = await import("./images-ports.ts");
      return { renderer, crossCheck: await openHelm(surroundings) };
    }
    return wanted.data === undefined ? { renderer } : { renderer, kept: await (await configured()).kept() };
  };

  const selected = await imagesOfInput(input, { registries, finder }, signal);
  const request = { ...wanted, ...form, hosts };
  const asks = hosts.length > 0 || wanted.lock !== undefined || wanted.diff !== undefined;
  const { findings, difference, problems }: ListOutcome = asks
    ? await (await import("./images-compared.ts")).checkAndCompare(selected.findings, request, registries, signal)
    : { findings: selected.findings, problems: [] };
  const listed = { ...selected, findings };
  await print(surroundings, format({ ...listed, difference }, form));
  for (const line of [...remarksOn(listed), ...problems]) stderr.write(`stowage images: ${line}\n`);
  return findings.unresolved.length + problems.length === 0 ? 0 : 1;
};

function readCommand(args: readonly string[]) {
  const { values, positionals } = readArguments(
    args,
    {
      values: { type: "string", multiple: true, default: [] },
      profile: { type: "string", multiple: true, default: [] },
      set: { type: "string", multiple: true, default: [] },
      "kube-version": { type: "string" },
      "skip-schema-validation": { type: "boolean", default: false },
      tests: { type: "boolean", default: false },
      manifests: { type: "boolean", default: false },
      lists: { type: "boolean", default: false },
      placeholders: { type: "boolean", default: false },
      release: { type: "boolean", default: false },
      "cluster-image": { type: "boolean", default: false },
      optional: { type: "boolean", default: false },
      "cross-check": { type: "boolean", default: false },
      rules: { type: "string" },
      format: { type: "string", default: "list" },
      "strip-registry": { type: "boolean", default: false },
      lock: { type: "string" },
      diff: { type: "string" },
      data: { type: "string" },
      config: { type: "string" },
    },
    { min: 1, max: Number.POSITIVE_INFINITY },
  );
  const format = Object.hasOwn(imagesFormats, values.format) ? imagesFormats[values.format] : undefined;
  if (!format) {
    throw new UsageError(`--format is one of ${Object.keys(imagesFormats).join(", ")}, not "${values.format}"`);
  }
  const kinds = inputKinds.filter((kind) => kind !== "charts" && values[kind]);
  if (kinds.length > 1) throw new UsageError(`${kinds.map((kind) => `--${kind}`).join(" and ")} are different inputs`);
  const { tests, optional, rules, lock, diff, data, config } = values;
  const [kind = "charts"] = kinds;
  const input: ImagesInput = { kind, paths: positionals, profiles: profilesOf(values), tests, optional, rules };
  refuseMisplaced(input, values);
  // OEM lists have no registries, and the order of the files
  const isOem = kind === "placeholders";
  const stripRegistry = values["strip-registry"] && !isOem;
  const form = { stripRegistry, sorted: !isOem, hostless: isOem || stripRegistry };
  return { input, format, form, lock, diff, data, config, crossCheck: values["cross-check"] };
}

interface ChartValues {
  readonly values: readonly string[];
  readonly profile: readonly string[];
  readonly set: readonly string[];
  readonly tests: boolean;
  readonly optional: boolean;
  readonly "kube-version"?: string | undefined;
  readonly "skip-schema-validation": boolean;
}

/** Each profile is rendered on top of what all have in common. */
function profilesOf(given: ChartValues): ExploreOptions[] {
  const { values, profile, set, tests, optional, "kube-version": kubeVersion } = given;
  const flags = { tests, optional, skipSchemaValidation: given["skip-schema-validation"] };
  const common = { set, kubeVersion, ...Object.fromEntries(Object.entries(flags).filter(([, given]) => given)) };
  if (profile.length === 0) return [{ ...common, valuesFiles: values }];
  return profile.map((files) => ({ ...common, valuesFiles: [...values, ...files.split(",")] }));
}

/** What would have no effect is refused. */
function refuseMisplaced(
  { kind, paths, tests, optional, rules }: ImagesInput,
  given: ChartValues & { lock?: string | undefined },
) {
  const { values, profile, set, "kube-version": kubeVersion, "skip-schema-validation": unchecked } = given;
  const ofValues = kubeVersion !== undefined || unchecked || values.length + profile.length + set.length > 0;
  if (kind !== "charts" && ofValues) {
    throw new UsageError("--values, --profile, --set, --kube-version and --skip-schema-validation are for charts");
  }
  if (optional && (kind === "manifests" || kind === "lists" || kind === "placeholders")) {
    throw new UsageError("--optional is for charts, releases and cluster images");
  }
  if (tests && kind !== "charts" && kind !== "manifests") throw new UsageError("--tests is for charts and manifests");
  if (rules !== undefined && kind === "release") throw new UsageError("--rules: a release has rules of its own");
  if (given.lock !== undefined && kind === "placeholders") throw new UsageError("--lock: OEM lists name no registries");
  if (paths.length > 1 && (kind === "release" || kind === "cluster-image")) {
    throw new UsageError(`unexpected argument "${paths[1]}"`);
  }
}
