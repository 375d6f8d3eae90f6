import { StowageError } from "../errors.ts";
import type { YamlValue } from "../yaml/index.ts";
import { type Finding, type Findings, MAX_REASONS, type Reason, type Unresolved, uniteFindings } from "./finding.ts";
import { isTestHook, nameOfObject, namespaceOf, objectsOf, parseDocuments, parseUnfilled } from "./manifest-objects.ts";
import type { Mention } from "./mention.ts";
import { mentionsIn } from "./mentions.ts";
import { type Fields, isFields, pathOf } from "./place.ts";
import { whyUnreadable } from "./spelling.ts";
import { hasActions, withoutActions } from "./template-actions.ts";

/** Whose manifests are looked at. */
export interface ManifestSource {
  readonly chart: string;
  readonly version: string;
  readonly subchart: string;
  readonly template: string;
}

/** Manifests of one file or template. */
export interface ManifestText extends ManifestSource {
  /** YAML with one or more documents. */
  readonly text: string;
  /** The text is a Go template that nobody filled in: `*.tmpl` of a cluster image (CI-W6). */
  readonly unfilled?: boolean;
}

/** The same, parsed. */
export interface ManifestObjects extends ManifestSource {
  /** As lib/yaml reads them: maps are `Map`s. */
  readonly documents: readonly YamlValue[];
}

export interface FindOptions {
  /** Look at test hooks (`helm.sh/hook: test`) too. */
  readonly tests?: boolean | undefined;
}

/**
 * The images that manifests need: read from parsed objects, never from text.
 *
 * What cannot be read (no YAML, an image that is no reference) is reported as unresolved, never left out silently.
 */
export function findImages(
  manifests: readonly (ManifestText | ManifestObjects)[],
  options: FindOptions = {},
): Findings {
  return uniteFindings(manifests.flatMap((manifest) => findIn(manifest, options)));
}

function findIn(manifest: ManifestText | ManifestObjects, { tests = false }: FindOptions): readonly Findings[] {
  try {
    const { documents, restore } = "documents" in manifest ? { ...manifest, restore: same } : read(manifest);
    const objects = documents.flatMap((document) => [...objectsOf(document)]);
    return objects
      .filter((object) => tests || !isTestHook(object))
      .map((object) => findInObject(object, manifest, restore));
  } catch (error) {
    if (!(error instanceof StowageError)) throw error;
    return [{ images: [], unresolved: [unresolvedIn(manifest, error.message)] }];
  }
}

interface ReadManifest {
  readonly documents: readonly YamlValue[];
  /** Give a text of the documents its template actions back. */
  restore(text: string): string;
}

const same = (text: string): string => text;

/** A text with actions may be YAML all the same: they stand in alerts and dashboards. */
function read({ text, unfilled = false }: ManifestText): ReadManifest {
  try {
    if (!unfilled) return { documents: parseDocuments(text), restore: same };
  } catch (error) {
    if (!(error instanceof StowageError && hasActions(text))) throw error;
  }
  const { text: marked, restore } = withoutActions(text);
  return { documents: parseUnfilled(marked), restore };
}

function findInObject(object: Fields, manifest: ManifestSource, restore: (text: string) => string): Findings {
  const { mentions, problems } = mentionsIn(object);
  if (mentions.length === 0 && problems.size === 0) return nothing;
  const name = restore(nameOfObject(object));
  const namespace = namespaceOf(object);
  const { chart, version, subchart, template } = manifest;
  const where = { chart, version, subchart, template, object: name, ...(namespace === undefined ? {} : { namespace }) };
  const images: Finding[] = [];
  const unresolved = [...problems].map((problem) => unresolvedIn(manifest, `${name}: ${problem}`));
  for (const { place, rule, raw, spelling, status } of withoutCrowds(mentions)) {
    const path = restore(pathOf(place));
    if (spelling === undefined) {
      const text = typeof raw === "string" ? restore(raw) : undefined;
      const why = text === undefined ? `the image is no text but ${describe(raw)}` : whyNoImage(text);
      unresolved.push(unresolvedIn(manifest, `${name} ${path}: ${why}`, text));
    } else {
      const reason: Reason = { ...where, path, rule, raw: String(raw), switches: [], condition: null };
      images.push({ image: spelling.image, status, reasons: [reason] });
    }
  }
  return uniteFindings([{ images, unresolved }]);
}

const nothing: Findings = { images: [], unresolved: [] };

/** Of each image, and of what is unreadable, as many as a finding keeps. */
function withoutCrowds(mentions: readonly Mention[]): readonly Mention[] {
  const counts = new Map<string | undefined, number>();
  return mentions.filter(({ spelling }) => {
    const count = (counts.get(spelling?.image) ?? 0) + 1;
    counts.set(spelling?.image, count);
    return count <= MAX_REASONS;
  });
}

const whyNoImage = (text: string): string =>
  text === "auto"
    ? 'the image "auto" is replaced by the injector of Istio, which is not part of this chart'
    : whyUnreadable(text);

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return isFields(value) ? `a map of ${[...value.keys().take(5)].join(", ").slice(0, 100)}` : String(value);
}

/** Enough to recognise a text by. */
const MAX_RAW = 1000;

const unresolvedIn = ({ chart, version, template }: ManifestSource, reason: string, raw?: string): Unresolved => ({
  chart: version === "" ? chart : `${chart}-${version}`,
  reason: `${template}: ${reason}`,
  ...(raw === undefined ? {} : { raw: raw.slice(0, MAX_RAW) }),
});
