import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defaultLimits, readYaml, writeJson, writeYaml, YamlError, type YamlValue } from "../../lib/yaml/index.ts";

/** What is read, as JSON with sorted keys. */
const read = (text: string): string => writeJson(readYaml(text), { escapeHtml: false });

/** Scalars and what they are, as helm 4.1.4 reads them. */
const scalars: readonly (readonly [string, string])[] = [
  ["yes", "true"],
  ["Off", "false"],
  ["y", "true"],
  ["tRue", '"tRue"'],
  ["~", "null"],
  ["", "null"],
  ["Null", "null"],
  ["nULL", '"nULL"'],
  ["010", "8"],
  ["0o10", "8"],
  ["08", "8"],
  ["0x1F", "31"],
  ["-0b11", "-3"],
  ["1_000", "1000"],
  ["+12", "12"],
  ["1e3", "1000"],
  ["1.", "1"],
  [".5", "0.5"],
  ["._5", '"._5"'],
  ["1e400", '"1e400"'],
  ["9223372036854775808", "9223372036854776000"],
  ["12345678901234567890123", "1.2345678901234568e+22"],
  ["0x1FFFFFFFFFFFFFFFFFFF", '"0x1FFFFFFFFFFFFFFFFFFF"'],
  ["1:30", '"1:30"'],
  ["2001-01-01", '"2001-01-01"'],
  ["2001-01-01 10:00:00", '"2001-01-01 10:00:00"'],
  ["'1'", '"1"'],
  ['"\\x41\\u00e9\\n"', '"Aé\\n"'],
  ["!!str 1", '"1"'],
  ['!!int "7"', "7"],
  ["!!float 1", "1"],
  ["!!binary aGk=", '"hi"'],
  ["!custom 1", '"1"'],
  ["! 1", '"1"'],
  ["<<", '"<<"'],
];

for (const [text, json] of scalars) {
  test(`the scalar ${JSON.stringify(text)} is ${json}`, () => {
    assert.equal(read(text), json);
    assert.equal(read(`k: ${text}`), `{"k":${json}}`);
  });
}

/** Documents and what they are, as helm 4.1.4 reads them. */
const documents: readonly (readonly [name: string, text: string, json: string])[] = [
  [
    "keys that are no strings become strings",
    "1: a\ntrue: b\n1.5: c\n0x10: d\n1e10: e",
    '{"1":"a","1.5":"c","16":"d","1e+10":"e","true":"b"}',
  ],
  ["of a key given twice the last counts", "a: 1\na: 2", '{"a":2}'],
  [
    "a merge gives way to what follows it only",
    "b: &b {x: 1, z: 1}\nc: {x: 0, <<: *b, z: 2}",
    '{"b":{"x":1,"z":1},"c":{"x":1,"z":2}}',
  ],
  [
    "of merged maps the first wins",
    "a: &a {x: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b]}",
    '{"a":{"x":1},"b":{"x":2,"z":2},"c":{"x":1,"z":2}}',
  ],
  ["a quoted merge key is a key", 'a: {"<<": {x: 1}}', '{"a":{"<<":{"x":1}}}'],
  ["an anchor can be set anew", "a: &x 1\nb: *x\nc: &x 2\nd: *x", '{"a":1,"b":1,"c":2,"d":2}'],
  ["an alias can be a key", "a: &x k\n*x : 1", '{"a":"k","k":1}'],
  ["a list may stand at the column of its key", "a:\n- 1\n- b: 2\n  c: 3", '{"a":[1,{"b":2,"c":3}]}'],
  ["only the first document is read, whatever follows", "a: 1\n---\n: [", '{"a":1}'],
  ["an end mark ends the document", "a: 1\n...\n: [", '{"a":1}'],
  ["directives and comments may come first", "# c\n%YAML 1.1\n---\na: 1", '{"a":1}'],
  ["dashes within a text are no mark", "a: |\n  ---\n  x\nb: '---'", '{"a":"---\\nx\\n","b":"---"}'],
  [
    "brackets may close at the column of their key",
    "a: [\n  1,\n]\nb: {\n  c: [\n2\n],\n}\nd: 'x\ny'",
    '{"a":[1],"b":{"c":[2]},"d":"x y"}',
  ],
  ["a byte order mark is skipped", "\ufeffa: 1", '{"a":1}'],
  ["Windows line ends are line ends", "a: 1\r\nb: |\r\n  x\r\n  y\r\n", '{"a":1,"b":"x\\ny\\n"}'],
  ["JSON is YAML", '{"a": [1, "\\u2028", null, {"b": false}]}', '{"a":[1,"\\u2028",null,{"b":false}]}'],
  ["__proto__ is a key like any other", "__proto__: {a: 1}\nconstructor: 2", '{"__proto__":{"a":1},"constructor":2}'],
];

for (const [name, text, json] of documents) test(name, () => assert.equal(read(text), json));

