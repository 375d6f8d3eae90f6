import type { Value } from "../../template/index.ts";
import { readJson, readYaml } from "../../yaml/index.ts";
import { isTable, overlay, type Table } from "./coalesce.ts";
import { Refusal, refusing } from "./refusal.ts";
import { type SetKind, setValues } from "./set-values.ts";

/** What a user says about the values of a release, each list in its order. */
export interface ValuesArguments {
  /** Contents of values files. */
  readonly files: readonly string[];
  readonly setJson: readonly string[];
  readonly set: readonly string[];
  readonly setString: readonly string[];
  readonly setFile: readonly string[];
  readonly setLiteral: readonly string[];
}

/**
 * Values files, then `--set-json`, `--set`, `--set-string`, `--set-file`, `--set-literal`: what comes later wins
 * (helm v4.1.4 pkg/cli/values).
 *
 * @param read gives the content of a file that `--set-file` names
 * @throws Refusal, YamlError
 */
export function userValues(given: ValuesArguments, read: (path: string) => string): Table {
  let values: Table = given.files.map(readValues).reduce(overlay, new Map<string, Value>());
  for (const argument of given.setJson) {
    if (argument.trim().startsWith("{")) values = overlay(values, readJson(argument) as Table);
    else setValues(values, argument, "json");
  }
  const families: readonly (readonly [SetKind, readonly string[]])[] = [
    ["set", given.set],
    ["string", given.setString],
    ["file", given.setFile],
    ["literal", given.setLiteral],
  ];
  for (const [kind, family] of families) {
    for (const argument of family) refusing(argument, () => setValues(values, argument, kind, read));
  }
  return values;
}

/** A values file: one or more YAML documents that are mappings, later ones laid over earlier ones. */
export function readValues(text: string): Table {
  return documentsOf(text)
    .map((document) => {
      const value = readYaml(document);
      if (value !== null && !isTable(value)) throw new Refusal("a YAML document of it is not a mapping");
      return value ?? new Map<string, Value>();
    })
    .reduce(overlay, new Map<string, Value>());
}

/** Split where a line begins with `---` (k8s.io/apimachinery v0.35.1 util/yaml YAMLReader). */
function documentsOf(text: string): readonly string[] {
  if (!/^---/m.test(text)) return [text];
  const documents: string[] = [];
  let current = "";
  for (const line of text.split(/\r?\n/)) {
    if (!line.startsWith("---")) {
      current += `${line}\n`;
      continue;
    }
    const behind = line.slice(3).trim();
    if (behind !== "" && !behind.startsWith("#")) throw new Refusal(`invalid Yaml document separator: ${behind}`);
    // the separator of a document that says nothing stays in it
    if (current === "") current = `${line}\n`;
    else {
      documents.push(current);
      current = "";
    }
  }
  return [...documents, current];
}
