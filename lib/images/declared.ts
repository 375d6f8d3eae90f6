import { parseDocument } from "yaml";
import { StowageError } from "../errors.ts";
import { type Finding, type Findings, type Reason, reasonOutside, type Unresolved, uniteFindings } from "./finding.ts";
import { fieldsOf, parseDocuments } from "./manifest-objects.ts";
import type { Mention } from "./mention.ts";
import { mentionsInValues } from "./mentions.ts";
import { type Fields, isFields, nameAt, type Place, pathOf } from "./place.ts";
import { readSpelling, type Spelling, whyUnreadable } from "./spelling.ts";
import { printNumber, splitReference } from "./split.ts";

/** What a chart or subchart says about its images besides its templates. */
export interface DeclaredChart {
  /** The chart the subchart came in, or itself. */
  readonly chart: string;
  readonly version: string;
  /** `metrics`, `a/b`; empty for the chart itself. */
  readonly subchart: string;
  /** Chart.yaml of the chart or subchart, as YAML. */
  readonly chartYaml: string;
  readonly valuesYaml?: string;
  /** `Images.lock`, as the distribution tooling for Helm writes it. */
  readonly imagesLock?: string;
}

/**
 * The images that charts declare in annotations, `Images.lock` and values, and that no render has shown: suspected.
 *
 * @param rendered what was found in renders; images that are there, under whatever registry and project the templates put
 *   before them, are left out, and so are those whose tag is only a guess when their repository is there with another
 */
export function findDeclared(charts: readonly DeclaredChart[], rendered: Findings): Findings {
  const shown = new Shown(rendered);
  return uniteFindings(charts.flatMap((chart) => findInChart(chart, shown)));
}

/** The images of renders by what they have in common with others. */
class Shown {
  readonly #images = new Set<string>();
  readonly #repositories = new Set<string>();
  /** With everything that may stand before them left out: templates put a registry and often a project there. */
  readonly #endings = new Set<string>();

  constructor({ images }: Findings) {
    for (const spelling of images.map(({ image }) => readSpelling(image)).filter((each) => each !== undefined)) {
      this.#images.add(spelling.image);
      this.#repositories.add(repositoryOf(spelling));
      const steps = pathOfImage(spelling).split("/");
      for (const from of steps.keys()) this.#endings.add(steps.slice(from).join("/"));
    }
  }

