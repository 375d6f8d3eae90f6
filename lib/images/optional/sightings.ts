import type { BranchText, ChartHead } from "../../helm/render/index.ts";
import type { ManifestSource } from "../find.ts";
import type { Finding } from "../finding.ts";
import { sourceOfTemplate } from "../template-path.ts";
import { findInFragment, isPartOfLine, WORTH_READING } from "./fragment.ts";
import type { LookedTrial, LookedTrials, Seen } from "./looks.ts";
import { keyOf, type Settings } from "./proofs.ts";

/** An image seen where nothing proves yet that it can be needed. */
export interface Sighting {
  readonly finding: Finding;
  /** As people read it: what has to hold for the place to be rendered. */
  readonly condition: string;
  /** Whether the text there is whole. Else it only says where to look. */
  readonly certain: boolean;
}

/** A branch whose source neither says anything of images nor calls what may is not worth exploring. */
const CONSIDERED = /image|include|template|tpl|toYaml|[\w}]\/[\w.{-]+[:@]/i;
/** The condition of what was shown with all switches on. */
export const EVERY_SWITCH = "every switch is on";
/** Of one image: more say nothing new. */
const MAX_SIGHTINGS = 5;
const MAX_GUESSES = 6;

/** The images that branches name which are not taken, and renders that go on behind failures. */
export class Sightings {
  readonly #chart: ChartHead;
  readonly #trials: LookedTrials;
  readonly #sightings = new Map<string, Sighting[]>();
  readonly #guesses = new Map<string, Map<string, Settings>>();
  readonly #shown = new Map<string, Settings>();

  constructor(chart: ChartHead, trials: LookedTrials) {
    this.#chart = chart;
    this.#trials = trials;
  }

  get images(): readonly string[] {
    return [...this.#sightings.keys()];
  }

  of(image: string): readonly Sighting[] {
    return this.#sightings.get(image) ?? [];
  }

  /**
   * Settings under which the image may come, the fewest first; each may suffice.
   *
   * @param basis what is needed anyway: but for values files, defaults still hold, and need not be said
   */
  guessesFor(image: string, basis: Settings): readonly Settings[] {
    const all = [...(this.#guesses.get(image)?.values() ?? [])].sort((a, b) => a.length - b.length);
    const isNeeded = (setting: Settings[number]): boolean => !this.#trials.isDefault(setting);
    const keepsDefaults = basis.every(({ option }) => option !== "valuesFiles");
    const guesses = keepsDefaults ? all.map((settings) => settings.filter(isNeeded)) : all;
    return [...new Map(guesses.map((settings) => [keyOf(settings), settings])).values()]
      .filter(({ length }) => length > 0)
      .slice(0, MAX_GUESSES);
  }

  /**
   * Render, and note what the branches name that are left out.
   *
   * @param settings besides what is needed anyway
   */
  explore(basis: Settings, settings: Settings, tolerant: boolean): LookedTrial {
    const noted: { readonly branch: BranchText; readonly template: string; readonly found: readonly Finding[] }[] = [];
    const known = new Set<string>();
    const onBranch = (branch: BranchText, template: string): void => {
      const key = `${template}\0${branch.before}\0${branch.text}`;
      if (known.has(key) || !WORTH_READING.test(branch.before + branch.text)) return;
      known.add(key);
      const found = findInFragment(branch, this.#sourceOf(template));
      if (found.length > 0) noted.push({ branch, template, found });
    };
    const trial = this.#trials.render([...basis, ...settings], { tolerant, onBranch, consider });
    for (const { branch, template, found } of noted) {
      const solved = trial.solve(branch);
      const switched = this.#switchesOf(this.#sourceOf(template).subchart);
      const condition = branch.conditions.map(({ text }) => text).join(" && ");
      for (const finding of found) {
        this.#note(finding, condition, !isPartOfLine(branch));
        for (const way of solved) this.#guess(finding.image, [...switched, ...way]);
      }
    }
    return trial;
  }

  /** Note what a render shows that proves nothing, since it passed over failures. @param switches it was made with */
  show(seen: Seen, switches: Settings): void {
    for (const [image, findings] of seen) {
      if (!this.#shown.has(image)) this.#shown.set(image, switches);
      for (const finding of findings) {
        this.#note(finding, EVERY_SWITCH, true);
        this.#guess(image, this.#switchesOf(finding.reasons[0]!.subchart));
      }
    }
  }

  /** The switches with which a tolerant render showed the image outside of branches. */
  shownWith(image: string): Settings | undefined {
    return this.#shown.get(image);
  }

  #sourceOf(template: string): ManifestSource {
    return sourceOfTemplate(template, this.#chart.name, this.#chart.version);
  }

  #switchesOf(subchart: string): Settings {
    return subchart === "" ? [] : this.#trials.switchesOfSubchart(subchart);
  }

  #note(finding: Finding, condition: string, certain: boolean): void {
    const sightings = this.#sightings.get(finding.image) ?? [];
    this.#sightings.set(finding.image, sightings);
    if (sightings.length < MAX_SIGHTINGS) sightings.push({ finding, condition, certain });
  }

  #guess(image: string, settings: Settings): void {
    if (settings.length === 0) return;
    const guesses = this.#guesses.get(image) ?? new Map<string, Settings>();
    this.#guesses.set(image, guesses.set(keyOf(settings), settings));
  }
}

const consider = (source: string): boolean => CONSIDERED.test(source);
