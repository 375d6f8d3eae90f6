import type { RuleName } from "./rules.ts";

/** Where an image was found, and by which rule. The names are those of `stowage images --format json`. */
export interface Reason {
  readonly chart: string;
  readonly version: string;
  /** The subchart the template belongs to: `metrics`, `a/b`; empty for the chart itself. */
  readonly subchart: string;
  readonly template: string;
  /** `Deployment/web`; empty when no Kubernetes object names the image. */
  readonly object: string;
  /** Where the object says in which namespace it lives. */
  readonly namespace?: string;
  /** `spec.template.spec.containers[0].image` */
  readonly path: string;
  readonly rule: RuleName;
  /** As it is spelled there; the joined spelling where it is spelled in parts. */
  readonly raw: string;
  /** Switches that bring the image in; none for what the defaults show. */
  readonly switches: readonly string[];
  readonly condition: string | null;
}

/** A reason of what no Kubernetes object names: a line of a list, a field of values.yaml. */
export const reasonOutside = (
  where: Pick<Reason, "chart" | "template" | "path" | "rule" | "raw"> & Partial<Reason>,
): Reason => ({
  chart: where.chart,
  version: where.version ?? "",
  subchart: where.subchart ?? "",
  template: where.template,
  object: "",
  path: where.path,
  rule: where.rule,
  raw: where.raw,
  switches: [],
  condition: where.condition ?? null,
});

/**
 * How sure an image is needed, strongest first.
 *
 * - `required`: the objects that get installed name it
 * - `optional`: a render with named switches names it
 * - `possible`: a branch that was not taken names it
 * - `suspected`: only values or annotations name it
 */
export const statuses = ["required", "optional", "possible", "suspected"] as const;
export type Status = (typeof statuses)[number];

export interface Finding {
  /** Normalised: `docker.io/library/nginx:1.16.0`. */
  readonly image: string;
  readonly status: Status;
  /** Sorted by place; at most {@linkcode MAX_REASONS}. */
  readonly reasons: readonly Reason[];
  /** What its registry said; asked for images that are only possible or suspected. */
  readonly presence?: Presence;
}

/**
 * What a registry says of an image.
 *
 * - `missing`: there is no such repository or tag
 * - `denied`: it is not for these credentials
 * - `unknown`: the registry could not be asked
 */
export type Presence = "present" | "missing" | "denied" | "unknown";

/** Something whose images are not known, so that the list may be incomplete. */
export interface Unresolved {
  readonly chart: string;
  readonly reason: string;
  /** The text that should name an image and does not, where there is one. */
  readonly raw?: string;
}

export interface Findings {
  /** Each image once, sorted. */
  readonly images: readonly Finding[];
  readonly unresolved: readonly Unresolved[];
}

/** How many images there are of each status; those that are required are the list. */
export function countImages({ images }: Findings) {
  const count = (status: Status): number => images.filter((finding) => finding.status === status).length;
  return {
    images: count("required"),
    optional: count("optional"),
    possible: count("possible"),
    suspected: count("suspected"),
  };
}

/** More places than anybody reads; a chart that repeats one image a million times stays small. */
export const MAX_REASONS = 200;

/** Unite findings: one entry an image with its strongest status, sorted; the same for every order of the parts. */
export function uniteFindings(parts: readonly Findings[]): Findings {
  const byImage = Map.groupBy(
    parts.flatMap(({ images }) => images),
    ({ image }) => image,
  );
  const images = [...byImage.values()].map(merge).sort((a, b) => compare(a.image, b.image));
  const unresolved = distinct(parts.flatMap((part) => part.unresolved));
  return { images, unresolved };
}

function merge(findings: readonly Finding[]): Finding {
  const [first, ...others] = findings as readonly [Finding, ...Finding[]];
  if (others.length === 0) return first;
  const strongest = Math.min(...new Set(findings.map(({ status }) => statuses.indexOf(status))));
  const reasons = distinct(findings.flatMap((finding) => finding.reasons));
  return { image: first.image, status: statuses[strongest]!, reasons: reasons.slice(0, MAX_REASONS) };
}

/** Each once, sorted by what they say: their fields stand in the order of place. */
function distinct<T extends object>(items: readonly T[]): readonly T[] {
  const byText = new Map(items.map((item) => [JSON.stringify(item), item]));
  return [...byText].sort(([a], [b]) => compare(a, b)).map(([, item]) => item);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