  /** @param defaulted the tag is only a guess */
  has(spelling: Spelling, defaulted: boolean): boolean {
    if (this.#images.has(spelling.image) || (!spelling.hosted && this.#endings.has(pathOfImage(spelling)))) return true;
    return defaulted && this.#repositories.has(repositoryOf(spelling));
  }
}

const repositoryOf = ({ reference }: Spelling): string => `${reference.registry}/${reference.repository}`;

const pathOfImage = ({ image }: Spelling): string => image.slice(image.indexOf("/") + 1).replace(/^library\//, "");

function findInChart(chart: DeclaredChart, shown: Shown): readonly Findings[] {
  const unresolved: Unresolved[] = [];
  const read = (file: string, text: string): unknown => {
    try {
      return parseDocuments(text)[0];
    } catch (error) {
      if (!(error instanceof StowageError)) throw error;
      unresolved.push({ chart: nameOf(chart), reason: `${file}: ${error.message}` });
      return undefined;
    }
  };
  const metadata = read("Chart.yaml", chart.chartYaml);
  const values = chart.valuesYaml === undefined ? undefined : read("values.yaml", chart.valuesYaml);
  const lock = chart.imagesLock === undefined ? undefined : read("Images.lock", chart.imagesLock);
  const fields: Fields = isFields(metadata) ? metadata : new Map();
  const listed = [...annotatedImages(fields, read), ...lockedImages(lock)];
  const images: Finding[] = [];
  for (const { template, path, rule, raw, condition } of listed) {
    const spelling = typeof raw === "string" ? readSpelling(raw.trim()) : undefined;
    if (spelling === undefined) {
      const why = typeof raw === "string" ? whyUnreadable(raw) : "the image is no text";
      unresolved.push({ chart: nameOf(chart), reason: `${template}: ${path}: ${why}` });
    } else if (!shown.has(spelling, !spelling.exact)) {
      images.push(suspected(chart, spelling, { template, path, rule, raw: String(raw), condition }));
    }
  }
  const appVersion = appVersionOf(fields);
  for (const each of mentionsInValues(values, appVersion).mentions) {
    if (each.spelling === undefined || shown.has(each.spelling, each.defaulted || !each.spelling.exact)) continue;
    const raw = inSource(each, chart.valuesYaml!, appVersion) ?? String(each.raw);
    const path = pathOf(each.place);
    images.push(
      suspected(chart, each.spelling, { template: "values.yaml", path, rule: "values", raw, condition: null }),
    );
  }
  return [{ images, unresolved }];
}

type Where = Pick<Reason, "template" | "path" | "rule" | "condition"> & { readonly raw: unknown };

const suspected = (chart: DeclaredChart, { image }: Spelling, where: Where): Finding => ({
  image,
  status: "suspected",
  reasons: [reasonOutside({ ...where, ...idOf(chart), raw: String(where.raw) })],
});

const idOf = ({ chart, version, subchart }: DeclaredChart) => ({ chart, version, subchart });

const ANNOTATIONS = ["artifacthub.io/images", "images", "helm.sh/images"] as const;

/** Each annotation is a list in YAML: texts, or maps with `image` (https://artifacthub.io/docs/topics/annotations/helm/). */
function* annotatedImages(chartYaml: Fields, read: (file: string, text: string) => unknown): Generator<Where> {
  const annotations = chartYaml.get("annotations");
  for (const key of ANNOTATIONS) {
    const text = isFields(annotations) ? annotations.get(key) : undefined;
    const list = typeof text === "string" ? read("Chart.yaml", text) : undefined;
    if (!Array.isArray(list)) continue;
    for (const [i, item] of list.entries()) {
      const at = `annotations["${key}"][${i}]`;
      const [path, raw, said] = isFields(item)
        ? [`${at}.image`, item.get("image"), item.get("condition")]
        : [at, item, null];
      const condition = typeof said === "string" ? said : null;
      yield { template: "Chart.yaml", path, rule: "chart-annotation", raw, condition };
    }
  }
}

/** https://github.com/vmware-labs/distribution-tooling-for-helm: `images: [{name, image, chart, digests}]` */
function* lockedImages(lock: unknown): Generator<Where> {
  const images = isFields(lock) ? lock.get("images") : undefined;
  if (!Array.isArray(images)) return;
  for (const [i, item] of images.entries()) {
    const raw = isFields(item) ? item.get("image") : item;
    yield { template: "Images.lock", path: `images[${i}].image`, rule: "images-lock", raw, condition: null };
  }
}

function appVersionOf(chartYaml: Fields): string | undefined {
  const appVersion = chartYaml.get("appVersion");
  if (typeof appVersion === "number") return printNumber(appVersion);
  return typeof appVersion === "string" && appVersion !== "" ? appVersion : undefined;
}

/**
 * How values.yaml itself spells an image whose tag is a number there: `1.10`, of which templates print `1.1`.
 *
 * @returns undefined when no part of it is a number
 */
function inSource({ place, rule }: Mention, text: string, appVersion: string | undefined): string | undefined {
  const fields = place.parent?.value;
  if (rule !== "split-reference" || !isFields(fields)) return undefined;
  if (!fields.values().some((value) => typeof value === "number")) return undefined;
  const document = parseDocument(text, { schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  let source: unknown = fieldsOf(document.toJS());
  for (const key of keysOf(place.parent)) {
    if (isFields(source)) source = source.get(String(key));
    else source = Array.isArray(source) ? source[key as number] : undefined;
  }
  return isFields(source) ? splitReference(source, nameAt(place.parent), appVersion)?.text : undefined;
}

function keysOf(place: Place | undefined): readonly (string | number)[] {
  return place?.parent === undefined ? [] : [...keysOf(place.parent), place.key];
}

const nameOf = ({ chart, version, subchart }: DeclaredChart): string =>
  `${chart}-${version}${subchart === "" ? "" : ` (${subchart})`}`;
