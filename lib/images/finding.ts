/** Where an image was found, and by which rule. The names are those of `stowage images --format json`. */
export interface Reason {
  readonly chart: string;
  readonly version: string;
  /** The subchart the template belongs to: `metrics`, `a/b`; empty for the chart itself. */
  readonly subchart: string;
  readonly template: string;
  /** `Deployment/web` */
  readonly object: string;
  /** `spec.template.spec.containers[0].image` */
  readonly path: string;
  readonly rule: "pod-spec" | "image-volume" | "listed";
  /** As it is spelled there. */
  readonly raw: string;
  /** Switches that bring the image in; none for what the defaults show. */
  readonly switches: readonly string[];
  readonly condition: string | null;
}

export interface Finding {
  /** Normalised: `docker.io/library/nginx:1.16.0`. */
  readonly image: string;
  readonly status: "required" | "optional" | "possible" | "suspected";
  readonly reasons: readonly Reason[];
}

/** Something whose images are not known, so that the list may be incomplete. */
export interface Unresolved {
  readonly chart: string;
  readonly reason: string;
}

export interface Findings {
  readonly images: readonly Finding[];
  readonly unresolved: readonly Unresolved[];
}

/** Unite findings: one entry an image, sorted by it, with every reason once. */
export function uniteFindings(parts: readonly Findings[]): Findings {
  const byImage = new Map<string, Finding>();
  for (const finding of parts.flatMap(({ images }) => images)) {
    const known = byImage.get(finding.image);
    byImage.set(finding.image, known === undefined ? finding : merge(known, finding));
  }
  const images = [...byImage.values()].sort((a, b) => (a.image < b.image ? -1 : a.image > b.image ? 1 : 0));
  return { images, unresolved: parts.flatMap(({ unresolved }) => unresolved) };
}

const strength = ["required", "optional", "possible", "suspected"] as const;

const merge = (a: Finding, b: Finding): Finding => ({
  image: a.image,
  status: strength[Math.min(strength.indexOf(a.status), strength.indexOf(b.status))]!,
  reasons: distinct([...a.reasons, ...b.reasons]),
});

const distinct = (reasons: readonly Reason[]): readonly Reason[] => [
  ...new Map(reasons.map((reason) => [JSON.stringify(reason), reason])).values(),
];
