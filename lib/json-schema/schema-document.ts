import { LinearRegex } from "../template/functions/index.ts";
import type { Value, ValueMap } from "../template/index.ts";
import { type Draft, draftOf, idKeyword, LATEST } from "./drafts.ts";
import { typeOf } from "./json-value.ts";
import { SchemaError } from "./schema-error.ts";
import { lookAtKeywords, regexProblem } from "./shapes.ts";

/** A schema with keywords, as it is written. */
type Source = ValueMap;

/** A schema that has a URL of its own, and what in it can be referred to by name. */
export interface Resource {
  readonly url: string;
  readonly draft: Draft;
  readonly root: Value;
  readonly anchors: Map<string, Source>;
  /** Those of the anchors that a `$dynamicRef` looks for. */
  readonly dynamic: Set<string>;
  /** `$recursiveAnchor` at its root. */
  readonly recursive: boolean;
}

/** What a reference leads to. */
export type Referred =
  | { readonly schema: Value; readonly resource: Resource }
  /** The rules for schemas of a draft. */
  | { readonly metaschema: Draft };

/** The URL under which helm knows a chart's schema: references are resolved against it. */
const BASE = "file:///values.schema.json";

/** A schema text with the schemas in it, checked against the rules of their drafts. */
export class SchemaDocument {
  readonly root: Resource;
  readonly #resources = new Map<string, Resource>();
  readonly #resourceOf = new Map<Source, Resource>();
  readonly #regexes = new Map<string, LinearRegex>();
  readonly #spend: (operations: number) => void;

  /** @throws SchemaError */
  constructor(source: Value, spend: (operations: number) => void) {
    this.#spend = spend;
    this.#index(source, "", undefined);
    this.root = this.#resources.values().next().value!;
  }

  /** An expression of a schema, compiled once. @throws FunctionError where it is none */
  regex(pattern: string): LinearRegex {
    const known = this.#regexes.get(pattern);
    if (known !== undefined) return known;
    this.#spend(LinearRegex.cost(pattern));
    const regex = new LinearRegex(pattern);
    this.#regexes.set(pattern, regex);
    return regex;
  }

  /** The resource a schema lies in; `from` for one that is a mere boolean. */
  resourceOf(schema: Value, from: Resource): Resource {
    return (schema instanceof Map ? this.#resourceOf.get(schema) : undefined) ?? from;
  }

  /** @throws SchemaError where there is nothing; nothing is ever fetched */
  resolve(reference: string, from: Resource): Referred {
    const [address, fragment = ""] = reference.split(/#(.*)/s, 2) as [string, string?];
    const url = join(from.url, address);
    const resource = url === BASE ? this.root : this.#resources.get(url);
    if (resource === undefined) return referredOutside(url, fragment);
    const name = decoded(fragment, reference);
    if (name === "" || name.startsWith("/")) return this.#at(name, resource, reference);
    const schema = resource.anchors.get(name);
    if (schema === undefined) throw new SchemaError(`its reference ${quoted(reference)} names no anchor in it`);
    return { schema, resource };
  }

  #at(pointer: string, from: Resource, reference: string): Referred {
    let [schema, resource] = [from.root, from];
    for (const token of pointer.split("/").slice(1)) {
      const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
      if (schema instanceof Map && schema.has(key)) schema = schema.get(key);
      else if (Array.isArray(schema) && /^\d+$/.test(key) && Number(key) < schema.length) schema = schema[Number(key)];
      else throw new SchemaError(`its reference ${quoted(reference)} leads to nothing`);
      resource = this.resourceOf(schema, resource);
    }
    // it may lie where no schema is expected
    this.#index(schema, pointer, resource);
    return { schema, resource: this.resourceOf(schema, resource) };
  }

  #index(schema: Value, pointer: string, outer: Resource | undefined): void {
    if (schema instanceof Map && this.#resourceOf.has(schema)) return;
    this.#spend(1);
    const wrong = (why: string, below = ""): never => {
      throw new SchemaError(`it is not valid against its metaschema: at '${pointer}${below}': ${why}`);
    };
    if (!(schema instanceof Map)) {
      const draft = outer?.draft ?? LATEST;
      const want = draft === 4 ? "object" : "object or boolean";
      if (typeof schema !== "boolean" || draft === 4) wrong(`got ${typeOf(schema)}, want ${want}`);
      if (outer === undefined) this.#add(schema, BASE, draft);
      return;
    }
    const resource = this.#enter(schema, outer);
    this.#resourceOf.set(schema, resource);
    nameAnchors(schema, resource);
    lookAtKeywords(schema, {
      draft: resource.draft,
      wrong,
      regexProblem: (pattern) => regexProblem(() => this.regex(pattern)),
      schema: (subschema, below) => this.#index(subschema, pointer + below, resource),
    });
  }

  /** The resource that a schema begins, or lies in. */
  #enter(schema: Source, outer: Resource | undefined): Resource {
    const named = schema.get("$schema");
    let draft = outer?.draft ?? LATEST;
    if (typeof named === "string") {
      // helm warns of URNs and takes them for schemas that allow everything
      const own = draftOf(named) ?? (named.startsWith("urn:") ? draft : undefined);
      if (own === undefined) throw new SchemaError(`its $schema ${quoted(named)} is none of the drafts`);
      // within another schema, only one with a URL of its own can follow another draft
      if (outer === undefined || idOf(schema, own) !== "") draft = own;
    }
    const id = idOf(schema, draft);
    if (outer !== undefined && id === "") return outer;
    return this.#add(schema, join(outer?.url ?? BASE, id), draft);
  }

