import { StowageError } from "../../errors.ts";
import type { ChartPlace, RenderOptions } from "../../helm/index.ts";
import { type ChartHead, ChartTrials } from "../../helm/render/index.ts";
import { type DeclaredChart, findDeclared } from "../declared.ts";
import { type Finding, type Findings, type Unresolved, uniteFindings } from "../finding.ts";
import { type Basis, findBasis, triedProfiles, untriedProfiles } from "./basis.ts";
import { possible, requiredImages, switchedOn } from "./grading.ts";
import { imagesIn, type LookedTrial, type LookedTrials, lookAt } from "./looks.ts";
import { fewest, Proofs, type Settings } from "./proofs.ts";
import { EVERY_SWITCH, Sightings } from "./sightings.ts";

export interface ExploreOptions extends RenderOptions {
  /** Find also what the values leave out. */
  readonly optional?: boolean | undefined;
}

/**
 * The images of a chart archive or directory, rendered on this thread.
 *
 * With `optional` also the images that the values leave out: *optional* with the smallest settings that bring them, proven by
 * a strict render; *possible* where a branch names one and no settings were found that render it; *suspected* where only
 * values and annotations do.
 *
 * A chart that does not render is tried with older Kubernetes versions, with its `ci/*-values.yaml`, and without
 * its values.schema.json: its switches say so. Otherwise it is unresolved, and what its other templates name is possible.
 *
 * @throws Refusal where the chart cannot be read
 */
export async function exploreChart(chart: ChartPlace, options: ExploreOptions): Promise<Findings> {
  const { optional = false, ...rest } = options;
  using trials = await ChartTrials.open(chart.path, rest, (document, head) =>
    lookAt(document, { ...head, ...chart }, rest.tests ?? false),
  );
  if (trials.isLibrary) return { images: [], unresolved: [] };
  const exploring = new Exploring({ ...trials.head, ...chart }, trials);
  return optional ? exploring.everything() : exploring.required();
}

const NOT_ALONE = "the chart renders with these switches, which it does not without further values";
/** Sets of switches that replace something, in one chart. */
const MAX_REPLACING = 3;
/** Images that are searched for among switches which do not render together. */
const MAX_SEARCHES = 4;
/** Images for which a chart is given what it asks for, and guesses for each of them. */
const MAX_COMPLETED = 8;
const MAX_COMPLETED_GUESSES = 2;
/** Renders of such a search. */
const MAX_TRIES = 16;
class Exploring {
  readonly #chart: ChartHead;
  readonly #trials: LookedTrials;
  readonly #sightings: Sightings;
  #searches = 0;
  #completions = 0;
  /** The fewest switches that show an image where failures are passed over, and with which the chart does not render. */
  readonly #refused = new Map<string, Settings>();
  /** Proven so far: the fewest settings that bring each image, and where it is then. */
  readonly #proven = new Map<string, { readonly settings: Settings; readonly findings: readonly Finding[] }>();

  constructor(chart: ChartHead, trials: LookedTrials) {
    this.#chart = chart;
    this.#trials = trials;
    this.#sightings = new Sightings(chart, trials);
  }

  required(): Findings {
    return this.#basis(this.#trials.render()).findings;
  }

