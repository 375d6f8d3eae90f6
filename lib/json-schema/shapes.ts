import { LinearRegex } from "../template/functions/index.ts";
import { FunctionError, type Value } from "../template/index.ts";
import type { Draft } from "./drafts.ts";
import { identityOf, isInteger, pointerToken, typeOf } from "./json-value.ts";

/** Looks at the value of a keyword, and tells of what lies in it. */
interface Look {
  readonly draft: Draft;
  /** Why an expression is none; undefined when it is one. */
  regexProblem(pattern: string): string | undefined;
  /** What is wrong with the value, or with something in it. */
  wrong(why: string, below?: string): void;
  /** A subschema. */
  schema(value: Value, below: string): void;
}

type Shape = (value: Value, look: Look) => void;

type Type = ReturnType<typeof typeOf> | "integer";

const isOf = (value: Value, type: Type): boolean => (type === "integer" ? isInteger(value) : typeOf(value) === type);

function ofType(...types: readonly Type[]): Shape {
  return (value, { wrong }) => {
    if (!types.some((type) => isOf(value, type))) wrong(`got ${typeOf(value)}, want ${types.join(" or ")}`);
  };
}

/** Every shape in turn, as long as the value is of the type. */
function all(type: Type, ...shapes: readonly Shape[]): Shape {
  return (value, look) => {
    if (!isOf(value, type)) ofType(type)(value, look);
    else for (const shape of shapes) shape(value, look);
  };
}

const each =
  (shape: Shape): Shape =>
  (value, look) => {
    for (const [key, item] of value instanceof Map ? value : (value as Value[]).entries()) {
      const below = pointerToken(key);
      shape(item, {
        ...look,
        wrong: (why, deeper = "") => look.wrong(why, below + deeper),
        schema: (subschema, deeper) => look.schema(subschema, below + deeper),
      });
    }
  };

const schema: Shape = (value, look) => look.schema(value, "");
const notEmpty: Shape = (value, { wrong }) => {
  if ((value as Value[]).length === 0) wrong("minItems: got 0, want 1");
};
const distinct: Shape = (value, { wrong }) => {
  const items = value as Value[];
  if (new Set(items.map(identityOf)).size < items.length) wrong("two items are equal");
};
const inDraft4 =
  (shape: Shape): Shape =>
  (value, look) => {
    if (look.draft === 4) shape(value, look);
  };
/** Draft 4 knows `true` and `false` at few places. */
const schemaOrBoolean: Shape = (value, look) => {
  if (look.draft > 4 || typeof value !== "boolean") look.schema(value, "");
};

const text = ofType("string");
const flag = ofType("boolean");
const number = ofType("number");
const array = ofType("array");
const count = all("integer", (value, { wrong }) => {
  if ((value as number) < 0) wrong(`minimum: got ${value}, want 0`);
});
const positive = all("number", (value, { wrong }) => {
  if ((value as number) <= 0) wrong(`exclusiveMinimum: got ${value}, want 0`);
});
const anchor = all("string", (value, { wrong }) => {
  if (!/^[A-Za-z_][-A-Za-z0-9._]*$/.test(value as string)) wrong(`${JSON.stringify(value)} is no anchor`);
});
const regex: Shape = (value, { wrong, regexProblem }) => {
  const why = regexProblem(value as string);
  if (why !== undefined) wrong(`${JSON.stringify(value)} is not valid regex: ${why}`);
};
const regexKeys: Shape = (value, { wrong, regexProblem }) => {
  for (const key of (value as Map<string, Value>).keys()) {
    const why = regexProblem(key);
    if (why !== undefined) wrong(`${JSON.stringify(key)} is not valid regex: ${why}`);
  }
};
const names = all("array", inDraft4(notEmpty), each(text), distinct);
const schemas = all("array", notEmpty, each(schema));
const schemaMap = all("object", each(schema));
const schemaOrSchemas: Shape = (value, look) => (Array.isArray(value) ? schemas : schema)(value, look);
const schemaOrNames: Shape = (value, look) => (Array.isArray(value) ? names : schema)(value, look);
const simpleType: Shape = (value, { wrong }) => {
  if (!["array", "boolean", "integer", "null", "number", "object", "string"].includes(value as string)) {
    wrong(`${identityOf(value)} is no type`);
  }
};
const types: Shape = (value, look) =>
  (Array.isArray(value) ? all("array", notEmpty, each(simpleType), distinct) : simpleType)(value, look);
const alternatives: Shape = (value, look) => {
  if (look.draft <= 6) for (const shape of [notEmpty, distinct]) shape(value, look);
};

interface Keyword {
  readonly shape: Shape;
  readonly since: Draft;
  readonly until: Draft;
}

const of = (shape: Shape, since: Draft = 4, until: Draft = 2020): Keyword => ({ shape, since, until });

