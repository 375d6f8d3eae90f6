import { RejectedError } from "../../errors.ts";
import { type BranchText, Budget, integerOf } from "../../template/index.ts";
import type { RenderOptions } from "../renderer.ts";
import { type OpenChart, readChart } from "./chart.ts";
import { deepCopy, overlay, type Table } from "./coalesce.ts";
import { type ChartDefinition, type ChartHead, definitionsOf } from "./definitions.ts";
import { demandsOf } from "./demands.ts";
import type { Effect } from "./effect.ts";
import { KnownOutputs } from "./known-outputs.ts";
import { type ManifestDocument, ManifestReader } from "./manifests.ts";
import { type Profile, profilesOf } from "./profiles.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { type ChartRender, renderChart } from "./render-chart.ts";
import { valuesOf } from "./render-path.ts";
import { pathOf, type Setting, type SettingPath, settingOf, textsOf, withSettings } from "./setting.ts";
import { solve as solveFormulas } from "./solve.ts";
import { at, decidesOn, declaredValues, type Switches, switchesOf, switchesOfSubchart } from "./switches.ts";
import { hasSchema } from "./values-schema.ts";
import { VersionUse } from "./version-use.ts";
import { inRange } from "./versions.ts";

export type { BranchText } from "../../template/index.ts";
export type { ChartDefinition, ChartHead } from "./definitions.ts";
export type { ManifestDocument } from "./manifests.ts";
export type { Setting, SettingPath } from "./setting.ts";
export { settingOf, settingText } from "./setting.ts";

export interface Trial<Seen> {
  /** What was seen in each manifest, as helm prints them. What is the same in several renders was looked at once. */
  readonly seen: readonly Seen[];
  /** Why helm would refuse the chart; undefined where it would render it. */
  readonly refused: string | undefined;
  /** Of the first render that was refused: whether it may be accepted for another Kubernetes version. */
  readonly versionMatters: boolean;
  /**
   * Settings that bring in a branch which this render left out, as far as its conditions can be told in values: each of the
   * results may suffice, besides the settings of this render. None where a condition cannot be solved.
   */
  solve(branch: BranchText): readonly (readonly Setting[])[];
  /**
   * Those of the settings that may matter for what some templates put out: they read the values, or the values decide whether
   * their charts take part. All of them where what they read is not known. What such a subset shows has to be tried.
   */
  concerning(templates: readonly TemplatePlace[], settings: readonly Setting[]): readonly Setting[];
}

/** A template of a chart or of one below it. */
export interface TemplatePlace {
  /** `a/b`; empty for the chart itself. */
  readonly subchart: string;
  /** Its path below the outermost chart: `charts/a/charts/b/templates/pod.yaml` */
  readonly template: string;
}

/** Gets what a branch that was not taken would have put out. @param template that was executed: `web/templates/pod.yaml` */
export type OnBranch = (branch: BranchText, template: string) => void;

/** Operations of templates: a usual chart takes some thousand, the largest a million. */
const OPERATIONS_OF_ALL = 30_000_000;
const OPERATIONS_OF_ONE = 10_000_000;
const EXPLORED = { operations: 2_000_000, output: 32 * 1024 * 1024, depth: 100 } as const;

/** One chart, rendered many times with different settings. What all renders cost together is bounded. */
export class ChartTrials<Seen> implements Disposable {
  readonly #chart: OpenChart;
  readonly #options: RenderOptions;
  readonly #base: Table;
  readonly #profiles: ReadonlyMap<string, Profile>;
  #operations = OPERATIONS_OF_ALL;
  /** Whether something was left out because it cost too much. */
  exhausted = false;
  readonly #look: (document: ManifestDocument) => Seen;
  readonly #reader: ManifestReader<Seen>;
  readonly #outputs = new KnownOutputs<Seen>();
  #renders = 0;
  #declaredValues: Table | undefined;