  everything(): Findings {
    const basis = this.#basis(this.#sightings.explore([], [], false));
    const required = new Set(requiredImages(basis.findings));
    const unresolved: Unresolved[] = [];
    try {
      this.#prove(basis.settings, required);
    } catch (error) {
      if (!(error instanceof StowageError)) throw error;
      unresolved.push(this.#unresolved(`not all of its switches were tried: ${error.message}`));
    }
    unresolved.push(...untriedProfiles(this.#trials).map((reason) => this.#unresolved(reason)));
    if (this.#trials.exhausted) {
      unresolved.push(this.#unresolved("not all of its branches were explored: executing them takes too much"));
    }
    const rendered = uniteFindings([
      basis.findings,
      { images: [...this.#optional(basis.settings), ...this.#possible(required)], unresolved },
    ]);
    return uniteFindings([rendered, findDeclared(this.#declared(), rendered)]);
  }

  #basis(byDefault: LookedTrial): Basis {
    return findBasis(byDefault, this.#trials, (reason) => this.#unresolved(reason));
  }

  /** Look for images with all switches on, then for the fewest settings that bring each one seen. */
  #prove(basis: Settings, required: ReadonlySet<string>): void {
    const proofs = new Proofs(this.#trials, basis);
    for (const profile of triedProfiles(this.#trials)) proofs.outcome([profile]);
    const { dormant, named, other } = this.#trials.switches;
    if (dormant.length > 0) this.#sightings.show(imagesIn(this.#sightings.explore(basis, dormant, true)), dormant);
    const together = this.#show(named, required, proofs);
    if (other.length > 0) this.#show([...together, ...other], required, proofs);
    for (const image of this.#open(required)) this.#guess(image, basis, proofs);
    for (const [image, settings] of proofs.witnesses()) {
      if (!required.has(image) && !this.#proven.has(image)) this.#keep(image, settings, proofs);
    }
  }

  /** What neither is needed anyway nor proven yet. */
  #open(required: ReadonlySet<string>): readonly string[] {
    return this.#sightings.images.filter((image) => !required.has(image) && !this.#proven.has(image));
  }

  /**
   * Look at the chart with switches on. Those that remove what is needed by default replace something: each of them alone,
   * and all others without it, may bring what all together do not.
   *
   * @returns the switches that replace nothing
   */
  #show(switches: Settings, required: ReadonlySet<string>, proofs: Proofs): Settings {
    let left = switches;
    for (let round = 0; left.length > 0; round++) {
      const seen = proofs.shown(left);
      this.#sightings.show(seen, left);
      const gone = [...required].find((image) => !seen.has(image));
      if (gone === undefined || round === MAX_REPLACING) break;
      const replacing = left[firstThat(left.length, (count) => !proofs.shown(left.slice(0, count + 1)).has(gone))]!;
      proofs.outcome([replacing]);
      left = left.filter((setting) => setting !== replacing);
    }
    return left;
  }

  /** Try what conditions say; else search among the switches with which the image was seen; else give what is asked for. */
  #guess(image: string, basis: Settings, proofs: Proofs): void {
    const guesses = this.#sightings.guessesFor(image, basis);
    const settings =
      guesses.find((guess) => proofs.outcome(guess)?.has(image)) ??
      this.#search(image, proofs) ??
      this.#completed(image, guesses, proofs);
    if (settings !== undefined) this.#keep(image, settings, proofs);
  }

  #completed(image: string, guesses: readonly Settings[], proofs: Proofs): Settings | undefined {
    if (this.#completions++ >= MAX_COMPLETED) return undefined;
    const starts = [...guesses.slice(0, MAX_COMPLETED_GUESSES), this.#refused.get(image) ?? []];
    const completed = starts.values().map((start) => proofs.completed(start, image));
    return completed.find((settings) => settings !== undefined);
  }

  #search(image: string, proofs: Proofs): Settings | undefined {
    const switches = this.#sightings.shownWith(image);
    if (switches === undefined) return undefined;
    const areas = new Set(
      this.#sightings.of(image).map(({ finding }) => finding.reasons[0]!.subchart.split("/", 1)[0]!),
    );
    const near = switches.filter((setting) => areas.has(areaOf(setting)));
    const start = near.length > 0 && proofs.shown(near).has(image) ? near : switches;
    if (proofs.outcome(start)?.has(image)) return start;
    if (this.#searches++ >= MAX_SEARCHES) return undefined;
    const read = proofs.concerning(start, image);
    const isShown = (some: Settings): boolean => proofs.shown(some).has(image);
    const few = fewest(read.length > 0 && isShown(read) ? read : start, isShown, MAX_TRIES);
    const related = start.filter((setting) => few.some((one) => areaOf(one) === areaOf(setting)));
    const found = [few, related].find((some) => proofs.outcome(some)?.has(image));
    if (found === undefined) this.#refused.set(image, few);
    return found;
  }

  #keep(image: string, known: Settings, proofs: Proofs): void {
    const isEnough = (some: Settings): boolean => proofs.outcome(some)?.has(image) === true;
    const settings = fewest(this.#readOf(image, known, proofs, isEnough), isEnough);
    this.#proven.set(image, { settings, findings: proofs.outcome(settings)!.get(image)! });
  }

  /** Without what the templates that show the image do not read, but for what others demand of those settings that they do. */
  #readOf(image: string, known: Settings, proofs: Proofs, isEnough: (some: Settings) => boolean): Settings {
    if (known.length <= 2) return known;
    const read = proofs.concerning(known, image);
    const others = known.filter((setting) => !read.includes(setting));
    if (read.length === 0 || others.length === 0) return known;
    if (isEnough(read)) return read;
    const demanded = fewest(others, (some) => isEnough([...read, ...some]));
    return known.filter((setting) => read.includes(setting) || demanded.includes(setting));
  }

  *#optional(basis: Settings): Generator<Finding> {
    for (const { settings, findings } of this.#proven.values()) {
      yield* switchedOn({ images: findings, unresolved: [] }, [...basis, ...settings]).images.map(
        (finding): Finding => ({ ...finding, status: "optional" }),
      );
    }
  }

  *#possible(required: ReadonlySet<string>): Generator<Finding> {
    for (const image of this.#sightings.images) {
      if (required.has(image) || this.#proven.has(image)) continue;
      for (const { finding, condition, certain } of this.#sightings.of(image)) {
        const refused = condition === EVERY_SWITCH ? this.#refused.get(image) : undefined;
        if (!certain) continue;
        if (refused === undefined) yield possible(finding, condition);
        else yield* switchedOn({ images: [possible(finding, NOT_ALONE)], unresolved: [] }, refused).images;
      }
    }
  }

  #declared(): readonly DeclaredChart[] {
    const { name: chart, version } = this.#chart;
    return this.#trials.definitions.map(({ subchart, files }) => {
      const text = (file: string): string | undefined =>
        files.has(file) ? decoder.decode(files.get(file)) : undefined;
      return {
        chart,
        version,
        subchart,
        chartYaml: text("Chart.yaml") ?? "",
        ...optionally("valuesYaml", text("values.yaml")),
        ...optionally("imagesLock", text("Images.lock")),
      };
    });
  }

  #unresolved(reason: string): Unresolved {
    return { chart: `${this.#chart.name}-${this.#chart.version}`, reason };
  }
}

const decoder = new TextDecoder();

const optionally = <K extends string>(key: K, value: string | undefined): { readonly [key in K]?: string } =>
  (value === undefined ? {} : { [key]: value }) as { readonly [key in K]?: string };

/** The first index for which something holds that holds for the last one, and for all behind the first for which it does. */
function firstThat(length: number, holds: (index: number) => boolean): number {
  let [low, high] = [0, length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What a setting is about: the first key of its path. */
const areaOf = ({ text }: Settings[number]): string => text.split(/[.=]/, 1)[0]!;
