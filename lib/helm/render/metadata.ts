import { TypedMap, type Value } from "../../template/index.ts";
import { isTable, type Table } from "./coalesce.ts";
import { Refusal } from "./refusal.ts";
import { scalarText } from "./scalar-text.ts";

/** An entry of `dependencies` in Chart.yaml (helm v4.1.4 pkg/chart/v2/dependency.go). */
export interface Dependency {
  readonly name: string;
  readonly version: string;
  readonly repository: string;
  readonly condition: string;
  readonly tags: readonly string[];
  readonly enabled: boolean;
  readonly importValues: readonly Value[];
  readonly alias: string;
}

/** Chart.yaml as helm reads it (helm v4.1.4 pkg/chart/v2/metadata.go). What is not given is empty. */
export interface Metadata {
  readonly name: string;
  readonly home: string;
  readonly sources: readonly string[];
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly maintainers: readonly { readonly name: string; readonly email: string; readonly url: string }[];
  readonly icon: string;
  readonly apiVersion: string;
  readonly condition: string;
  readonly tags: string;
  readonly appVersion: string;
  readonly deprecated: boolean;
  readonly annotations: ReadonlyMap<string, string> | undefined;
  readonly kubeVersion: string;
  /** undefined where Chart.yaml does not speak of dependencies at all: then all of charts/ is taken as it is. */
  readonly dependencies: readonly Dependency[] | undefined;
  readonly type: string;
}

/**
 * Decode Chart.yaml (with requirements.yaml laid over it, for charts of helm 2) and check it as helm does.
 *
 * @param isVersion whether a text is a semantic version
 * @throws Refusal
 */
export function readMetadata(chartYaml: Table, isVersion: (text: string) => boolean): Metadata {
  const fields = new Fields(chartYaml, "chart.metadata");
  const metadata: Metadata = {
    name: fields.text("name"),
    home: fields.text("home"),
    sources: fields.texts("sources"),
    version: fields.rawText("version"),
    description: fields.text("description"),
    keywords: fields.texts("keywords"),
    maintainers: fields.tables("maintainers").map((maintainer) => ({
      name: maintainer.text("name"),
      email: maintainer.text("email"),
      url: maintainer.text("url"),
    })),
    icon: fields.text("icon"),
    // helm 2 took charts without one
    apiVersion: fields.rawText("apiVersion") || "v1",
    condition: fields.text("condition"),
    tags: fields.text("tags"),
    appVersion: fields.text("appVersion"),
    deprecated: fields.flag("deprecated"),
    annotations: fields.textTable("annotations"),
    kubeVersion: fields.text("kubeVersion"),
    dependencies: fields.has("dependencies") ? fields.tables("dependencies").map(readDependency) : undefined,
    type: fields.rawText("type"),
  };
  check(metadata, isVersion);
  return metadata;
}

const readDependency = (fields: Fields): Dependency => ({
  name: fields.text("name"),
  version: fields.text("version"),
  repository: fields.text("repository"),
  condition: fields.text("condition"),
  tags: fields.texts("tags"),
  enabled: fields.flag("enabled"),
  importValues: fields.list("import-values"),
  alias: fields.rawText("alias"),
});

function check({ name, version, type, dependencies = [] }: Metadata, isVersion: (text: string) => boolean): void {
  if (name === "") throw new Refusal("chart.metadata.name is required");
  if (name === "." || name === "..") throw new Refusal(`chart.metadata.name ${quoted(name)} is not allowed`);
  if (name.includes("/")) throw new Refusal(`chart.metadata.name ${quoted(name)} is invalid`);
  if (version === "") throw new Refusal("chart.metadata.version is required");
  if (!isVersion(version)) throw new Refusal(`chart.metadata.version ${quoted(version)} is invalid`);
  if (!["", "application", "library"].includes(type)) {
    throw new Refusal("chart.metadata.type must be application or library");
  }
  const names = new Set<string>();
  for (const { name, alias } of dependencies) {
    if (alias !== "" && !/^[a-zA-Z0-9_-]+$/.test(alias)) {
      throw new Refusal(`dependency ${quoted(name)} has disallowed characters in the alias`);
    }
    const called = alias || name;
    if (names.has(called)) throw new Refusal(`more than one dependency with name or alias ${quoted(called)}`);
    names.add(called);
  }
}