  private constructor(
    path: string,
    chart: OpenChart,
    options: RenderOptions,
    look: (document: ManifestDocument, chart: ChartHead) => Seen,
  ) {
    this.#profiles = new Map(profilesOf(path, chart).map((profile) => [profile.path, profile]));
    this.#chart = chart;
    this.#options = options;
    this.#base = valuesOf(options);
    this.#look = (document) => look(document, this.head);
    this.#reader = new ManifestReader(this.#look, true);
  }

  /**
   * @param look gives what is kept of a manifest: it is not kept itself
   * @throws Refusal
   */
  static async open<Seen>(
    path: string,
    options: RenderOptions,
    look: (document: ManifestDocument, chart: ChartHead) => Seen,
  ): Promise<ChartTrials<Seen>> {
    return new ChartTrials(path, await readChart(path, options.signal), options, look);
  }

  /** Ends the trials: nothing can be rendered any more. What was seen stays. */
  [Symbol.dispose](): void {
    this.#chart[Symbol.dispose]();
  }

  /** What its Chart.yaml calls it. */
  get head(): ChartHead {
    const { name, version } = this.#chart.metadata;
    return { name, version };
  }

  get isLibrary(): boolean {
    return this.#chart.metadata.type === "library";
  }

  /**
   * Render with settings besides what the user says.
   *
   * @throws RejectedError TEMPLATE_TOO_EXPENSIVE when earlier renders have used up what all may cost together
   */
  render(settings: readonly Setting[] = [], options: TrialOptions = {}): Trial<Seen> {
    const budget = new Budget({ operations: Math.min(this.#operations, OPERATIONS_OF_ONE) });
    const given = budget.operationsLeft;
    // fails, and says why
    if (given <= 0) budget.spend(1);
    const versionUse = this.#renders === 0 ? new VersionUse() : undefined;
    try {
      const { seen, failures, exhausted, values, effects } = this.#render(settings, options, budget, versionUse);
      if (exhausted) this.exhausted = true;
      return {
        seen,
        refused: failures[0]?.reason,
        versionMatters: true,
        solve,
        concerning: this.#concerning(effects),
      };
      function solve({ conditions }: BranchText): readonly (readonly Setting[])[] {
        return solveFormulas(
          conditions.map(({ formula }) => formula),
          (path) => {
            const value = at(values, path);
            return integerOf(value) ?? value;
          },
        );
      }
    } catch (error) {
      const refusal = refusalOf(error);
      if (!(refusal instanceof Refusal)) throw error;
      const isTooMuch = refusal.cause instanceof RejectedError && refusal.cause.code === "TEMPLATE_TOO_EXPENSIVE";
      const versionMatters = (isTooMuch ? versionUse?.wasRead : versionUse?.matters) ?? true;
      return {
        seen: [],
        refused: refusal.message,
        versionMatters,
        solve: () => [],
        concerning: (_, some) => some,
      };
    } finally {
      this.#operations -= given - budget.operationsLeft;
      if (budget.operationsLeft < 0) this.exhausted = true;
    }
  }

  #render(
    settings: readonly Setting[],
    { tolerant = false, onBranch, consider }: TrialOptions,
    budget: Budget,
    versionUse: VersionUse | undefined,
  ): ChartRender<Seen> {
    const told = withSettings(this.#options, settings);
    // often the first render is the only one, unless there is something to explore: remembering takes time, and memory
    const isOnlyOne = this.#renders++ === 0 && onBranch === undefined;
    return renderChart(this.#chart, {
      ...told,
      values: settings.length === 0 ? deepCopy(this.#base) : valuesOf(told, this.#profileTexts(settings)),
      tolerant,
      budget,
      versionUse,
      ...(isOnlyOne
        ? { reader: new ManifestReader(this.#look, false) }
        : { reader: this.#reader, outputs: this.#outputs }),
      ...(onBranch === undefined
        ? tolerant && { explore: {} }
        : {
            explore: {
              report: onBranch,
              budget: new Budget(EXPLORED),
              ...(consider === undefined ? {} : { consider }),
            },
          }),
    });
  }

  /** Many of these are kept: they hold nothing else of a render. */
  #concerning(effects: ReadonlyMap<string, Effect>): Trial<Seen>["concerning"] {
    return (templates, settings) => {
      const places = templates.map(({ subchart, template }) => {
        const path = subchart.split("/").filter(Boolean);
        return { path, effect: effects.get(`${this.#chart.metadata.name}/${template}`) };
      });
      return settings.filter((setting) => {
        const value = pathOf(setting);
        if (value === undefined) return true;
        return places.some(
          ({ path, effect }) => effect === undefined || effect.reads(value) || decidesOn(this.#chart, path, value),
        );
      });
    };
  }

  /** Whether a setting says what holds anyway, by the defaults and what the user says: that a switch is on which is on. */
  isDefault(setting: Setting): boolean {
    const path = setting.option === "set" ? pathOf(setting) : undefined;
    const value = path && at(this.#declared(), path);
    return typeof value === "boolean" && setting.text.endsWith(`=${value}`);
  }

  #declared(): Table {
    this.#declaredValues ??= overlay(declaredValues(this.#chart), this.#base);
    return this.#declaredValues;
  }

  /** What can be switched on; each as the setting that does so. */
  get switches(): { readonly [kind in keyof Switches]: readonly Setting[] } {
    const on = (paths: readonly SettingPath[]): readonly Setting[] => paths.map((path) => settingOf(path, true));
    const { dormant, named, other } = switchesOf(this.#chart, this.#base);
    return { dormant: on(dormant), named: on(named), other: on(other) };
  }

  /** Values that may be what the chart misses, by the words with which it refused to render. */
  demandsOf(refusal: string): readonly Setting[] {
    return demandsOf(refusal, this.#declared());
  }

  /** What lets a subchart take part. @param subchart `a/b` */
  switchesOfSubchart(subchart: string): readonly Setting[] {
    return switchesOfSubchart(this.#chart, subchart.split("/").filter(Boolean)).map((path) => settingOf(path, true));
  }

  /** Values files for tests, `ci/*-values.yaml`, by which people show how the chart renders. */
  get profiles(): readonly Setting[] {
    return [...this.#profiles.keys()].map((path) => ({ option: "valuesFiles", text: path }));
  }

  #profileTexts(settings: readonly Setting[]): readonly string[] {
    return textsOf(settings, "valuesFiles").map((path) => this.#profiles.get(path)!.read());
  }

  /** To render without the schemas that values are checked against, where there are some. */
  get withoutSchema(): Setting | undefined {
    return hasSchema(this.#chart) ? { option: "skipSchemaValidation", text: "" } : undefined;
  }

  /** The newest Kubernetes version that the chart says it is for, where that is not the default one. */
  get kubeVersion(): Setting | undefined {
    const { kubeVersion } = this.#chart.metadata;
    return kubeVersion === "" || inRange(kubeVersion, KUBE_VERSIONS[0]!) ? undefined : this.kubeVersions[0];
  }

  /**
   * Kubernetes versions besides the default one for which the chart may render, newest first: those it says it is for, or all
   * where it does not say. None where the user has said which one it is.
   */
  get kubeVersions(): readonly Setting[] {
    const { kubeVersion } = this.#chart.metadata;
    if (this.#options.kubeVersion !== undefined) return [];
    return KUBE_VERSIONS.slice(1)
      .filter((version) => kubeVersion === "" || inRange(kubeVersion, version))
      .map((text) => ({ option: "kubeVersion", text }));
  }

  /** The chart and everything packed in it, taking part or not. */
  get definitions(): readonly ChartDefinition[] {
    return definitionsOf(this.#chart);
  }
}

export interface TrialOptions {
  /** Go on behind failures, with what is left. */
  readonly tolerant?: boolean;
  /** Explores the branches that are not taken. */
  readonly onBranch?: OnBranch;
  /** Whether a branch of this source text is worth exploring. */
  consider?(source: string): boolean;
}

/** Minor versions, newest first, which is the default one, back to the first that charts of helm 3 were written for. */
const KUBE_VERSIONS: readonly string[] = Array.from({ length: 24 }, (_, i) => `v1.${35 - i}.0`);
