import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defaultLimits, readJson, writeJson, YamlError } from "../../lib/yaml/index.ts";

test("JSON has the keys in the order of their bytes, and escapes what HTML would misread", () => {
  const value = new Map<string, unknown>([
    ["é", 1],
    ["b", "<&>"],
    ["😀", [1e21, 1e-7, 100000000, -0, 5n]],
    ["\uffff", null],
  ]);
  assert.equal(
    writeJson(value as never),
    '{"b":"\\u003c\\u0026\\u003e","é":1,"\uffff":null,"😀":[1e+21,1e-7,100000000,-0,5]}',
  );
  assert.equal(writeJson("<&>\u2028", { escapeHtml: false }), '"<&>\\u2028"');
});

test("indented JSON has a line for every element", () => {
  assert.equal(
    writeJson([new Map([["a", []]]), {} as never].slice(0, 1), { indent: "  " }),
    '[\n  {\n    "a": []\n  }\n]',
  );
});

test("lone surrogates, which Go cannot have, become U+FFFD", () => assert.equal(writeJson("\ud800"), '"\ufffd"'));

test("numbers that are none are refused", () => {
  assert.throws(() => writeJson([Number.NaN]), /json: unsupported value: NaN/);
  assert.throws(() => writeJson(Number.NEGATIVE_INFINITY), /-Inf/);
});

test("what is no JSON, or beyond the limits, is refused", () => {
  for (const text of ["", "{", "[1,]", "nul", "1e400", "'a'"]) assert.throws(() => readJson(text), YamlError);
  assert.throws(() => readJson("[".repeat(600) + "]".repeat(600)), YamlError);
  assert.throws(() => readJson("[1]", { ...defaultLimits, length: 2 }), YamlError);
});

test("messages quote no more than a line of the text", () => {
  assert.throws(
    () => readJson(`{"a": ${"x".repeat(10_000)}`),
    (error) => error instanceof YamlError && error.message.length < 200,
  );
});

test("JSON is read as what it was", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.equal(
        writeJson(readJson(text), { escapeHtml: false }),
        writeJson(readJson(writeJson(readJson(text))), { escapeHtml: false }),
      );
      assert.deepEqual(JSON.parse(writeJson(readJson(text))), JSON.parse(text));
    }),
  );
});