const quoted = (text: string): string => JSON.stringify(text);

/** The fields of a Go struct, filled from YAML by way of JSON: names are compared without case, null is nothing. */
class Fields {
  readonly #values = new Map<string, Value>();
  readonly #where: string;

  constructor(table: Table, where: string) {
    this.#where = where;
    // capitals come first: `name` wins over `Name`
    for (const key of [...table.keys()].sort()) {
      const value = table.get(key);
      if (value !== null) this.#values.set(key.toLowerCase(), value);
    }
  }

  has(name: string): boolean {
    return this.#get(name) !== undefined;
  }

  #get(name: string): Value {
    return this.#values.get(name.toLowerCase());
  }

  #fail(name: string, expected: string): never {
    throw new Refusal(`${this.#where}.${name} is not ${expected}`);
  }

  /** Text without what cannot be printed. */
  text(name: string): string {
    return printable(this.rawText(name));
  }

  rawText(name: string): string {
    return this.#asText(name, this.#get(name));
  }

  /** A number or a boolean is taken as the text it would be. */
  #asText(name: string, value: Value): string {
    if (value === undefined || value === null) return "";
    return scalarText(value) ?? this.#fail(name, "a text");
  }

  flag(name: string): boolean {
    const value = this.#get(name) ?? false;
    return typeof value === "boolean" ? value : this.#fail(name, "true or false");
  }

  list(name: string): readonly Value[] {
    const value = this.#get(name) ?? [];
    return Array.isArray(value) ? value : this.#fail(name, "a list");
  }

  texts(name: string): readonly string[] {
    return this.list(name).map((value) => printable(this.#asText(name, value)));
  }

  tables(name: string): readonly Fields[] {
    return this.list(name).map((value) => {
      if (value === null) throw new Refusal(`${name} must not contain empty or null nodes`);
      return isTable(value) ? new Fields(value, `${this.#where}.${name}`) : this.#fail(name, "a list of mappings");
    });
  }

  textTable(name: string): ReadonlyMap<string, string> | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    if (!isTable(value)) return this.#fail(name, "a mapping");
    return new Map(Array.from(value, ([key, text]) => [key, this.#asText(name, text)]));
  }
}

/** Go's unicode.IsSpace becomes a blank; what unicode.IsPrint does not know is left out. */
const printable = (text: string): string => text.replace(/[\t\n\v\f\r\u0085\p{Z}]/gu, " ").replace(/\p{C}/gu, "");

/** `.Chart` as templates see it: a map of the struct's fields by their Go names, in which every list is a plain one. */
export function chartObject(metadata: Metadata, isRoot: boolean): Table {
  return new Map<string, Value>([
    ["Name", metadata.name],
    ["Home", metadata.home],
    ["Sources", [...metadata.sources]],
    ["Version", metadata.version],
    ["Description", metadata.description],
    ["Keywords", [...metadata.keywords]],
    [
      "Maintainers",
      metadata.maintainers.map(
        ({ name, email, url }) => new Map(Object.entries({ Name: name, Email: email, URL: url })),
      ),
    ],
    ["Icon", metadata.icon],
    ["APIVersion", metadata.apiVersion],
    ["Condition", metadata.condition],
    ["Tags", metadata.tags],
    ["AppVersion", metadata.appVersion],
    ["Deprecated", metadata.deprecated],
    [
      "Annotations",
      metadata.annotations === undefined ? new NilMap() : new TypedMap("map[string]string", metadata.annotations),
    ],
    ["KubeVersion", metadata.kubeVersion],
    ["Dependencies", (metadata.dependencies ?? []).map(dependencyObject)],
    ["Type", metadata.type],
    ["IsRoot", isRoot],
  ]);
}

/** A map that was never made: it is as good as empty, but YAML and JSON show it as null. */
class NilMap extends TypedMap {
  readonly json = null;

  constructor() {
    super("map[string]string", []);
  }
}

const dependencyObject = (dependency: Dependency): Table =>
  new Map<string, Value>([
    ["Name", dependency.name],
    ["Version", dependency.version],
    ["Repository", dependency.repository],
    ["Condition", dependency.condition],
    ["Tags", [...dependency.tags]],
    ["Enabled", dependency.enabled],
    ["ImportValues", [...dependency.importValues]],
    ["Alias", dependency.alias],
  ]);