  #add(root: Value, url: string, draft: Draft): Resource {
    if (this.#resources.has(url)) throw new SchemaError(`two schemas in it have the id ${quoted(url)}`);
    const recursive = root instanceof Map && root.get("$recursiveAnchor") === true;
    const resource: Resource = { url, draft, root, anchors: new Map(), dynamic: new Set(), recursive };
    this.#resources.set(url, resource);
    return resource;
  }
}

/** The URL a schema gives itself, without fragment; empty for none. */
function idOf(schema: Source, draft: Draft): string {
  const id = schema.get(idKeyword(draft));
  return typeof id !== "string" || isOnlyReference(schema, draft) ? "" : id.split("#", 1)[0]!;
}

/** Before draft 2019-09, nothing counts beside `$ref`. */
export const isOnlyReference = (schema: Source, draft: Draft): boolean => draft < 2019 && schema.has("$ref");

function nameAnchors(schema: Source, { draft, anchors, dynamic }: Resource): void {
  const add = (name: Value): void => {
    if (typeof name !== "string" || name === "") return;
    const other = anchors.get(name);
    if (other !== undefined && other !== schema) throw new SchemaError(`two schemas have the anchor ${quoted(name)}`);
    anchors.set(name, schema);
  };
  if (draft < 2019) {
    const id = schema.get(idKeyword(draft));
    const name = typeof id === "string" ? (id.split(/#(.*)/s, 2)[1] ?? "") : "";
    if (!isOnlyReference(schema, draft) && !name.startsWith("/")) add(name);
    return;
  }
  add(schema.get("$anchor"));
  const name = schema.get("$dynamicAnchor");
  if (draft < 2020 || typeof name !== "string") return;
  add(name);
  dynamic.add(name);
}

function referredOutside(url: string, fragment: string): Referred {
  const metaschema = draftOf(url);
  if (metaschema !== undefined && fragment === "") return { metaschema };
  if (url.startsWith("urn:")) return { schema: true, resource: anywhere(url) };
  throw new SchemaError(`it refers to ${quoted(url)}, which is not part of it: nothing is fetched`);
}

const anywhere = (url: string): Resource => ({
  url,
  draft: LATEST,
  root: true,
  anchors: new Map(),
  dynamic: new Set(),
  recursive: false,
});

function join(base: string, reference: string): string {
  if (reference === "") return base;
  const url = URL.parse(reference, base);
  if (url !== null) return url.href;
  // nothing can be relative to a URN
  if (!/^[a-z][a-z\d+.-]*:/i.test(reference)) return base;
  throw new SchemaError(`${quoted(reference)} is no URL`);
}

function decoded(fragment: string, reference: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    throw new SchemaError(`its reference ${quoted(reference)} has a fragment that cannot be decoded`);
  }
}

const quoted = (text: string): string => JSON.stringify(text);
