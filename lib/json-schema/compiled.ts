import type { LinearRegex } from "../template/functions/index.ts";
import type { Value } from "../template/index.ts";
import type { Draft } from "./drafts.ts";
import type { Format } from "./formats.ts";
import type { Resource } from "./schema-document.ts";

/** A limit, as a number and as it is written in messages. */
export interface Bound {
  readonly keyword: "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum";
  readonly limit: number;
}

/** A schema as it is evaluated: its keywords, with the schemas that they lead to. */
export interface Compiled {
  readonly draft: Draft;
  readonly resource: Resource;
  /** `true` and `false` as schemas; an empty schema is `true`. */
  always?: boolean;
  /** Values have to be schemas of this draft. */
  metaschema?: Draft;
  types?: readonly string[];
  constant?: { readonly value: Value; readonly identity: string };
  alternatives?: { readonly values: readonly Value[]; readonly identities: ReadonlySet<string> };
  format?: { readonly name: string; readonly problem: Format };
  reference?: Compiled;
  recursiveReference?: Compiled;
  dynamicReference?: { readonly target: Compiled; readonly anchor: string | undefined };
  // of objects
  minProperties?: number;
  maxProperties?: number;
  required?: readonly string[];
  dependencies?: ReadonlyMap<string, Compiled | readonly string[]>;
  properties?: ReadonlyMap<string, Compiled>;
  patternProperties?: readonly (readonly [LinearRegex, Compiled])[];
  additionalProperties?: Compiled;
  propertyNames?: Compiled;
  dependentSchemas?: ReadonlyMap<string, Compiled>;
  dependentRequired?: ReadonlyMap<string, readonly string[]>;
  unevaluatedProperties?: Compiled;
  // of arrays
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  prefixItems?: readonly Compiled[];
  /** Of those behind `prefixItems`; in drafts before 2020-12, `additionalItems` or an `items` that is no list. */
  items?: Compiled;
  /** Whether `items` is called `additionalItems`. */
  itemsAreAdditional?: boolean;
  contains?: Compiled;
  minContains?: number;
  maxContains?: number;
  unevaluatedItems?: Compiled;
  // of texts and numbers
  minLength?: number;
  maxLength?: number;
  pattern?: { readonly text: string; readonly regex: LinearRegex };
  bounds?: readonly Bound[];
  multipleOf?: number;
  // of anything
  not?: Compiled;
  allOf?: readonly Compiled[];
  anyOf?: readonly Compiled[];
  oneOf?: readonly Compiled[];
  condition?: { readonly if: Compiled; readonly met: Compiled | undefined; readonly otherwise: Compiled | undefined };
}
