import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { JsonSchema } from "../../lib/json-schema/index.ts";
import { readJson } from "../../lib/yaml/index.ts";

const free = (): void => {};

function problemsOf(schema: unknown, value: unknown): string | undefined {
  return new JsonSchema(JSON.stringify(schema), free).problemsOf(readJson(JSON.stringify(value)), free);
}

const DRAFTS = {
  4: "http://json-schema.org/draft-04/schema#",
  6: "http://json-schema.org/draft-06/schema#",
  7: "https://json-schema.org/draft-07/schema",
  2019: "https://json-schema.org/draft/2019-09/schema",
  2020: "https://json-schema.org/draft/2020-12/schema",
} as const;
type Draft = keyof typeof DRAFTS;

/** A schema of a draft, values that fit it, and values that do not. */
type Row = readonly [draft: Draft, schema: object, fits: readonly unknown[], not: readonly unknown[]];

function hold(rows: readonly Row[]): void {
  for (const [draft, keywords, fits, not] of rows) {
    const schema = { $schema: DRAFTS[draft], ...keywords };
    const about = (value: unknown): string => `${JSON.stringify(value)} under ${JSON.stringify(schema)}`;
    for (const value of fits) assert.equal(problemsOf(schema, value), undefined, about(value));
    for (const value of not) assert.notEqual(problemsOf(schema, value), undefined, about(value));
  }
}

test("types, constants and alternatives go by value: 1.0 is an integer, the order of keys says nothing", () => {
  hold([
    [4, { type: "integer" }, [1, 1.0, 1e300], [1.5, "1", true, null]],
    [7, { type: ["array", "null"] }, [[], null], [{}, 0]],
    [7, { const: { a: 1, b: [2] } }, [{ b: [2], a: 1.0 }], [{ a: 1, b: [2], c: 3 }, { a: 1 }, [1]]],
    [2020, { enum: ["a", 1, null, [{}]] }, ["a", 1.0, null, [{}]], ["A", true, [], 0]],
  ]);
});

test("limits of numbers are exact in decimals", () => {
  hold([
    [7, { multipleOf: 0.01 }, [19.99, 4.35, 0, 1e20], [19.995]],
    [7, { multipleOf: 1e-8 }, [12391239123, 0.00000003], [3e-9]],
    [4, { maximum: 3, exclusiveMaximum: true, minimum: 0 }, [0, 2.9], [3, -1]],
    [6, { exclusiveMaximum: 3, exclusiveMinimum: 0 }, [1], [0, 3]],
  ]);
});

test("texts are measured in characters, expressions are Go's", () => {
  hold([
    [7, { minLength: 2, maxLength: 2 }, ["ab", "😀😀"], ["a", "😀"]],
    [2020, { pattern: "^\\p{Lu}(?i:x)$" }, ["ÄX", "Ax"], ["ax", "A"]],
  ]);
});

test("objects: names, patterns, the rest, dependencies", () => {
  const closed = {
    properties: { a: {} },
    patternProperties: { "^x-": { type: "string" } },
    additionalProperties: false,
  };
  hold([
    [7, closed, [{ a: 1, "x-b": "c" }, {}], [{ b: 1 }, { "x-b": 1 }]],
    [7, { additionalProperties: { type: "number" }, minProperties: 1, maxProperties: 2 }, [{ a: 1 }], [{ a: "x" }, {}]],
    [7, { propertyNames: { maxLength: 1 } }, [{ a: 1 }], [{ ab: 1 }]],
    [
      7,
      { dependencies: { a: ["b"], c: { required: ["d"] } } },
      [
        { a: 1, b: 1 },
        { c: 1, d: 1 },
      ],
      [{ a: 1 }, { c: 1 }],
    ],
    [2019, { dependentRequired: { a: ["b"] }, dependentSchemas: { c: false } }, [{ b: 1 }], [{ a: 1 }, { c: 1 }]],
    [
      7,
      { properties: { toString: { type: "string" }, constructor: false } },
      [{}, { toString: "x" }],
      [{ toString: 1 }],
    ],
  ]);
});

test("arrays: lists of items, the rest, contents, equal items", () => {
  hold([
    [7, { items: [{ type: "string" }], additionalItems: { type: "number" } }, [["a", 1], []], [[1], ["a", "b"]]],
    [7, { items: [{}], additionalItems: false }, [[1]], [[1, 2]]],
    [2020, { prefixItems: [{ type: "string" }], items: false }, [["a"], []], [["a", 1]]],
    [7, { contains: { const: 1 } }, [[0, 1]], [[0], []]],
    [2020, { contains: { const: 1 }, minContains: 2, maxContains: 3 }, [[1, 1]], [[1], [1, 1, 1, 1]]],
    [2020, { contains: { const: 1 }, minContains: 0 }, [[]], []],
    [
      7,
      { uniqueItems: true, minItems: 1, maxItems: 3 },
      [[1, "1", true]],
      [
        [1, 1.0],
        [
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ],
        [],
      ],
    ],
  ]);
});

