import assert from "node:assert/strict";
import { test } from "node:test";
import { compareHostless, compareImages, formatDifference, formatLock, readCompared } from "../../lib/images/index.ts";

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

test("lists and locks from before are read alike", () => {
  assert.deepEqual(readCompared(`# note\r\n\r\nnginx:1\r\nquay.io/a/b@${digest("a")}`), [
    { image: "nginx:1" },
    { image: `quay.io/a/b@${digest("a")}` },
  ]);
  const locked = { image: "docker.io/library/nginx:1", digest: digest("b"), platforms: [] };
  assert.deepEqual(readCompared(formatLock([locked])), [locked]);
  assert.deepEqual(readCompared(""), []);
});

for (const text of ["nginx:1\nnginx\n", "a b:1", "nginx:1'", '{"version": 2}', "{", "nginx:"]) {
  test(`what is neither list nor lock is refused: ${JSON.stringify(text)}`, () =>
    assert.throws(() => readCompared(text), { name: "RejectedError", code: "LIST_INVALID" }));
}

test("lists without hosts are compared without, and the difference has none (OEM-11)", () => {
  const before = readCompared("release/app:v1\nlibrary/nginx:1\nplain:1\n");
  const after = readCompared("release/app:v2\nlibrary/nginx:1\nrelease/new:v1\nplain:1\n");
  assert.deepEqual(compareHostless(before, after), {
    added: ["release/new:v1"],
    removed: [],
    changed: [{ repository: "release/app", from: ["v1"], to: ["v2"] }],
    moved: [],
    unchanged: 2,
  });
});

test("a difference is shown as lines with a sign each, and nothing when nothing changed", () => {
  const before = [{ image: "a/gone:1" }, { image: "a/app:1" }, { image: "a/tag:1", digest: digest("1") }];
  const after = [{ image: "a/new:1" }, { image: "a/app:2" }, { image: "a/tag:1", digest: digest("2") }];
  assert.equal(
    formatDifference(compareImages(before, after)),
    [
      "+ docker.io/a/new:1",
      "- docker.io/a/gone:1",
      "~ docker.io/a/app: 1 -> 2",
      `! docker.io/a/tag:1: ${digest("1")} -> ${digest("2")}`,
      "",
    ].join("\n"),
  );
  assert.equal(formatDifference(compareImages(before, before)), "");
});
