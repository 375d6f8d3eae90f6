import type { LinearRegex } from "../template/functions/index.ts";
import type { Value, ValueMap } from "../template/index.ts";
import type { Bound, Compiled } from "./compiled.ts";
import { formats } from "./formats.ts";
import { identityOf } from "./json-value.ts";
import { isOnlyReference, type Resource, type SchemaDocument } from "./schema-document.ts";

/** A schema with keywords, as it is written. */
type Source = ValueMap;

/** Compiles a schema and everything it leads to: a reference to nothing is found before any value is looked at. */
export class Compiler {
  readonly #document: SchemaDocument;
  readonly #known = new Map<Source, Compiled>();
  readonly #waiting: (() => void)[] = [];
  /** The schemas that `$dynamicRef` may lead to, by resource and anchor. */
  readonly #dynamic = new Map<Resource, Map<string, Compiled>>();
  /** The schemas at the roots of resources. */
  readonly #roots = new Map<Resource, Compiled>();

  constructor(document: SchemaDocument) {
    this.#document = document;
  }

  /** @throws SchemaError */
  compile(): Compiled {
    const { root } = this.#document;
    const compiled = this.#schema(root.root, root);
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) next();
    return compiled;
  }

  dynamicAnchor(resource: Resource, anchor: string): Compiled | undefined {
    return this.#dynamic.get(resource)?.get(anchor);
  }

  #schema(source: Value, from: Resource): Compiled {
    const resource = this.#document.resourceOf(source, from);
    if (!(source instanceof Map)) return { draft: resource.draft, resource, always: source === true };
    const known = this.#known.get(source);
    if (known !== undefined) return known;
    const compiled: Compiled = { draft: resource.draft, resource };
    this.#known.set(source, compiled);
    if (source.size === 0) compiled.always = true;
    else this.#waiting.push(() => this.#fill(compiled, source));
    return compiled;
  }

  #fill(into: Compiled, source: Source): void {
    const { draft, resource } = into;
    this.#prepareResource(resource);
    const keywords = new Keywords(source, (value) => this.#schema(value, resource), this.#document);
    if (draft >= 6 && source.has("const")) {
      const value = source.get("const");
      into.constant = { value, identity: identityOf(value) };
    }
    const reference = source.get("$ref");
    if (typeof reference === "string") into.reference = this.#referred(reference, resource);
    if (isOnlyReference(source, draft)) return;
    fillGeneral(into, keywords);
    fillObjects(into, keywords);
    fillArrays(into, keywords);
    fillScalars(into, keywords);
    if (draft >= 2019) this.#fillReferences(into, source);
  }

  #fillReferences(into: Compiled, source: Source): void {
    const recursive = source.get("$recursiveRef");
    if (typeof recursive === "string") into.recursiveReference = this.#referred(recursive, into.resource);
    const dynamic = source.get("$dynamicRef");
    if (into.draft < 2020 || typeof dynamic !== "string") return;
    const name = dynamic.split(/#(.*)/s, 2)[1] ?? "";
    const referred = this.#document.resolve(dynamic, into.resource);
    const leadsToAnchor = "schema" in referred && referred.resource.dynamic.has(name);
    const named = leadsToAnchor && referred.schema instanceof Map && referred.schema.get("$dynamicAnchor") === name;
    into.dynamicReference = { target: this.#referred(dynamic, into.resource), anchor: named ? name : undefined };
  }

  #referred(reference: string, from: Resource): Compiled {
    const referred = this.#document.resolve(reference, from);
    if ("schema" in referred) return this.#schema(referred.schema, referred.resource);
    return { draft: referred.metaschema, resource: from, metaschema: referred.metaschema };
  }

  #prepareResource(resource: Resource): void {
    if (this.#roots.has(resource)) return;
    this.#roots.set(resource, this.#schema(resource.root, resource));
    const anchors = [...resource.dynamic].map(
      (name) => [name, this.#schema(resource.anchors.get(name)!, resource)] as const,
    );
    this.#dynamic.set(resource, new Map(anchors));
  }
}

/** The keywords of one schema, read as what they are known to be by now. */
class Keywords {
  readonly #source: Source;
  readonly schemaOf: (value: Value) => Compiled;
  readonly regex: (pattern: string) => LinearRegex;

  constructor(source: Source, schemaOf: (value: Value) => Compiled, document: SchemaDocument) {
    this.#source = source;
    this.schemaOf = schemaOf;
    this.regex = (pattern) => document.regex(pattern);
  }

  get(name: string): Value {
    return this.#source.get(name);
  }
  schema(name: string): Compiled | undefined {
    return this.#source.has(name) ? this.schemaOf(this.get(name)) : undefined;
  }
  schemas(name: string): readonly Compiled[] | undefined {
    const value = this.get(name);
    return Array.isArray(value) ? value.map(this.schemaOf) : undefined;
  }
  map<T>(name: string, read: (value: Value) => T): ReadonlyMap<string, T> | undefined {
    const value = this.get(name);
    return value instanceof Map ? new Map([...value].map(([key, item]) => [key, read(item)])) : undefined;
  }
  number(name: string): number | undefined {
    const value = this.get(name);
    return typeof value === "number" ? value : undefined;
  }
  names(name: string): readonly string[] | undefined {
    const value = this.get(name);
    return Array.isArray(value) ? (value as string[]) : undefined;
  }
}