test("schemas are combined, and conditions choose", () => {
  // biome-ignore lint/suspicious/noThenProperty: it is what the keyword is called
  const choice = { if: { required: ["a"] }, then: { required: ["b"] }, else: { required: ["c"] } };
  hold([
    [7, { allOf: [{ required: ["a"] }, { required: ["b"] }] }, [{ a: 1, b: 1 }], [{ a: 1 }]],
    [7, { anyOf: [{ type: "string" }, { minimum: 2 }] }, ["a", 2], [1]],
    [7, { oneOf: [{ multipleOf: 2 }, { multipleOf: 3 }] }, [2, 3], [6, 1]],
    [7, { not: { type: "string" } }, [1], ["a"]],
    [7, choice, [{ a: 1, b: 1 }, { c: 1 }], [{ a: 1 }, {}]],
    [6, choice, [{}], []],
  ]);
});

test("what no keyword has looked at is unevaluated, also through references and branches", () => {
  const branches = {
    anyOf: [
      { properties: { a: true }, required: ["a"] },
      { properties: { b: true }, required: ["b"] },
    ],
    unevaluatedProperties: false,
  };
  hold([
    [2019, branches, [{ a: 1 }, { a: 1, b: 1 }], [{ a: 1, c: 1 }, {}]],
    [
      2020,
      { $ref: "#/$defs/x", $defs: { x: { properties: { a: {} } } }, unevaluatedProperties: { type: "number" } },
      [{ a: "x", b: 1 }],
      [{ b: "x" }],
    ],
    [2020, { prefixItems: [true], contains: { const: 1 }, unevaluatedItems: false }, [["x", 1, 1]], [["x", 1, 2]]],
    [2020, { not: { not: { properties: { a: true } } }, unevaluatedProperties: false }, [{}], [{ a: 1 }]],
  ]);
});

test("references lead to pointers, anchors and ids; before 2019-09 nothing but a constant counts beside them", () => {
  const tree = { properties: { value: { type: "number" }, next: { $ref: "#" } }, additionalProperties: false };
  const escaped = { $ref: "#/definitions/a~1b%25", definitions: { "a/b%": { type: "string" } } };
  const beside = { $ref: "#/definitions/x", type: "string", definitions: { x: { minimum: 1 } } };
  hold([
    [7, tree, [{ next: { next: { value: 1 } } }], [{ next: { next: { other: 1 } } }]],
    [7, escaped, ["x"], [1]],
    [7, beside, [1, "x"], [0]],
    [2019, { ...beside, $defs: beside.definitions, $ref: "#/$defs/x" }, ["x"], [1]],
  ]);
});

test("$recursiveRef and $dynamicRef lead to the outermost schema that answers to them", () => {
  const tree = { $id: "tree", properties: { children: { items: {} } } };
  const strict = { $id: "https://example.com/strict", $ref: "tree", unevaluatedProperties: false };
  const recursive = { ...tree, $recursiveAnchor: true, properties: { children: { items: { $recursiveRef: "#" } } } };
  const dynamic = { ...tree, $dynamicAnchor: "node", properties: { children: { items: { $dynamicRef: "#node" } } } };
  const [good, bad] = [{ children: [{ children: [] }] }, { children: [{ daat: 1 }] }];
  hold([
    [2019, { ...strict, $recursiveAnchor: true, $defs: { tree: recursive } }, [good], [bad]],
    [2020, { ...strict, $dynamicAnchor: "node", $defs: { tree: dynamic } }, [good], [bad]],
    [2020, { ...strict, $defs: { tree: dynamic } }, [good, bad], [{ daat: 1 }]],
  ]);
});