/** What the metaschemas of all drafts say (https://json-schema.org/specification-links), in one table. */
const keywords: ReadonlyMap<string, readonly Keyword[]> = new Map(
  Object.entries({
    id: [of(text, 4, 4)],
    $id: [of(text, 6)],
    $schema: [of(text)],
    $ref: [of(text)],
    $anchor: [of(anchor, 2019)],
    $recursiveRef: [of(text, 2019)],
    $recursiveAnchor: [of(flag, 2019, 2019), of(anchor, 2020)],
    $dynamicRef: [of(text, 2020)],
    $dynamicAnchor: [of(anchor, 2020)],
    $comment: [of(text, 7)],
    $defs: [of(schemaMap, 2019)],
    definitions: [of(schemaMap)],
    title: [of(text)],
    description: [of(text)],
    format: [of(text)],
    examples: [of(array, 6)],
    readOnly: [of(flag, 7)],
    writeOnly: [of(flag, 7)],
    deprecated: [of(flag, 2019)],
    contentMediaType: [of(text, 7)],
    contentEncoding: [of(text, 7)],
    contentSchema: [of(schema, 2019)],
    type: [of(types)],
    enum: [of(all("array", alternatives))],
    multipleOf: [of(positive)],
    maximum: [of(number)],
    minimum: [of(number)],
    exclusiveMaximum: [of(flag, 4, 4), of(number, 6)],
    exclusiveMinimum: [of(flag, 4, 4), of(number, 6)],
    maxLength: [of(count)],
    minLength: [of(count)],
    pattern: [of(all("string", regex))],
    maxItems: [of(count)],
    minItems: [of(count)],
    uniqueItems: [of(flag)],
    maxContains: [of(count, 2019)],
    minContains: [of(count, 2019)],
    maxProperties: [of(count)],
    minProperties: [of(count)],
    required: [of(names)],
    dependentRequired: [of(all("object", each(names)), 2019)],
    dependencies: [of(all("object", each(schemaOrNames)))],
    dependentSchemas: [of(schemaMap, 2019)],
    properties: [of(schemaMap)],
    patternProperties: [of(all("object", regexKeys, each(schema)))],
    additionalProperties: [of(schemaOrBoolean)],
    propertyNames: [of(schema, 6)],
    unevaluatedProperties: [of(schema, 2019)],
    items: [of(schemaOrSchemas, 4, 2019), of(schema, 2020)],
    prefixItems: [of(schemas, 2020)],
    additionalItems: [of(schemaOrBoolean, 4, 2019)],
    unevaluatedItems: [of(schema, 2019)],
    contains: [of(schema, 6)],
    allOf: [of(schemas)],
    anyOf: [of(schemas)],
    oneOf: [of(schemas)],
    not: [of(schema)],
    if: [of(schema, 7)],
    // biome-ignore lint/suspicious/noThenProperty: it is what the keyword is called
    then: [of(schema, 7)],
    else: [of(schema, 7)],
  }),
);

/** Look at all keywords of one schema, but not into its subschemas: those are told. */
export function lookAtKeywords(source: ReadonlyMap<string, Value>, look: Look): void {
  for (const [name, value] of source) {
    const keyword = keywords.get(name)?.find(({ since, until }) => since <= look.draft && look.draft <= until);
    const below = pointerToken(name);
    keyword?.shape(value, {
      ...look,
      wrong: (why, deeper = "") => look.wrong(why, below + deeper),
      schema: (subschema, deeper) => look.schema(subschema, below + deeper),
    });
  }
  if (look.draft > 4) return;
  for (const [name, needed] of [
    ["exclusiveMaximum", "maximum"],
    ["exclusiveMinimum", "minimum"],
  ] as const) {
    if (source.has(name) && !source.has(needed)) look.wrong(`properties '${needed}' required, if '${name}' exists`);
  }
}

/** Why a text is no regular expression as Go has them. */
function problemOfRegex(pattern: string, spend: (operations: number) => void): string | undefined {
  spend(LinearRegex.cost(pattern));
  return regexProblem(() => new LinearRegex(pattern));
}

/** Why an expression cannot be compiled; undefined when it can. */
export function regexProblem(compile: () => LinearRegex): string | undefined {
  try {
    compile();
    return undefined;
  } catch (error) {
    if (error instanceof FunctionError) return error.message;
    throw error;
  }
}

/** Why a value is no schema of a draft; undefined when it is one. */
export function metaschemaProblem(value: Value, draft: Draft, spend: (operations: number) => void): string | undefined {
  let problem: string | undefined;
  const visit = (schema: Value, at: string): void => {
    spend(1);
    const wrong = (why: string, below = ""): void => {
      problem ??= `at '${at}${below}': ${why}`;
    };
    if (schema instanceof Map) {
      const subschema = (value: Value, below: string): void => visit(value, at + below);
      lookAtKeywords(schema, {
        draft,
        wrong,
        regexProblem: (pattern) => problemOfRegex(pattern, spend),
        schema: subschema,
      });
    } else if (typeof schema !== "boolean" || draft === 4) {
      wrong(`got ${typeOf(schema)}, want ${draft === 4 ? "object" : "object or boolean"}`);
    }
  };
  visit(value, "");
  return problem;
}
