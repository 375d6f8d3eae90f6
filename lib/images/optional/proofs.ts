import { RejectedError } from "../../errors.ts";
import { type Setting, settingText } from "../../helm/render/index.ts";
import { imagesIn, type LookedTrial, type LookedTrials, type Seen } from "./looks.ts";

export type Settings = readonly Setting[];

/** Renders of one chart. More are not worth their time. */
const MAX_RENDERS = 400;

/** How often a chart may ask for more. */
const MAX_DEMANDS = 4;

interface Outcome {
  readonly settings: Settings;
  /** Why the chart does not render with them. */
  readonly refused: string | undefined;
  readonly seen: Seen | undefined;
  readonly concerning: LookedTrial["concerning"];
}

/** What strict renders of a chart prove. The same settings are rendered once. */
export class Proofs {
  readonly #trials: LookedTrials;
  readonly #base: Settings;
  /** Where nothing is proven, values need not fit schemas: checking them takes time. */
  readonly #unchecked: Settings;
  readonly #outcomes = new Map<string, Outcome>();
  readonly #shown = new Map<string, { readonly seen: Seen; readonly concerning: LookedTrial["concerning"] }>();

  /** @param base settings without which the chart does not render */
  constructor(trials: LookedTrials, base: Settings) {
    this.#trials = trials;
    this.#base = base;
    this.#unchecked = trials.withoutSchema === undefined ? [] : [trials.withoutSchema];
  }

  /**
   * The images that come with settings; undefined where helm would refuse the chart with them.
   *
   * @throws RejectedError TEMPLATE_TOO_EXPENSIVE when all renders together cost too much
   */
  outcome(settings: Settings): Seen | undefined {
    return this.#outcome(settings).seen;
  }

  #outcome(settings: Settings): Outcome {
    const key = keyOf(settings);
    const known = this.#outcomes.get(key);
    if (known !== undefined) return known;
    this.#count();
    const trial = this.#trials.render([...this.#base, ...settings]);
    const { refused, concerning } = trial;
    const outcome = {
      settings,
      refused,
      concerning,
      seen: refused === undefined ? imagesIn(trial) : undefined,
    };
    this.#outcomes.set(key, outcome);
    return outcome;
  }

  /**
   * Settings that show an image once the chart has what it asks for when it refuses them.
   *
   * @returns undefined where that does not show it
   */
  completed(settings: Settings, image: string): Settings | undefined {
    let all = settings;
    for (let round = 0; round < MAX_DEMANDS; round++) {
      const { seen, refused } = this.#outcome(all);
      if (refused === undefined) return seen?.has(image) ? all : undefined;
      const known = new Set(all.map(settingText));
      const demands = this.#trials.demandsOf(refused).filter((setting) => !known.has(settingText(setting)));
      if (demands.length === 0) return undefined;
      all = [...all, ...demands];
    }
    return undefined;
  }

  /** For each image that some render so far showed, the fewest settings with which one did. */
  witnesses(): ReadonlyMap<string, Settings> {
    const fewest = new Map<string, Settings>();
    for (const { settings, seen } of this.#outcomes.values()) {
      for (const image of seen?.keys() ?? []) {
        const known = fewest.get(image);
        if (known === undefined || known.length > settings.length) fewest.set(image, settings);
      }
    }
    return fewest;
  }

  /** The images that come with settings where failures are passed over. It proves nothing. */
  shown(settings: Settings): Seen {
    const key = keyOf(settings);
    let shown = this.#shown.get(key);
    if (shown === undefined) {
      this.#count();
      const trial = this.#trials.render([...this.#base, ...settings, ...this.#unchecked], { tolerant: true });
      shown = { seen: imagesIn(trial), concerning: trial.concerning };
      this.#shown.set(key, shown);
    }
    return shown.seen;
  }

  /**
   * Those of the settings that the templates read which showed an image with all of them: the others can hardly matter. What
   * they show has to be tried.
   */
  concerning(settings: Settings, image: string): Settings {
    const key = keyOf(settings);
    const shown = [this.#outcomes.get(key), this.#shown.get(key)].find((each) => each?.seen?.has(image));
    const templates = shown?.seen?.get(image)?.flatMap(({ reasons }) => reasons);
    return templates === undefined ? settings : shown!.concerning(templates, settings);
  }

  #count(): void {
    if (this.#outcomes.size + this.#shown.size < MAX_RENDERS) return;
    throw new RejectedError(
      "TEMPLATE_TOO_EXPENSIVE",
      `Cannot try all switches: it takes more than ${MAX_RENDERS} renders`,
    );
  }
}

/**
 * As few of the settings as still are enough: none of them can be left out (ddmin of Zeller and Hildebrandt, 2002).
 *
 * @param tries how often may be asked; then it is what is known so far
 */
export function fewest(
  settings: Settings,
  enough: (settings: Settings) => boolean,
  tries = Number.POSITIVE_INFINITY,
): Settings {
  let needed = settings;
  let left = tries;
  const isEnough = (some: Settings): boolean => left-- > 0 && enough(some);
  if (settings.length <= FEW) return withoutEach(settings, isEnough);
  for (let parts = 2; needed.length > 1 && left > 0; ) {
    const size = Math.ceil(needed.length / parts);
    const pieces = Array.from({ length: Math.ceil(needed.length / size) }, (_, i) =>
      needed.slice(i * size, (i + 1) * size),
    );
    const alone = pieces.find(isEnough);
    const rest = alone ?? pieces.map((piece) => needed.filter((setting) => !piece.includes(setting))).find(isEnough);
    if (rest !== undefined) {
      needed = rest;
      parts = rest === alone ? 2 : Math.max(parts - 1, 2);
    } else if (size === 1) break;
    else parts = Math.min(parts * 2, needed.length);
  }
  return needed;
}

/** So few settings are left out one by one sooner than by halves. */
const FEW = 6;

function withoutEach(settings: Settings, enough: (settings: Settings) => boolean): Settings {
  let needed = settings;
  for (let before = 0; needed.length > 1 && before !== needed.length; ) {
    before = needed.length;
    for (const setting of needed.toReversed()) {
      const rest = needed.filter((each) => each !== setting);
      if (rest.length > 0 && enough(rest)) needed = rest;
    }
  }
  return needed;
}

export const keyOf = (settings: Settings): string => [...new Set(settings.map(settingText))].sort().join("\0");
