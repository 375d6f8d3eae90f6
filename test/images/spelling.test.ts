import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isMisprint, readSpelling, speaksForItself, whyUnreadable } from "../../lib/images/spelling.ts";
import { printNumber } from "../../lib/images/split.ts";

const HEX = "0123456789abcdef".repeat(4);

for (const [text, image, alone] of [
  ["nginx", "docker.io/library/nginx:latest", false],
  ["nginx:1.16.0", "docker.io/library/nginx:1.16.0", false],
  ["index.docker.io/nginx", "docker.io/library/nginx:latest", false],
  ["docker.io/nginx:1", "docker.io/library/nginx:1", true],
  ["acme/a:1", "docker.io/acme/a:1", false],
  ["quay.io/a/b:v1", "quay.io/a/b:v1", true],
  ["localhost:5000/a:1", "localhost:5000/a:1", true],
  [`a@sha256:${HEX}`, `docker.io/library/a@sha256:${HEX}`, true],
  [`quay.io/a:1@sha256:${HEX}`, `quay.io/a:1@sha256:${HEX}`, true],
  ["github.com/a/b:v1", "github.com/a/b:v1", false],
  ["values.9/a:1", "values.9/a:1", false],
] as const) {
  test(`"${text}" is ${image}${alone ? ", and needs no name beside it" : ""}`, () => {
    const spelling = readSpelling(text);
    assert.equal(spelling?.image, image);
    assert.equal(speaksForItself(spelling!), alone);
  });
}

for (const text of [
  "",
  " ",
  "a b",
  "https://a.example/b:1",
  "/a:1",
  "a:",
  ":a",
  "a@sha256:1",
  "A/b:1:2",
  "a//b:1",
  "\u0430/b:1",
  "a".repeat(800),
  "x/y:NoSchedule",
]) {
  test(`${JSON.stringify(text.slice(0, 30))} is no reference`, () => {
    assert.equal(readSpelling(text), undefined);
    assert.match(whyUnreadable(text), /^Cannot read reference|NoSchedule/);
  });
}

const reference = fc.stringMatching(
  /^(?:[a-z]{1,5}\.example(?::[0-9]{2})?\/)?[a-z0-9]{1,5}(?:[._-][a-z0-9]{1,3})?(?:\/[a-z]{1,4}){0,2}(?::[\w][\w.-]{0,8})?$/,
);

test("what is normalised once stays as it is", () => {
  fc.assert(
    fc.property(reference, (text) => {
      const image = readSpelling(text)?.image;
      assert.ok(image !== undefined, text);
      assert.equal(readSpelling(image)?.image, image);
    }),
  );
});

test("any text either normalises, or there is a reason why it does not", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string()), (text) => {
      const spelling = readSpelling(text);
      if (spelling === undefined) assert.match(whyUnreadable(text), /^Cannot read/);
      else assert.equal(readSpelling(spelling.image)?.image, spelling.image);
    }),
  );
});

test("a sentence about a mistake is no misprint", () => {
  assert.equal(isMisprint("<no value>"), true);
  assert.equal(isMisprint("map[a:b]"), true);
  assert.equal(isMisprint("note that %! is printed"), false);
  assert.equal(isMisprint("acme/a:1"), false);
});

for (const [value, printed] of [
  [1.1, "1.1"],
  [1, "1"],
  [0, "0"],
  [-3.5, "-3.5"],
  [20.04, "20.04"],
  [123456, "123456"],
  [1234567, "1.234567e+06"],
  [20210101, "2.0210101e+07"],
  [1e30, "1e+30"],
  [0.0001, "0.0001"],
  [0.00001234, "1.234e-05"],
] as const) {
  test(`helm 4.1.4 prints the number ${value} as ${printed}`, () => assert.equal(printNumber(value), printed));
}
