import assert from "node:assert/strict";
import { test } from "node:test";
import { type WritableValue, writeYaml, writeYamlPretty, YamlError } from "../../lib/yaml/index.ts";

/** Values and what toYaml of helm 4.1.4 writes for them. */
const written: readonly (readonly [name: string, value: WritableValue, yaml: string])[] = [
  [
    "keys are in natural order, letters last",
    map({ a10: 1, a2: 2, b: 3, 10: 4, 9: 5, _: 6, B: 7 }),
    '_: 6\n"9": 5\n"10": 4\nB: 7\na2: 2\na10: 1\nb: 3\n',
  ],
  [
    "lists stand at the column of their key",
    map({ a: [1, [2, 3], map({ b: [] })] }),
    "a:\n- 1\n- - 2\n  - 3\n- b: []\n",
  ],
  ["empty maps and lists are in brackets", [[], map({})], "- []\n- {}\n"],
  [
    "texts that read as something else are quoted",
    ["yes", "1", "~", "", "1e3", "2001-01-01", "1:30", "0x1"],
    '- "yes"\n- "1"\n- "~"\n- ""\n- "1e3"\n- "2001-01-01"\n- "1:30"\n- "0x1"\n',
  ],
  [
    "texts with signs are in single quotes",
    ["- a", "a: b", "#c", "it's: x", " a", "*"],
    "- '- a'\n- 'a: b'\n- '#c'\n- 'it''s: x'\n- ' a'\n- '*'\n",
  ],
  [
    "other texts are plain",
    ["a:b", "a#b", "-a", "it's", "x y", "<<", "é"],
    "- a:b\n- a#b\n- -a\n- it's\n- x y\n- <<\n- é\n",
  ],
  [
    "lines are a block",
    map({ a: "x\ny\n", b: "x\ny", c: "x\n\n", d: " x\ny" }),
    "a: |\n  x\n  y\nb: |-\n  x\n  y\nc: |+\n  x\n\nd: |2-\n   x\n  y\n",
  ],
  [
    "lines that end in spaces, or hold tabs, are in double quotes",
    ["a \nb", "a\tb", "a\n\tb"],
    '- "a \\nb"\n- "a\\tb"\n- "a\\n\\tb"\n',
  ],
  [
    "what is not printable is escaped",
    ["\x01\x1b\ufeff", "😀", "a\r"],
    '- "\\x01\\e\\uFEFF"\n- "\\U0001F600"\n- "a\\r"\n',
  ],
  [
    "long texts are folded at the first space behind column 80",
    [`${"word ".repeat(20)}end`, `a: ${"word ".repeat(20)}end`],
    `- ${"word ".repeat(15)}word\n  ${"word ".repeat(4)}end\n- 'a: ${"word ".repeat(15)}word\n  ${"word ".repeat(4)}end'\n`,
  ],
  [
    "long keys are behind a question mark",
    map({ ["k".repeat(129)]: [1], "a\nb": map({ c: 1 }) }),
    `? |-\n  a\n  b\n: c: 1\n? ${"k".repeat(129)}\n: - 1\n`,
  ],
  [
    "numbers are integers where they can be",
    [1, 1e6, 1e20, 1.5, 1e-7, 1234567.5, 10n, -0, 2 ** 63],
    "- 1\n- 1000000\n- 1e+20\n- 1.5\n- 1e-07\n- 1.2345675e+06\n- 10\n- 0\n- 9223372036854776000\n",
  ],
  ["bytes are in base64", [Buffer.from("hi")], "- aGk=\n"],
  ["what has JSON of its own is written as that", [{ json: map({ a: { json: null } }) }], "- a: null\n"],
  ["a text alone has no dash", "x\ny", "|-\n  x\n  y\n"],
];

function map(object: Record<string, WritableValue>): Map<string, WritableValue> {
  return new Map(Object.entries(object));
}

for (const [name, value, yaml] of written) test(name, () => assert.equal(writeYaml(value), yaml));

test("the pretty form indents lists, and folds nothing", () => {
  const value = map({ a: [1, map({ b: [2] })], c: `${"word ".repeat(20)}end`, d: "x\n\ty", a1b: 1, aab: 2, n: 1e6 });
  const text = `a:\n  - 1\n  - b:\n      - 2\na1b: 1\naab: 2\nc: ${"word ".repeat(20)}end\nd: |-\n  x\n  \ty\n`;
  assert.equal(writeYamlPretty(value), `${text}"n": 1e+06\n`);
});

test("what YAML by way of JSON cannot hold is refused", () => {
  const cyclic = new Map<string, WritableValue>();
  cyclic.set("self", cyclic);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "\x7f", map({ ["k".repeat(1100)]: 1 }), cyclic]) {
    assert.throws(() => writeYaml(value), YamlError);
  }
});
