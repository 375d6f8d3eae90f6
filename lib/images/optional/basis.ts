import { type Finding, type Findings, type Unresolved, uniteFindings } from "../finding.ts";
import { possible, requiredImages, switchedOn } from "./grading.ts";
import { findingsIn, type LookedTrial, type LookedTrials } from "./looks.ts";
import type { Settings } from "./proofs.ts";

/** What a chart needs as it is, or as near to that as it renders. */
export interface Basis {
  readonly findings: Findings;
  /** Settings without which it does not render. */
  readonly settings: Settings;
}

type Complain = (reason: string) => Unresolved;

/** Values files of one chart that are tried; real charts have up to some dozens. */
const MAX_PROFILES = 100;

export const triedProfiles = ({ profiles }: LookedTrials) => profiles.slice(0, MAX_PROFILES);

/** @returns why what the profiles show may not be all */
export const untriedProfiles = ({ profiles }: LookedTrials): readonly string[] =>
  profiles.length > MAX_PROFILES ? [`only ${MAX_PROFILES} of its ci/*-values.yaml were tried`] : [];

/**
 * Find what a chart needs: by its defaults, else for an older Kubernetes version, else with the values files that it brings,
 * else without its values.schema.json.
 *
 * @param byDefault how it renders by its defaults
 */
export function findBasis(byDefault: LookedTrial, trials: LookedTrials, complain: Complain): Basis {
  if (byDefault.refused === undefined) return { findings: findingsIn(byDefault), settings: [] };
  const rendered = (attempts: readonly Settings[]) => whichRender(attempts, trials);
  const { kubeVersion, kubeVersions, withoutSchema } = trials;
  const others = byDefault.versionMatters ? kubeVersions : [];
  for (const forVersion of rendered(others.map((other) => [other]))) return forVersion;
  const version = kubeVersion === undefined ? [] : [kubeVersion];
  const byProfile = [...rendered(triedProfiles(trials).map((profile) => [...version, profile]))];
  if (byProfile.length > 0) return basisOfProfiles(byProfile, untriedProfiles(trials).map(complain));
  const unchecked = withoutSchema === undefined ? [] : [[...version, withoutSchema]];
  for (const basis of rendered(unchecked)) return basis;
  return { findings: whatRenders(byDefault.refused, trials, complain), settings: [] };
}

/** What those of the settings show that render, each rendered when it is its turn. */
function* whichRender(attempts: readonly Settings[], trials: LookedTrials): Generator<Basis> {
  for (const settings of attempts) {
    const trial = trials.render(settings);
    if (trial.refused !== undefined) continue;
    yield { settings, findings: switchedOn(findingsIn(trial), settings) };
  }
}

/** Of a chart that cannot be rendered. */
function whatRenders(refused: string, trials: LookedTrials, complain: Complain): Findings {
  const { images } = findingsIn(trials.render([], { tolerant: true }));
  const condition = `the chart renders, which it does not: ${refused}`;
  return {
    images: images.map((finding) => possible(finding, condition)),
    unresolved: [complain(`Cannot render chart: ${refused}`)],
  };
}

/** What every profile needs is required, what only some do is optional. */
function basisOfProfiles(profiles: readonly Basis[], untried: readonly Unresolved[]): Basis {
  const [first, ...others] = profiles.map(({ findings }) => new Set(requiredImages(findings)));
  const common = others.reduce((images, each) => images.intersection(each), first!);
  const graded = profiles.map(({ findings: { images, unresolved } }) => ({
    images: images.map(
      (finding): Finding =>
        finding.status === "required" && !common.has(finding.image) ? { ...finding, status: "optional" } : finding,
    ),
    unresolved,
  }));
  return { findings: uniteFindings([...graded, { images: [], unresolved: untried }]), settings: profiles[0]!.settings };
}
