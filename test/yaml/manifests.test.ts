import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readYamlDocuments, splitManifests, YamlError } from "../../lib/yaml/index.ts";

test("manifests are cut at lines that begin with dashes", () => {
  assert.deepEqual(splitManifests("---\na: 1\n---\n# Source\nb: 2\n--- \nc: 3\n"), ["a: 1", "# Source\nb: 2", "c: 3"]);
  assert.deepEqual(splitManifests(""), []);
  assert.deepEqual(splitManifests("\n  \n---\n"), []);
  assert.deepEqual(splitManifests("a: 1\n---b: 2\n a: ---\n"), ["a: 1", "b: 2\n a: ---"]);
});

test("manifests are cut as helm's expression cuts them", () => {
  const pieces = fc.constantFrom("---", "\n", " ", "a: 1", "-", "\n---\n", "\t", "x---", "\r\n");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      const wanted = text
        .trim()
        .split(/(?:^|\s*\n)---\s*/)
        .map((manifest) => manifest.trim())
        .filter((manifest) => manifest !== "");
      assert.deepEqual(splitManifests(text), wanted);
    }),
  );
});

test("white space without end is cut in linear time", () => {
  assert.deepEqual(splitManifests(`a${"\n ".repeat(500_000)}b`).length, 1);
});

test("documents are read one by one, and the first that is none is refused", () => {
  assert.deepEqual(readYamlDocuments("---\na: 1\n---\n- x\n"), [new Map([["a", 1]]), ["x"]]);
  assert.throws(() => readYamlDocuments("a: 1\n---\n[\n"), YamlError);
});
