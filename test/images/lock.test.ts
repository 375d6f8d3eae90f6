import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareImages, formatLock, type LockedImage, parseLock } from "../../lib/images/index.ts";

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const a: LockedImage = {
  image: "docker.io/library/a:1",
  digest: digest("a"),
  platforms: ["linux/arm64", "linux/amd64"],
};
const b: LockedImage = { image: "quay.io/x/b:1", digest: digest("b"), platforms: [] };

test("the same images give the same lock, whatever their order", () => {
  assert.equal(formatLock([b, a, a]), formatLock([a, b]));
  assert.match(formatLock([a]), /\n$/);
  assert.deepEqual(parseLock(formatLock([b, a])), {
    version: 1,
    images: [{ ...a, platforms: ["linux/amd64", "linux/arm64"] }, b],
  });
});

for (const [what, text, message] of [
  ["no JSON", "{", /not JSON/],
  ["another version", '{"version": 2, "images": []}', /version/],
  ["an unknown field", '{"version": 1, "images": [], "x": 1}', /x/],
  [
    "a reference that is not normalised",
    JSON.stringify({ version: 1, images: [{ ...a, image: "a:1" }] }),
    /images\.0\.image/,
  ],
  ["no digest", JSON.stringify({ version: 1, images: [{ ...a, digest: "sha256:1" }] }), /sha256/],
  ["a platform that is none", JSON.stringify({ version: 1, images: [{ ...a, platforms: ["amd64"] }] }), /architecture/],
  ["an image twice", JSON.stringify({ version: 1, images: [a, a] }), /twice/],
] as const) {
  test(`a lock with ${what} is refused`, () =>
    assert.throws(() => parseLock(text), { name: "RejectedError", code: "LIST_INVALID", message }));
}

test("the difference tells added, removed, other tags, and tags that were overwritten", () => {
  const before = [
    { image: "nginx:1", digest: digest("1") },
    { image: "acme/gone:1" },
    { image: "acme/app:1", digest: digest("2") },
    { image: "acme/tool:1" },
    { image: "acme/same:1", digest: digest("3") },
  ];
  const after = [
    { image: "docker.io/library/nginx:1", digest: digest("9") },
    { image: "acme/new:1" },
    { image: "acme/app:2", digest: digest("4") },
    { image: "acme/tool:1" },
    { image: "acme/tool:2" },
    { image: "acme/same:1", digest: digest("3") },
  ];
  assert.deepEqual(compareImages(before, after), {
    added: ["docker.io/acme/new:1"],
    removed: ["docker.io/acme/gone:1"],
    changed: [
      { repository: "docker.io/acme/app", from: ["1"], to: ["2"] },
      { repository: "docker.io/acme/tool", from: [], to: ["2"] },
    ],
    moved: [{ image: "docker.io/library/nginx:1", from: digest("1"), to: digest("9") }],
    unchanged: 2,
  });
});

test("a digest that only one side knows is no change", () => {
  assert.deepEqual(compareImages([{ image: "a:1" }], [{ image: "a:1", digest: digest("1") }]).moved, []);
});

const image = fc.record({
  image: fc
    .tuple(fc.constantFrom("a", "b/c", "quay.io/d"), fc.constantFrom("1", "2", "3"))
    .map(([name, tag]) => `${name}:${tag}`),
  digest: fc.constantFrom(digest("1"), digest("2")),
});

test("every image is added, removed, changed, moved or the same, and the way back is the reverse", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(image, { selector: (each) => each.image }),
      fc.uniqueArray(image, { selector: (each) => each.image }),
      (before, after) => {
        const forth = compareImages(before, after);
        const back = compareImages(after, before);
        assert.deepEqual([forth.added, forth.removed, forth.unchanged], [back.removed, back.added, back.unchanged]);
        assert.deepEqual(
          forth.changed.map(({ repository, from, to }) => ({ repository, from: to, to: from })),
          back.changed,
        );
        const come = forth.changed.reduce((sum, { to }) => sum + to.length, 0);
        assert.equal(forth.added.length + come + forth.moved.length + forth.unchanged, after.length);
      },
    ),
  );
});
