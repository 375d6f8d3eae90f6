import type { ChartTrials, ManifestDocument, Trial } from "../../helm/render/index.ts";
import { splitManifests, type YamlValue } from "../../yaml/index.ts";
import { findImages } from "../find.ts";
import { type Finding, type Findings, uniteFindings } from "../finding.ts";
import { sourceOfTemplate } from "../template-path.ts";

/** Renders of which nothing is kept but the findings of each manifest. */
export type LookedTrials = ChartTrials<Findings>;
export type LookedTrial = Trial<Findings>;

/** The images that a render names, each with what was found of it. */
export type Seen = ReadonlyMap<string, readonly Finding[]>;

/** What a manifest of a chart needs. @param tests whether test hooks are looked at too */
export function lookAt(
  { path, text, value }: ManifestDocument,
  { name, version }: { readonly name: string; readonly version: string },
  tests: boolean,
): Findings {
  const source = sourceOfTemplate(path, name, version);
  if (value !== undefined) return findImages([{ ...source, documents: [value as YamlValue] }], { tests });
  const texts = splitManifests(text).filter((document) => !IS_SCHEMA.test(document));
  return findImages(
    texts.map((document) => ({ ...source, text: document })),
    { tests },
  );
}

/** Names no images (lib/images/mentions.ts), and is the largest of all objects: not worth reading. */
const IS_SCHEMA = /^kind:[ \t]*["']?CustomResourceDefinition["']?[ \t]*$/m;

export const findingsIn = ({ seen }: LookedTrial): Findings => uniteFindings(seen);

/** What the objects need; guesses are left out. */
export function imagesIn({ seen }: LookedTrial): Seen {
  const found = seen.flatMap(({ images }) => images);
  return Map.groupBy(
    found.filter(({ status }) => status === "required"),
    ({ image }) => image,
  );
}
