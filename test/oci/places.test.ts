import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parsePlace } from "../../lib/oci/places.ts";

const digest = `sha256:${"a".repeat(64)}`;

suite("parsePlace", () => {
  for (const [text, place] of [
    [
      "docker://web:1",
      { transport: "docker", reference: { registry: "docker.io", repository: "library/web", tag: "1" } },
    ],
    ["oci:dir", { transport: "oci", path: "dir" }],
    ["oci:/a b/c:1.0", { transport: "oci", path: "/a b/c", name: "1.0" }],
    ["oci-archive:a.tar:quay.io/web:1", { transport: "oci-archive", path: "a.tar", name: "quay.io/web:1" }],
    ["docker-archive:a.tar", { transport: "docker-archive", path: "a.tar" }],
    ["docker-archive:a.tar:@1", { transport: "docker-archive", path: "a.tar", name: "@1" }],
    ["registry-tree:dir/web", { transport: "registry-tree", path: "dir/web" }],
    ["registry-tree:/d/a/web:1", { transport: "registry-tree", path: "/d/a/web", tag: "1" }],
    ["registry-tree:/d:e/web:1", { transport: "registry-tree", path: "/d:e/web", tag: "1" }],
    [`registry-tree:d//a/web@${digest}`, { transport: "registry-tree", path: "d//a/web", digest }],
    [`registry-tree:d/web:1@${digest}`, { transport: "registry-tree", path: "d/web", tag: "1", digest }],
  ] as const) {
    test(`reads ${text}`, () => assert.deepEqual(parsePlace(text), place));
  }

  for (const text of [
    "web:1",
    "oci:",
    "oci-archive:",
    "docker-archive::web",
    "tarball:a",
    "registry-tree:",
    "",
    "docker://",
  ]) {
    test(`refuses "${text}"`, () => assert.throws(() => parsePlace(text), { code: "REFERENCE_INVALID" }));
  }
  test("refuses tags and digests that are none", () => {
    assert.throws(() => parsePlace("registry-tree:d/web:-"), { code: "REFERENCE_INVALID" });
    assert.throws(() => parsePlace("registry-tree:d/web@sha256:1"), { code: "DIGEST_INVALID" });
  });
});
