import type { Trial, TrialManifest } from "../../helm/render/index.ts";
import { splitManifests, type YamlValue } from "../../yaml/index.ts";
import { findImages, type ManifestSource } from "../find.ts";
import { type Finding, type Findings, uniteFindings } from "../finding.ts";
import { sourceOfTemplate } from "../template-path.ts";

/** The images that a render names, each with what was found of it. */
export type Seen = ReadonlyMap<string, readonly Finding[]>;

/** Looks at renders of one chart. What is the same in several is looked at once. */
export class ChartLooks {
  readonly #chart: { readonly name: string; readonly version: string };
  readonly #tests: boolean;
  /** Renders of one chart give the same manifest as the same object. */
  readonly #known = new WeakMap<TrialManifest, Findings>();

  constructor(chart: { readonly name: string; readonly version: string }, tests: boolean) {
    this.#chart = chart;
    this.#tests = tests;
  }

  findingsIn({ manifests }: Trial): Findings {
    return uniteFindings(manifests.map((manifest) => this.#look(manifest)));
  }

  /** What the objects need; guesses are left out. */
  imagesIn({ manifests }: Trial): Seen {
    const found = manifests.flatMap((manifest) => this.#look(manifest).images);
    return Map.groupBy(
      found.filter(({ status }) => status === "required"),
      ({ image }) => image,
    );
  }

  /** @param path of a template: `web/charts/db/templates/pod.yaml` */
  sourceOf(path: string): ManifestSource {
    return sourceOfTemplate(path, this.#chart.name, this.#chart.version);
  }

  #look(manifest: TrialManifest): Findings {
    let findings = this.#known.get(manifest);
    if (findings === undefined) {
      findings = findImages(this.#manifestsOf(manifest), { tests: this.#tests });
      this.#known.set(manifest, findings);
    }
    return findings;
  }

  #manifestsOf({ path, text, value }: TrialManifest): Parameters<typeof findImages>[0] {
    const source = this.sourceOf(path);
    if (value !== undefined) return [{ ...source, documents: [value as YamlValue] }];
    const texts = splitManifests(text).filter((document) => !IS_SCHEMA.test(document));
    return texts.map((document) => ({ ...source, text: document }));
  }
}

/** Names no images (lib/images/mentions.ts), and is the largest of all objects: not worth reading. */
const IS_SCHEMA = /^kind:[ \t]*["']?CustomResourceDefinition["']?[ \t]*$/m;