test("formats are checked before 2019-09, those that helm's validator knows", () => {
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["date", ["2024-02-29"], ["2023-02-29", "2024-13-01", "24-01-01"]],
    ["time", ["08:30:06Z", "23:59:60z", "01:29:60+01:30"], ["08:30:06", "24:00:00Z", "22:59:60Z", "08:30:06+24:00"]],
    ["date-time", ["1963-06-19t08:30:06.28z"], ["1963-06-19 08:30:06Z", "1963-06-31T08:30:06Z"]],
    ["duration", ["P4DT12H30M5S", "P1W", "PT1M"], ["P", "PT", "P1D2H", "P1YT", "1D"]],
    ["period", ["1963-06-19T08:30:06Z/P1D"], ["P1D", "P1D/P1D"]],
    ["ipv4", ["192.168.0.1"], ["192.168.0.01", "256.0.0.1", "1.2.3"]],
    ["ipv6", ["::1", "::ffff:1.2.3.4"], ["::1%eth0", "1.2.3.4", "12345::"]],
    ["hostname", ["a-b.example.com."], ["-a", "a..b", "a_b", ""]],
    ["email", ["a@localhost", '"a b"@example.com', "a@[127.0.0.1]"], ["a", ".a@b", "a@-b", "a@[1.2.3]"]],
    ["uri", ["https://example.com/a?b#c", "urn:x:y"], ["/relative", "http://[::1", "http://a:b/"]],
    ["uri-reference", ["/a", "#b"], ["\\a", ":a"]],
    ["uri-template", ["http://a/{b}/c"], ["http://a/{b"]],
    ["json-pointer", ["", "/a~0b/~1"], ["a", "/~2"]],
    ["relative-json-pointer", ["0#", "1/a"], ["01", "/a", "-1"]],
    ["uuid", ["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08aa9811eab4aa73b441d16380"]],
    ["semver", ["1.0.0-rc.1+b.2"], ["1.0", "01.0.0", "1.0.0-01", "1.0.0+"]],
    ["regex", ["^a+$"], ["(?=a)", "("]],
    ["nobody-knows", ["anything"], []],
  ];
  for (const [format, fits, not] of rows) {
    hold([
      [7, { format }, [...fits, 1, null], not],
      [2020, { format }, [...fits, ...not], []],
    ]);
  }
});

test("every step is counted: what would take for ever ends where the work is used up", () => {
  const branches = Array.from({ length: 60 }, (_, i) => [
    `b${i}`,
    { anyOf: [{ $ref: `#/$defs/b${i + 1}` }, { $ref: `#/$defs/b${i + 1}` }] },
  ]);
  const fork = { $ref: "#/$defs/b0", $defs: { ...Object.fromEntries(branches), b60: false } };
  const expressions = { allOf: Array.from({ length: 50 }, (_, i) => ({ pattern: `x{1000}${i}` })) };
  const unequal = { not: { allOf: Array(50).fill({ uniqueItems: true }) } };
  const long = Array.from({ length: 2_000 }, (_, i) => `${"x".repeat(500)}${i}`);
  for (const [schema, value] of [
    [fork, 1],
    [expressions, "x"],
    [unequal, long],
  ] as const) {
    let left = 50_000;
    const spend = (operations: number): void => {
      left -= operations;
      if (left < 0) throw new RangeError("used up");
    };
    assert.throws(
      () => new JsonSchema(JSON.stringify(schema), spend).problemsOf(readJson(JSON.stringify(value)), spend),
      { message: "used up" },
    );
  }
});

test("a long text is repeated in part", () => {
  const problems = problemsOf({ pattern: "^a$", enum: ["a"] }, "b".repeat(100_000));
  assert.ok(problems !== undefined && problems.length < 2_000);
  const many = problemsOf({ items: { type: "string" } }, Array(10_000).fill(1))!;
  assert.ok(many.split("\n").length <= 100);
});

test("what does not fit is told by place, causes below it", () => {
  const schema = { properties: { "a/b": { anyOf: [{ type: "string" }, { items: { type: "string" } }] } } };
  assert.equal(
    problemsOf(schema, { "a/b": ["x", 1] }),
    "- at '/a~1b': 'anyOf' failed\n  - at '/a~1b': got array, want string\n  - at '/a~1b/1': got number, want string",
  );
});

test("property: a value fits the schema that demands just it, and no other value does", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (value, other) => {
      const equal = JSON.stringify(sorted(value)) === JSON.stringify(sorted(other));
      assert.equal(problemsOf({ const: value }, value), undefined);
      assert.equal(problemsOf({ enum: [value] }, other) === undefined, equal);
    }),
  );
});

/** Objects as lists of sorted entries: equal values have equal texts. */
const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : typeof value === "object" && value !== null
      ? {
          entries: Object.entries(value)
            .sort()
            .map(([key, item]) => [key, sorted(item)]),
        }
      : value;

test("property: no value and no object of keywords makes it fail in another way than by saying so", () => {
  const keywords = [
    "type",
    "properties",
    "items",
    "allOf",
    "not",
    "$ref",
    "$id",
    "enum",
    "if",
    "then",
    "required",
    "minimum",
  ];
  const schema = fc.dictionary(fc.constantFrom(...keywords), fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(schema, fc.jsonValue(), (schema, value) => {
      try {
        problemsOf(schema, value);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "SCHEMA_INVALID");
      }
    }),
  );
});
