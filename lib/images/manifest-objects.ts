import { type Document, isScalar, parseAllDocuments, visit } from "yaml";
import { RejectedError } from "../errors.ts";
import { readYamlDocuments, YamlError, type YamlValue } from "../yaml/index.ts";
import { type Fields, isFields, REPEATED } from "./place.ts";

const MAX_LIST_DEPTH = 10;
const MAX_UNFILLED = 2 * 1024 * 1024;

/**
 * The values of every document in a YAML text, as Helm and the API server read them.
 *
 * @throws RejectedError CHART_UNRENDERABLE when the text is no YAML or beyond the bounds of lib/yaml
 */
export function parseDocuments(text: string): readonly unknown[] {
  try {
    const plain = new Plain();
    return readYamlDocuments(text).map((document) => plain.of(document));
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    return refuse(error.reason, error);
  }
}

/** What lib/yaml reads as JSON values. */
export const plainOf = (document: YamlValue): unknown => new Plain().of(document);

/** Maps as objects; what aliases share stays shared. */
class Plain {
  readonly #known = new Map<YamlValue, unknown>();

  of(value: YamlValue): unknown {
    if (typeof value !== "object" || value === null) return value;
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const plain = Array.isArray(value)
      ? value.map((item) => this.of(item))
      : Object.fromEntries(Array.from(value, ([key, item]) => [key, this.of(item)]));
    this.#known.set(value, plain);
    return plain;
  }
}

/**
 * The same of a text whose template actions are marks. Every branch is there, so a map may have a field more than once: all
 * stay, those after the first under a name with {@linkcode REPEATED}.
 *
 * @throws RejectedError CHART_UNRENDERABLE
 */
export function parseUnfilled(text: string): readonly unknown[] {
  if (text.length > MAX_UNFILLED) return refuse(`more than ${MAX_UNFILLED} characters`);
  try {
    const documents = parseAllDocuments(text, { uniqueKeys: false, merge: true, logLevel: "silent" });
    return "empty" in documents ? [] : documents.map((document) => everyFieldOf(document as Document));
  } catch (cause) {
    // the parser recurses
    if (cause instanceof RangeError) return refuse("it is nested too deeply", cause);
    throw cause;
  }
}

function everyFieldOf(document: Document): unknown {
  const [error] = document.errors;
  if (error !== undefined) return refuse(error.message.split("\n", 1)[0] ?? error.message, error);
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) key.value = `${String(key.value)}${REPEATED}${seen.size}`;
        seen.add(key.value);
      }
    },
  });
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    if (cause instanceof ReferenceError) return refuse("it uses too many aliases", cause);
    throw cause;
  }
}

const refuse = (why: string, cause?: unknown): never => {
  throw new RejectedError("CHART_UNRENDERABLE", `Cannot read manifests: ${why}`, { cause });
};

/** `List` and its like (`DeploymentList`) hold objects instead of being one. */
export function* objectsOf(document: unknown, depth = 0): Generator<Fields> {
  if (!isFields(document)) return;
  const items = document["items"];
  if (String(document["kind"] ?? "").endsWith("List") && Array.isArray(items) && depth < MAX_LIST_DEPTH) {
    for (const item of items) yield* objectsOf(item, depth + 1);
  } else yield document;
}

/** `Deployment/web` */
export function nameOfObject(object: Fields): string {
  const metadata = metadataOf(object);
  return `${String(object["kind"] ?? "?")}/${String(metadata["name"] ?? metadata["generateName"] ?? "?")}`;
}

export const namespaceOf = (object: Fields): string | undefined => {
  const { namespace } = metadataOf(object);
  return typeof namespace === "string" && namespace !== "" ? namespace : undefined;
};

/** https://helm.sh/docs/topics/chart_tests/ */
export function isTestHook(object: Fields): boolean {
  const annotations = metadataOf(object)["annotations"];
  const hooks = isFields(annotations) ? annotations["helm.sh/hook"] : undefined;
  return typeof hooks === "string" && hooks.split(",").some((hook) => /^test(?:-success|-failure)?$/.test(hook.trim()));
}

const metadataOf = (object: Fields): Fields => (isFields(object["metadata"]) ? object["metadata"] : {});