/** Sets only what there is: most schemas have few keywords. */
function assign<T extends object>(into: T, values: { [key in keyof T]?: T[key] | undefined }): void {
  for (const [key, value] of Object.entries(values)) if (value !== undefined) Object.assign(into, { [key]: value });
}

function fillGeneral(into: Compiled, keywords: Keywords): void {
  const type = keywords.get("type");
  const values = keywords.get("enum");
  const condition = into.draft >= 7 ? keywords.schema("if") : undefined;
  const format = into.draft < 2019 ? keywords.get("format") : undefined;
  const problem = typeof format === "string" ? formats.get(format) : undefined;
  assign(into, {
    types: type === undefined ? undefined : ((Array.isArray(type) ? type : [type]) as string[]),
    alternatives: Array.isArray(values) ? { values, identities: new Set(values.map(identityOf)) } : undefined,
    format: problem === undefined ? undefined : { name: format as string, problem },
    not: keywords.schema("not"),
    allOf: keywords.schemas("allOf"),
    anyOf: keywords.schemas("anyOf"),
    oneOf: keywords.schemas("oneOf"),
    condition: condition && { if: condition, met: keywords.schema("then"), otherwise: keywords.schema("else") },
  });
}

function fillObjects(into: Compiled, keywords: Keywords): void {
  const patterns = keywords.map("patternProperties", keywords.schemaOf);
  const schemaOrNames = (value: Value): Compiled | readonly string[] =>
    Array.isArray(value) ? (value as string[]) : keywords.schemaOf(value);
  assign(into, {
    minProperties: keywords.number("minProperties"),
    maxProperties: keywords.number("maxProperties"),
    required: keywords.names("required"),
    dependencies: keywords.map("dependencies", schemaOrNames),
    properties: keywords.map("properties", keywords.schemaOf),
    patternProperties: patterns && [...patterns].map(([text, schema]) => [keywords.regex(text), schema] as const),
    additionalProperties: keywords.schema("additionalProperties"),
  });
  if (into.draft >= 6) assign(into, { propertyNames: keywords.schema("propertyNames") });
  if (into.draft < 2019) return;
  assign(into, {
    dependentSchemas: keywords.map("dependentSchemas", keywords.schemaOf),
    dependentRequired: keywords.map("dependentRequired", (value) => value as string[]),
    unevaluatedProperties: keywords.schema("unevaluatedProperties"),
  });
}

function fillArrays(into: Compiled, keywords: Keywords): void {
  const listed = into.draft < 2020 ? "items" : "prefixItems";
  const isList = Array.isArray(keywords.get(listed));
  const additional = into.draft < 2020 && isList;
  assign(into, {
    minItems: keywords.number("minItems"),
    maxItems: keywords.number("maxItems"),
    uniqueItems: keywords.get("uniqueItems") === true ? true : undefined,
    prefixItems: isList ? keywords.schemas(listed) : undefined,
    items: keywords.schema(additional ? "additionalItems" : "items"),
    itemsAreAdditional: additional ? true : undefined,
  });
  if (into.draft >= 6) assign(into, { contains: keywords.schema("contains") });
  if (into.draft < 2019) return;
  assign(into, {
    minContains: keywords.number("minContains"),
    maxContains: keywords.number("maxContains"),
    unevaluatedItems: keywords.schema("unevaluatedItems"),
  });
}

function fillScalars(into: Compiled, keywords: Keywords): void {
  const pattern = keywords.get("pattern");
  const bound = (keyword: "minimum" | "maximum", exclusive: "exclusiveMinimum" | "exclusiveMaximum"): Bound[] => {
    // draft 4 says by a flag that the limit itself is left out
    const inclusive = keywords.get(exclusive) === true ? exclusive : keyword;
    return [...boundOf(inclusive, keywords.number(keyword)), ...boundOf(exclusive, keywords.number(exclusive))];
  };
  const bounds = [...bound("minimum", "exclusiveMinimum"), ...bound("maximum", "exclusiveMaximum")];
  assign(into, {
    minLength: keywords.number("minLength"),
    maxLength: keywords.number("maxLength"),
    pattern: typeof pattern === "string" ? { text: pattern, regex: keywords.regex(pattern) } : undefined,
    bounds: bounds.length === 0 ? undefined : bounds,
    multipleOf: keywords.number("multipleOf"),
  });
}

const boundOf = (keyword: Bound["keyword"], limit: number | undefined): Bound[] =>
  limit === undefined ? [] : [{ keyword, limit }];
