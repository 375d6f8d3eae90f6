import type { Value } from "../../template/index.ts";
import { writeJson } from "../../yaml/index.ts";
import type { RenderOptions } from "../renderer.ts";
import { isTable } from "./coalesce.ts";

/** Keys of maps, from the values of the whole chart down to one of them. */
export type SettingPath = readonly string[];

/** One thing that can be said to `helm template` besides everything else. */
export interface Setting {
  readonly option:
    | "set"
    | "setString"
    | "setJson"
    | "apiVersions"
    | "kubeVersion"
    | "valuesFiles"
    | "skipSchemaValidation";
  /** What follows the option: `metrics.enabled=true`; nothing where it takes no value. Values files are paths in the chart. */
  readonly text: string;
}

/** The setting that gives a value of the chart another value. */
export function settingOf(path: SettingPath, value: Value): Setting {
  const key = path.map((step) => step.replaceAll(/[\\.,=[\]]/g, "\\$&")).join(".");
  if (typeof value === "string") return { option: "setString", text: `${key}=${value.replaceAll(/[\\,]/g, "\\$&")}` };
  if (isTable(value) || Array.isArray(value)) return { option: "setJson", text: `${key}=${writeJson(value)}` };
  return { option: "set", text: `${key}=${value === undefined ? null : String(value)}` };
}

/** The path that a setting is about. @returns undefined where it is not about one value */
export function pathOf({ option, text }: Setting): SettingPath | undefined {
  if (option !== "set" && option !== "setString" && option !== "setJson") return undefined;
  const [key] = /^(?:\\.|[^\\=])*/.exec(text)!;
  return Array.from(key.matchAll(/(?:\\.|[^\\.])+/g), ([step]) => step.replaceAll(/\\(.)/g, "$1"));
}

const flags = {
  set: "",
  setString: "--set-string ",
  setJson: "--set-json ",
  apiVersions: "--api-versions ",
  kubeVersion: "--kube-version ",
  valuesFiles: "--values ",
  skipSchemaValidation: "--skip-schema-validation",
} as const satisfies Record<Setting["option"], string>;

/** As people write it: `metrics.enabled=true`; with the option before it where that is not `--set`. */
export const settingText = ({ option, text }: Setting): string => flags[option] + text;

/** What follows an option in settings, each time it is there. */
export const textsOf = (settings: readonly Setting[], option: Setting["option"]): readonly string[] =>
  settings.filter((setting) => setting.option === option).map(({ text }) => text);

/** The options with settings behind all that they say, but for values files: those lie in the chart. */
export function withSettings(options: RenderOptions, settings: readonly Setting[]): RenderOptions {
  const texts = (option: Setting["option"]): readonly string[] => textsOf(settings, option);
  return {
    ...options,
    set: [...(options.set ?? []), ...texts("set")],
    setString: [...(options.setString ?? []), ...texts("setString")],
    setJson: [...(options.setJson ?? []), ...texts("setJson")],
    apiVersions: [...(options.apiVersions ?? []), ...texts("apiVersions")],
    kubeVersion: texts("kubeVersion").at(-1) ?? options.kubeVersion,
    skipSchemaValidation: texts("skipSchemaValidation").length > 0 || (options.skipSchemaValidation ?? false),
  };
}
