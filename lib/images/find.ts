import { parseAllDocuments } from "yaml";
import { RejectedError, StowageError } from "../errors.ts";
import { formatReference, parseReference } from "../oci/index.ts";
import { type Findings, type Reason, type Unresolved, uniteFindings } from "./finding.ts";
import { type Fields, isFields, mentionsOf, objectsOf } from "./pod-specs.ts";

/** Manifests of one file or template, and whose they are. */
export interface ManifestText {
  readonly chart: string;
  readonly version: string;
  readonly subchart: string;
  readonly template: string;
  /** YAML with one or more documents. */
  readonly text: string;
}

const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/**
 * The images that manifests need: read from parsed objects, never from text.
 *
 * What cannot be read (no YAML, an image that is no reference) is reported as unresolved, never left out silently.
 */
export function findImages(manifests: readonly ManifestText[]): Findings {
  return uniteFindings(manifests.map(findInText));
}

function findInText(manifest: ManifestText): Findings {
  let objects: readonly Fields[];
  try {
    objects = parseObjects(manifest.text);
  } catch (error) {
    if (!(error instanceof StowageError)) throw error;
    return { images: [], unresolved: [unresolved(manifest, error.message)] };
  }
  const found = objects.flatMap((object) => [...mentionsOf(object)].map((mention) => ({ object, ...mention })));
  return uniteFindings(
    found.map(({ object, path, rule, raw }) => {
      const reason: Reason = {
        chart: manifest.chart,
        version: manifest.version,
        subchart: manifest.subchart,
        template: manifest.template,
        object: nameOf(object),
        path,
        rule,
        raw: String(raw),
        switches: [],
        condition: null,
      };
      return toFindings(raw, reason, manifest);
    }),
  );
}

function toFindings(raw: unknown, reason: Reason, manifest: ManifestText): Findings {
  const refuse = (why: string): Findings => ({
    images: [],
    unresolved: [unresolved(manifest, `${reason.object} ${reason.path}: ${why}`)],
  });
  if (typeof raw !== "string") return refuse(`the image is no text but ${JSON.stringify(raw)?.slice(0, 100)}`);
  try {
    return { images: [{ image: normalise(raw), status: "required", reasons: [reason] }], unresolved: [] };
  } catch (error) {
    if (error instanceof RejectedError) return refuse(error.message);
    throw error;
  }
}

/** Without a tag and digest Kubernetes pulls `latest`: https://kubernetes.io/docs/concepts/containers/images/#image-names */
function normalise(raw: string): string {
  const reference = parseReference(raw.trim());
  const named = reference.tag !== undefined || reference.digest !== undefined;
  return formatReference(named ? reference : { ...reference, tag: "latest" });
}

function parseObjects(text: string): readonly Fields[] {
  const refuse = (why: string, cause?: unknown): never => {
    throw new RejectedError("CHART_UNRENDERABLE", `Cannot read manifests: ${why}`, { cause });
  };
  if (text.length > MAX_DOCUMENT_BYTES) return refuse(`more than ${MAX_DOCUMENT_BYTES} characters`);
  // what the API server accepts: YAML 1.1, and of a key given twice the last
  const documents = parseAllDocuments(text, { version: "1.1", uniqueKeys: false, merge: true, logLevel: "silent" });
  if ("empty" in documents) return [];
  return documents.flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) return refuse(error.message.split("\n", 1)[0] ?? error.message, error);
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 1000 });
    } catch (cause) {
      return refuse("it uses too many aliases", cause);
    }
    return [...objectsOf(value)];
  });
}

function nameOf(object: Fields): string {
  const metadata = isFields(object["metadata"]) ? object["metadata"] : {};
  return `${String(object["kind"] ?? "?")}/${String(metadata["name"] ?? metadata["generateName"] ?? "?")}`;
}

const unresolved = ({ chart, version, template }: ManifestText, reason: string): Unresolved => ({
  chart: version === "" ? chart : `${chart}-${version}`,
  reason: `${template}: ${reason}`,
});
