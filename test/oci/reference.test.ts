import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RejectedError } from "../../lib/errors.ts";
import {
  formatReference,
  isRepository,
  isTag,
  parseReference,
  readReference,
  tagOrDigest,
} from "../../lib/oci/reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

const normalised: readonly (readonly [given: string, expected: string])[] = [
  ["nginx", "docker.io/library/nginx"],
  ["nginx:1.16.0", "docker.io/library/nginx:1.16.0"],
  ["prom/exporter:9", "docker.io/prom/exporter:9"],
  ["docker.io/nginx:1", "docker.io/library/nginx:1"],
  ["index.docker.io/library/nginx:1", "docker.io/library/nginx:1"],
  ["localhost/app:1", "localhost/app:1"],
  ["localhost:5000/a/b/c:1", "localhost:5000/a/b/c:1"],
  ["127.0.0.1:5000/app", "127.0.0.1:5000/app"],
  ["[::1]:5000/app:1", "[::1]:5000/app:1"],
  ["quay.io/org/app:v1.0_b-2.x", "quay.io/org/app:v1.0_b-2.x"],
  [`quay.io/org/app@${digest}`, `quay.io/org/app@${digest}`],
  [`quay.io/org/app:1@${digest}`, `quay.io/org/app:1@${digest}`],
  ["a__b/c-d.e_f:1", "docker.io/a__b/c-d.e_f:1"],
];

for (const [given, expected] of normalised) {
  test(`parseReference() reads "${given.slice(0, 60)}" as ${expected.slice(0, 60)}`, () => {
    assert.equal(formatReference(parseReference(given)), expected);
  });
}

const refused = [
  ["", "nothing"],
  [":1", "no repository"],
  ["nginx:", "an empty tag"],
  ["nginx:a b", "a blank in the tag"],
  [`nginx:${"a".repeat(129)}`, "a tag of 129 characters"],
  ["Nginx", "upper case"],
  ["quay.io/Org/app", "upper case in the path"],
  ["quay.io/", "an empty repository"],
  ["quay.io//app", "an empty component"],
  ["../etc/passwd", "a path that climbs"],
  ["a/../b", "a component of dots"],
  ["nginx@sha256:abc", "a short digest"],
  ["nginx@md5:abc", "another algorithm"],
  ["http://quay.io/app", "a URL"],
  ["nginx:1\n", "a line break"],
  ["ngіnx:1", "a Cyrillic look-alike"],
  ["%!s(<nil>)", "what Go prints for nothing"],
  ["map[repository:x]", "what Go prints for a map"],
  [`quay.io/${"a/".repeat(200)}b`, "a repository of more than 255 characters"],
] as const;

for (const [given, what] of refused) {
  test(`parseReference() refuses ${what}`, () => {
    assert.throws(
      () => parseReference(given),
      (error) => error instanceof RejectedError && error.code === "REFERENCE_INVALID",
    );
  });
}

const component = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
const reference = fc.record(
  {
    registry: fc.constantFrom(
      "docker.io",
      "quay.io",
      "localhost",
      "localhost:5000",
      "10.0.0.1:80",
      "a.b-c.example:443",
    ),
    repository: fc.array(component, { minLength: 2, maxLength: 5 }).map((parts) => parts.join("/")),
    tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/),
    digest: fc.constant(`sha256:${"0".repeat(64)}` as const),
  },
  { requiredKeys: ["registry", "repository"], noNullPrototype: true },
);

test("parseReference() reads back whatever formatReference() writes", () => {
  fc.assert(fc.property(reference, (each) => assert.deepEqual(parseReference(formatReference(each)), each)));
});

test("readReference() gives the reason with which parseReference() refuses a text", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80, unit: fc.constantFrom(..."aB1._-/:@[]% \n") }), (text) => {
      const read = readReference(text);
      if (typeof read !== "string") assert.deepEqual(parseReference(text), read);
      else assert.throws(() => parseReference(text), { message: `Cannot read reference "${text}": ${read}` });
    }),
  );
});

test("parseReference() either refuses a text or returns a reference whose parts are valid", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80, unit: fc.constantFrom(..."aB1._-/:@[]% \n") }), (text) => {
      try {
        const { repository, tag } = parseReference(text);
        assert.ok(isRepository(repository));
        assert.ok(tag === undefined || isTag(tag));
      } catch (error) {
        assert.ok(error instanceof RejectedError);
      }
    }),
  );
});

test("tagOrDigest() prefers the digest, then the tag, then latest", () => {
  assert.equal(tagOrDigest(parseReference(`a/b:1@${digest}`)), digest);
  assert.equal(tagOrDigest(parseReference("a/b:1")), "1");
  assert.equal(tagOrDigest(parseReference("a/b")), "latest");
});
