import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findImages, formatList, MAX_REASONS, type ManifestText } from "../../lib/images/index.ts";
import { fieldsOf } from "../../lib/images/manifest-objects.ts";
import type { YamlValue } from "../../lib/yaml/index.ts";

const source = { chart: "web", version: "1", subchart: "", template: "t.yaml" };
const findIn = (...documents: readonly unknown[]) =>
  findImages([{ ...source, documents: documents.map((document) => fieldsOf(document)) }]);
const pod = (image: unknown) => ({ kind: "Pod", spec: { containers: [{ image }] } });

test("text and parsed objects give the same findings", () => {
  const object = pod("nginx:1");
  assert.deepEqual(findIn(object), findImages([{ ...source, text: JSON.stringify(object) }]));
});

test("an object nested too deeply is reported, and the others are read", () => {
  let deep: YamlValue = "quay.io/a/b:1";
  for (let i = 0; i < 10_000; i += 1) deep = new Map([["a", deep]]);
  const { images, unresolved } = findImages([{ ...source, documents: [deep, fieldsOf(pod("a:1"))] }]);
  assert.deepEqual(
    images.map(({ image }) => image),
    ["docker.io/library/a:1"],
  );
  assert.match(unresolved[0]!.reason, /nested more than 200 levels/);
});

test("an image that is a deep or endless map is reported", () => {
  const self: Record<string, unknown> = {};
  self["self"] = self;
  assert.match(findIn(pod(self)).unresolved[0]!.reason, /the image is no text but a map of self$/);
});

test("text nested too deeply is reported", () => {
  const { unresolved } = findImages([{ ...source, text: `a: ${"[".repeat(10_000)}` }]);
  assert.equal(unresolved.length, 1);
});

test("an object that holds itself, or one part a million times, ends", () => {
  const self: Record<string, unknown> = { kind: "X" };
  self["self"] = [self, self];
  assert.match(findIn(self).unresolved[0]!.reason, /more than 200000 values|nested/);
  let shared: unknown = { image: "a/b:1" };
  for (let i = 0; i < 30; i += 1) shared = [shared, shared];
  const { images, unresolved } = findIn({ kind: "X", shared });
  assert.equal(images.length, 1);
  assert.match(unresolved[0]!.reason, /more than 200000 values/);
});

test("a long text that is repeated by aliases is read a bounded number of times", () => {
  const text = `image: "a/b:1"\n${"# and so on\n".repeat(10_000)}`;
  const repeated = findIn({ kind: "ConfigMap", data: Array(50).fill(text), spec: { args: Array(50).fill(text) } });
  assert.deepEqual(
    repeated.images.map(({ image }) => image),
    ["docker.io/a/b:1"],
  );
  assert.match(repeated.unresolved[0]!.reason, /more than 2097152 characters/);
});

test("parts of a split reference may be long and are none", () => {
  const part = `${"/".repeat(100_000)}x${":".repeat(100_000)}`;
  assert.deepEqual(findIn({ kind: "X", image: { registry: part, repository: part, tag: part } }).images, []);
});

test("an image in very many places keeps a bounded number of reasons", () => {
  const containers = Array.from({ length: 5_000 }, () => ({ image: "a:1", env: [{ name: "A_IMAGE", value: "b:1" }] }));
  const { images } = findIn({ kind: "Pod", spec: { containers } });
  assert.deepEqual(
    images.map(({ reasons }) => reasons.length),
    [MAX_REASONS, MAX_REASONS],
  );
});

test("very many variables are read in linear time", () => {
  const env = Array.from({ length: 20_000 }, (_, i) => ({ name: `A${i}_IMAGE`, value: `a${i}` }));
  assert.deepEqual(findIn({ kind: "Pod", spec: { containers: [{ env }] } }), { images: [], unresolved: [] });
});

test("names of prototypes are names like others", () => {
  const text = `{ kind: constructor, "__proto__": { image: "a/b:1" }, constructor: { toolImage: "a/c:1" }, toString: "quay.io/a/d:1",
    metadata: { name: __proto__ } }`;
  const { images, unresolved } = findImages([{ ...source, text }]);
  assert.deepEqual(unresolved, []);
  assert.deepEqual(
    images.map(({ image, reasons }) => [image, reasons[0]?.object, reasons[0]?.path]),
    [
      ["docker.io/a/b:1", "constructor/__proto__", "__proto__.image"],
      ["docker.io/a/c:1", "constructor/__proto__", "constructor.toolImage"],
      ["quay.io/a/d:1", "constructor/__proto__", "toString"],
    ],
  );
});

for (const [what, text] of [
  ["open actions", "{{".repeat(500_000)],
  ["closed actions", "{{}}".repeat(200_000)],
  ["empty lines", `image\n${"\n".repeat(1_000_000)}`],
  ["dots and slashes", ".aa/".repeat(500_000)],
  ["one line of assignments", `\nimage=${"a=".repeat(500_000)}`],
  ["commas", `\nimage=${"a:1,".repeat(100_000)}`],
  ["blank lines of assignments", `\nimage=\n${" ".repeat(1_999)}\n`.repeat(250)],
  ["names within lines", `${"x image: ".repeat(220)}\n`.repeat(500)],
  ["values within lines that are none", `${"image=a/ ".repeat(220)}\n`.repeat(500)],
  ["one long name", `x ${"image".repeat(390)}\n`.repeat(500)],
  ["slashes in a name", `image: ${"a/".repeat(500_000)}`],
] as const) {
  test(`long texts are read in linear time: ${what}`, () => {
    const begun = performance.now();
    findIn({ kind: "ConfigMap", data: { text, image: text } }, pod(text));
    assert.ok(performance.now() - begun < 5_000);
  });
}

test("a long key, and a long text that is no reference, are cut in reports", () => {
  const key = "k".repeat(100_000);
  const { images, unresolved } = findIn({ kind: "X", [key]: { image: "a/b:1" } }, pod("!".repeat(100_000)));
  assert.ok(images[0]!.reasons[0]!.path.length < 300);
  assert.ok(JSON.stringify(unresolved).length < 3000);
});

test("the order of documents does not matter", () => {
  const documents = ["a:1", "b:2", "a:1", "!", "quay.io/c/d:1"].map((image, i) => ({
    ...pod(image),
    metadata: { name: `p${i}` },
  }));
  const expected = findIn(...documents);
  fc.assert(
    fc.property(fc.shuffledSubarray(documents, { minLength: documents.length }), (shuffled) => {
      assert.deepEqual(findIn(...shuffled), expected);
      const manifests = shuffled.map((document): ManifestText => ({ ...source, text: JSON.stringify(document) }));
      assert.equal(formatList(findImages(manifests)), formatList(expected));
    }),
  );
});

test("whatever an object holds, finding ends, and what it lists is normalised", () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom("image", "containers", "env", "args", "repository", "tag", "a/b:1", "quay.io/a:1"),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      part,
      fc.integer(),
      fc.constant(null),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(part, tie("tree"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      for (const { image } of findIn({ kind: "X", value }).images) {
        assert.deepEqual(
          findIn(pod(image)).images.map((each) => each.image),
          [image],
        );
      }
    }),
  );
});

test("texts without tag, digest and host are never listed for the place they stand in", () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9/._-]{0,20}$/).filter((text) => !text.includes("image"));
  fc.assert(
    fc.property(word, word, (key, text) => {
      assert.deepEqual(findIn({ kind: "X", spec: { [key]: text, list: [text] } }), { images: [], unresolved: [] });
    }),
  );
});
