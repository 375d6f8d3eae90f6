import { type Document, isScalar, parseAllDocuments, visit } from "yaml";
import { RejectedError } from "../errors.ts";
import { defaultLimits, readYaml, readYamlDocuments, YamlError, type YamlValue } from "../yaml/index.ts";
import { type Fields, isFields, REPEATED } from "./place.ts";

const MAX_LIST_DEPTH = 10;
const MAX_UNFILLED = 2 * 1024 * 1024;

/**
 * The values of every document in a YAML text, as Helm and the API server read them.
 *
 * @throws RejectedError CHART_UNRENDERABLE when the text is no YAML or beyond the bounds of lib/yaml
 */
export function parseDocuments(text: string): readonly YamlValue[] {
  try {
    return readYamlDocuments(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    return refuse(error.reason, error);
  }
}

/** What lib/yaml reads as JSON values. */
export function plainOf(value: YamlValue): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, item]) => [key, plainOf(item)]));
  return value;
}

/** The other way round: JSON values as lib/yaml reads them. What is shared stays shared. */
export function fieldsOf(value: unknown, known = new Map<object, YamlValue>()): YamlValue {
  if (typeof value !== "object" || value === null) return value as YamlValue;
  const before = known.get(value);
  if (before !== undefined) return before;
  if (Array.isArray(value)) {
    const list: YamlValue[] = [];
    known.set(value, list);
    for (const item of value) list.push(fieldsOf(item, known));
    return list;
  }
  const fields = new Map<string, YamlValue>();
  known.set(value, fields);
  for (const [key, item] of Object.entries(value)) fields.set(key, fieldsOf(item, known));
  return fields;
}

/**
 * The same of a text whose template actions are marks. Every branch is there, so a map may have a field more than once: all
 * stay, those after the first under a name with {@linkcode REPEATED}.
 *
 * @throws RejectedError CHART_UNRENDERABLE
 */
export function parseUnfilled(text: string): readonly YamlValue[] {
  if (text.length > MAX_UNFILLED) return refuse(`more than ${MAX_UNFILLED} characters`);
  const json = readUnfilledJson(text);
  if (json !== undefined) return [json];
  try {
    const documents = parseAllDocuments(text, { uniqueKeys: false, merge: true, logLevel: "silent" });
    return "empty" in documents ? [] : documents.map((document) => fieldsOf(everyFieldOf(document as Document)));
  } catch (cause) {
    // the parser recurses
    if (cause instanceof RangeError) return refuse("it is nested too deeply", cause);
    throw cause;
  }
}

/** Dashboards are most of what has actions in its texts: lib/yaml reads them in a tenth of the time. */
function readUnfilledJson(text: string): YamlValue | undefined {
  if (!/^\s*[[{]/.test(text) || /^(?:---|\.\.\.)/m.test(text)) return undefined;
  try {
    return readYaml(text, defaultLimits, (key, fields) => `${key}${REPEATED}${fields}`);
  } catch (error) {
    if (error instanceof YamlError) return undefined;
    throw error;
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
  const items = document.get("items");
  if (String(document.get("kind") ?? "").endsWith("List") && Array.isArray(items) && depth < MAX_LIST_DEPTH) {
    for (const item of items) yield* objectsOf(item, depth + 1);
  } else yield document;
}

/** `Deployment/web`, with `?` for what is not there or no word. */
export function nameOfObject(object: Fields): string {
  const metadata = metadataOf(object);
  return `${wordOf(object.get("kind"))}/${wordOf(metadata.get("name") ?? metadata.get("generateName"))}`;
}

const wordOf = (value: unknown): string => (typeof value === "object" ? "?" : String(value ?? "?"));

export const namespaceOf = (object: Fields): string | undefined => {
  const namespace = metadataOf(object).get("namespace");
  return typeof namespace === "string" && namespace !== "" ? namespace : undefined;
};

/** https://helm.sh/docs/topics/chart_tests/ */
export function isTestHook(object: Fields): boolean {
  const annotations = metadataOf(object).get("annotations");
  const hooks = isFields(annotations) ? annotations.get("helm.sh/hook") : undefined;
  return typeof hooks === "string" && hooks.split(",").some((hook) => /^test(?:-success|-failure)?$/.test(hook.trim()));
}

function metadataOf(object: Fields): Fields {
  const metadata = object.get("metadata");
  return isFields(metadata) ? metadata : noMetadata;
}

const noMetadata: Fields = new Map();
