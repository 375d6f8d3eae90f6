import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readToml } from "../../../lib/template/functions/toml-read.ts";
import { writeToml } from "../../../lib/template/functions/toml-write.ts";
import type { Value, ValueMap } from "../../../lib/template/index.ts";
import { FunctionError } from "../../../lib/template/index.ts";
import { type WritableValue, writeJson } from "../../../lib/yaml/index.ts";

const read = (text: string): string => writeJson(readToml(text) as WritableValue);

/** Texts and what they are, as BurntSushi/toml 1.6 reads them. */
const readable: readonly (readonly [text: string, json: string])[] = [
  ["", "{}"],
  ["a = 1 # c\n\n[t]\nb = 'x'\n[t.u]\nc = true", '{"a":1,"t":{"b":"x","u":{"c":true}}}'],
  ["a.b = 1\na.c = 2\n'q k'.\"é\" = 3", '{"a":{"b":1,"c":2},"q k":{"é":3}}'],
  ["[[l]]\nx = 1\n[l.m]\ny = 2\n[[l]]", '{"l":[{"m":{"y":2},"x":1},{}]}'],
  ["a = [1, [\n 'x', # c\n], {b = 2, c.d = 3},]", '{"a":[1,["x"],{"b":2,"c":{"d":3}}]}'],
  ["a = \"\"\"\nx\\\n   y\\u00e9\"\"\"\nb = '''\nq''q'''", '{"a":"xyé","b":"q\'\'q"}'],
  ["a = 0x1F\nb = 0o17\nc = 0b11\nd = 1_000\ne = -5", '{"a":31,"b":15,"c":3,"d":1000,"e":-5}'],
  ["a = 1.5\nb = 1e3\nc = -0.5", '{"a":1.5,"b":1000,"c":-0.5}'],
  [
    "a = 1979-05-27T07:32:00Z\nb = 1979-05-27T07:32:00.5-08:00",
    '{"a":"1979-05-27T07:32:00Z","b":"1979-05-27T07:32:00.5-08:00"}',
  ],
];

for (const [text, json] of readable) test(`TOML ${JSON.stringify(text)} is read`, () => assert.equal(read(text), json));

const refused = [
  "a = 1\na = 2",
  "[t]\n[t]",
  "a = {b = 1}\n[a]",
  "a = [1]\n[[a]]",
  "a",
  "= 1",
  "a = 01",
  "a = 1__0",
  "a = .5",
  'a = "x',
  'a = "\\q"',
  "a = 9223372036854775808",
  "a = 1979-02-30",
  "a = 1 b = 2",
  "[t",
  `a = ${"[".repeat(1000)}`,
];

for (const text of refused) {
  test(`TOML ${JSON.stringify(text.slice(0, 30))} is refused with its line`, () => {
    assert.throws(
      () => readToml(text),
      (error) => error instanceof FunctionError && /^toml: line \d+: /.test(error.message),
    );
  });
}

const value = fc.letrec<{ value: Value; table: ValueMap }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "grapheme" }),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true }),
    tie("table"),
    fc.array(fc.string(), { maxLength: 3 }),
  ),
  table: fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }).map((object) => new Map(Object.entries(object))),
}));

test("what is written is read as what it was", () => {
  fc.assert(fc.property(value.table, (table) => assert.deepEqual(readToml(writeToml(table)), table)));
});
