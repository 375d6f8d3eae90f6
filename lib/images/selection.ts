import { type Finding, type Findings, reasonOutside, type Unresolved, uniteFindings } from "./finding.ts";
import type { Selection } from "./selection-rules.ts";
import { readSpelling } from "./spelling.ts";

export const noRules: Selection = { include: [], exclude: [], unresolved: [] };

export interface Selected {
  /** With what is included, without what is excluded or allowed to stay unresolved. */
  readonly findings: Findings;
  readonly excluded: readonly { readonly finding: Finding; readonly reason: string }[];
  readonly allowed: readonly { readonly unresolved: Unresolved; readonly reason: string }[];
  /** Rules that had no effect, like `exclude "docker.io/a/b:1"`: perhaps misspelled, perhaps out of date. */
  readonly unused: readonly string[];
}

/** Apply rules to what was found. The order stays as it is, unless images are included: then it is that of the images. */
export function select(found: Findings, { include, exclude, unresolved }: Selection): Selected {
  const used = new Set<string>();
  const take = <R>(kind: string, rules: readonly R[], name: (rule: R) => string, fits: (rule: R) => boolean) => {
    const fitting = rules.filter(fits);
    for (const rule of fitting) used.add(`${kind} "${name(rule)}"`);
    return fitting[0];
  };
  const excluded: Selected["excluded"][number][] = [];
  const images = found.images.filter((finding) => {
    const rule = take("exclude", exclude, nameOfImage, (each) => fitsImage(each.image, finding.image));
    if (rule !== undefined) excluded.push({ finding, reason: rule.reason });
    return rule === undefined;
  });
  const allowed: Selected["allowed"][number][] = [];
  const open = found.unresolved.filter((each) => {
    const rule = take(
      "unresolved",
      unresolved,
      ({ name }) => name,
      (one) => namesOf(each).some((name) => matches(one.name, name)),
    );
    if (rule !== undefined) allowed.push({ unresolved: each, reason: rule.reason });
    return rule === undefined;
  });
  const included = include.map(
    (rule): Finding => ({
      image: readSpelling(rule.image)!.image,
      status: "required",
      reasons: [reasonOutside({ chart: "", template: "", path: rule.reason, rule: "listed", raw: rule.image })],
    }),
  );
  const kept = { images, unresolved: open };
  const findings = included.length === 0 ? kept : uniteFindings([kept, { images: included, unresolved: [] }]);
  const all = [
    ...exclude.map(({ image }) => `exclude "${image}"`),
    ...unresolved.map(({ name }) => `unresolved "${name}"`),
  ];
  return { findings, excluded, allowed, unused: all.filter((rule) => !used.has(rule)) };
}

const nameOfImage = ({ image }: { readonly image: string }): string => image;

/** A chart with and without its version, and the text itself. */
const namesOf = ({ chart, raw }: Unresolved): readonly string[] => [
  chart,
  chart.replace(/-v?\d+\..*$/, ""),
  ...(raw === undefined ? [] : [raw]),
];

function fitsImage(rule: string, image: string): boolean {
  const spelling = rule.includes("*") ? undefined : readSpelling(rule);
  if (spelling === undefined) return matches(rule, image);
  const { registry, repository } = spelling.reference;
  return spelling.exact ? spelling.image === image : /^[:@]/.test(image.replace(`${registry}/${repository}`, ""));
}

/** Whether a text fits a pattern in which `*` stands for any characters; in linear time. */
function matches(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split(/\*+/);
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.endsWith(last) && text.length - last.length >= at;
}
