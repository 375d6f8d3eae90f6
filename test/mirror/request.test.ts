import assert from "node:assert/strict";
import { test } from "node:test";
import { listOfLines, readLists } from "../../lib/images/index.ts";
import { namesOf, planImages, rulesOfHop } from "../../lib/mirror/request.ts";
import { listOf } from "./pair.ts";

const registries = [
  { host: "cargo-infra.caicloud.xyz", renameWhenSource: { release: "devops_release" } },
  { host: "harbor.caicloud.xyz" },
  { host: "packing.example.test", mustBeEmpty: true },
];

for (const [source, line, pulled, pushed] of [
  ["cargo-infra.caicloud.xyz", "release/lantern:v1", "devops_release/lantern:v1", "release/lantern:v1"],
  ["cargo-infra.caicloud.xyz", "library/nginx:1.14", "library/nginx:1.14", "library/nginx:1.14"],
  ["harbor.caicloud.xyz", "release/lantern:v1", "release/lantern:v1", "release/lantern:v1"],
  [
    "cargo-infra.caicloud.xyz",
    "release/sub-release/lantern:v1",
    "devops_release/sub-release/lantern:v1",
    "release/sub-release/lantern:v1",
  ],
] as const) {
  test(`OEM-W8: ${line} of ${source} is pulled as ${pulled} and pushed as ${pushed}`, async () => {
    const hop = { from: source, to: "target.example:5000" };
    const [planned] = planImages({ list: await listOf(line), ...hop, ...rulesOfHop(registries, hop) });
    assert.deepEqual(namesOf(planned!), { source: `${source}/${pulled}`, target: `target.example:5000/${pushed}` });
  });
}

test("OEM-T12: only the configured source gets a rename, only in the first part of a path and only for all of it", async () => {
  const list = await listOf("release/release/a:v1", "library/release:v1");
  const plan = (from: string, rename: Readonly<Record<string, string>>) =>
    planImages({ list, from, to: "t.example", rename }).map((each) => namesOf(each).source);
  assert.deepEqual(plan("s.example", { release: "x", releas: "y" }), [
    "s.example/x/release/a:v1",
    "s.example/library/release:v1",
  ]);
  const rename = { release: "x" };
  const hops = [{ from: "cargo-infra.caicloud.xyz" }, { from: "harbor.caicloud.xyz" }, { from: "other.example" }, {}];
  assert.deepEqual(
    hops.map(
      (hop) =>
        rulesOfHop([{ host: "harbor.caicloud.xyz", renameWhenSource: rename }], {
          ...hop,
          to: "cargo-infra.caicloud.xyz",
        }).rename,
    ),
    [{}, rename, {}, {}],
  );
  // a registry's rules as a source say nothing of it as a target
  assert.deepEqual(rulesOfHop(registries, { from: "a.example", to: "cargo-infra.caicloud.xyz" }).rename, {});
});

test("OEM-T13: mustBeEmpty counts for the target only", () => {
  const hop = { from: "harbor.caicloud.xyz", to: "packing.example.test" };
  assert.equal(rulesOfHop(registries, hop).mustBeEmpty, true);
  assert.equal(rulesOfHop(registries, { from: hop.to, to: hop.from }).mustBeEmpty, false);
});

test("a full reference is pulled as it stands, or from another host when one is named", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const lines = ["docker.io/release/a:1", `quay.io/b/c@${digest}`, `quay.io/b/d:2@${digest}`];
  const list = await readLists([listOfLines("x", lines)], { form: "reference", projects: [] });
  const names = (from?: string) => planImages({ list, from, to: "t.example", rename: { release: "x" } }).map(namesOf);
  assert.deepEqual(names(), [
    { source: "docker.io/release/a:1", target: "t.example/release/a:1" },
    { source: `quay.io/b/c@${digest}`, target: `t.example/b/c@${digest}` },
    { source: `quay.io/b/d:2@${digest}`, target: "t.example/b/d:2" },
  ]);
  assert.deepEqual(names("s.example")[0], { source: "s.example/x/a:1", target: "t.example/release/a:1" });
});

test("without a host to pull from, or with one that is none, nothing is planned", async () => {
  const list = await listOf("release/a:v1");
  for (const hop of [{ to: "t.example" }, { from: "a b", to: "t.example" }, { from: "s.example", to: "http://t" }]) {
    assert.throws(() => planImages({ list, ...hop }), { code: "MIRROR_INVALID" });
  }
});