test("a text without content is null", () => {
  for (const text of ["", "  \n", "# only a comment\n", "---\n", "--- \n...\n"]) assert.equal(readYaml(text), null);
});

test("of keys given twice the last one counts, unless they get names of their own", () => {
  const text = "{a: 1, b: {a: 2, a: 3}, a: 4, 'a': 5}";
  assert.equal(read(text), '{"a":5,"b":{"a":3}}');
  const named = readYaml(text, defaultLimits, (key, size) => `${key}#${size}`);
  assert.equal(writeJson(named), '{"a":1,"a#2":4,"a#3":5,"b":{"a":2,"a#1":3}}');
});

test("aliases are copies: changing one leaves the others", () => {
  const value = readYaml("a: &a {list: [1]}\nb: *a") as Map<string, Map<string, YamlValue>>;
  value.get("b")?.set("list", "changed");
  assert.deepEqual(value.get("a")?.get("list"), [1]);
});

/** What cannot be read, and a part of the reason. */
const refused: readonly (readonly [string, RegExp])[] = [
  ["a: [1", /line 1: /],
  ["a: b: c", /line 1: /],
  ["a:\n\t- b", /line 2: /],
  ["a: *missing", /unknown anchor 'missing'/],
  ["a: &a [*a]", /contains itself/],
  ["a: &a {b: {c: *a}}", /contains itself/],
  ["{[a]: b}", /invalid map key/],
  ["~: 1", /unsupported map key/],
  ["a: {<<: 1}", /map merge requires/],
  ["a: &a [1]\nb: {<<: *a}", /map merge requires/],
  ["a: .nan", /unsupported value/],
  ["a: !!int x", /cannot decode !!string `x` as a !!int/],
  ["a: !!binary '*'", /invalid base64/],
  ["a: \x07", /control characters/],
  ["a: \0", /control characters/],
];

for (const [text, reason] of refused) {
  test(`${JSON.stringify(text)} is refused with its reason`, () => {
    assert.throws(
      () => readYaml(text),
      (error) => error instanceof YamlError && error.code === "YAML_INVALID" && reason.test(error.reason),
    );
  });
}

const bomb = Array.from("abcdefghij", (name, i) => {
  const items = i === 0 ? "x" : `*${"abcdefghij"[i - 1]}`;
  return `${name}: &${name} [${Array(10).fill(items).join(", ")}]`;
}).join("\n");
const mergeBomb = Array.from(
  "abcdefghijklmnopqrstuvwxyz",
  (name, i, all: string[] = [..."abcdefghijklmnopqrstuvwxyz"]) =>
    i === 0
      ? "a: &a {k: 1}"
      : `${name}: &${name} {<<: [${Array(9)
          .fill(`*${all[i - 1]}`)
          .join(", ")}]}`,
).join("\n");
const chain = Array.from({ length: 2000 }, (_, i) => `k${i}: &k${i} [${i === 0 ? 1 : `*k${i - 1}`}]`).join("\n");

const tooMuch: readonly (readonly [name: string, text: string])[] = [
  ["aliases of aliases", bomb],
  ["merges of merges", mergeBomb],
  ["a long chain of aliases", chain],
  ["lists within lists", "[".repeat(100_000)],
  ["block lists within lists", `${"- ".repeat(10_000)}x`],
  ["maps within maps", "{a: ".repeat(10_000)],
];

for (const [name, text] of tooMuch) {
  test(`${name} are refused before they cost anything`, () => {
    const start = process.cpuUsage();
    assert.throws(() => readYaml(text), YamlError);
    const { user, system } = process.cpuUsage(start);
    assert.ok(user + system < 5_000_000);
  });
}

test("limits are those of the caller", () => {
  assert.throws(() => readYaml("a: 1", { ...defaultLimits, length: 3 }), /longer than 3 characters/);
  assert.throws(() => readYaml("[1, 2, 3]", { ...defaultLimits, nodes: 3 }), /more than 3 nodes/);
  assert.throws(() => readYaml("[[[1]]]", { ...defaultLimits, depth: 2 }), YamlError);
  assert.deepEqual(readYaml("[[1]]", { ...defaultLimits, depth: 2 }), [[1]]);
});

test("any text is read or refused, and nothing else happens", () => {
  const pieces = fc.constantFrom(
    ..."a: |- |[|]|{|}|&x |*x|<<: |\n|\n  |'|\"|#|!!int |? |---\n|...\n|\t|~|1|\u2028|%YAML".split("|"),
    "|",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 15 }), (parts) => {
      try {
        readYaml(parts.join(""));
      } catch (error) {
        assert.ok(error instanceof YamlError, String(error));
      }
    }),
  );
});

const value = fc.letrec<{ value: YamlValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "grapheme" }),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }).map((object) => new Map(Object.entries(object))),
  ),
})).value;

test("what is written is read as what it was", () => {
  fc.assert(
    fc.property(value, (written) =>
      assert.deepEqual(readYaml(writeYaml(new Map([["v", written]]))), new Map([["v", written]])),
    ),
  );
});
