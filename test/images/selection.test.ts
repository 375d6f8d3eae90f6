import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSelection, findImages, select } from "../../lib/images/index.ts";

const found = findImages([
  {
    chart: "web",
    version: "1.2.3",
    subchart: "",
    template: "a.yaml",
    text: JSON.stringify({
      kind: "Pod",
      spec: {
        containers: ["nginx:1", "nginx:2", "quay.io/a/b:1", "quay.io/a/bc:1", ":latest"].map((image) => ({ image })),
      },
    }),
  },
]);
const because = { reason: "because" };
const images = (given: unknown): readonly string[] =>
  select(found, checkSelection(given)).findings.images.map(({ image }) => image);

test("without rules everything stays as it is", () => {
  assert.deepEqual(select(found, checkSelection({})), { findings: found, excluded: [], allowed: [], unused: [] });
});

for (const [image, left] of [
  ["nginx:1", ["docker.io/library/nginx:2", "quay.io/a/b:1", "quay.io/a/bc:1"]],
  ["docker.io/library/nginx", ["quay.io/a/b:1", "quay.io/a/bc:1"]],
  ["quay.io/a/b", ["docker.io/library/nginx:1", "docker.io/library/nginx:2", "quay.io/a/bc:1"]],
  ["quay.io/a/*", ["docker.io/library/nginx:1", "docker.io/library/nginx:2"]],
  ["*/a/*c:*", ["docker.io/library/nginx:1", "docker.io/library/nginx:2", "quay.io/a/b:1"]],
  ["*x:1*1", ["docker.io/library/nginx:1", "docker.io/library/nginx:2", "quay.io/a/b:1", "quay.io/a/bc:1"]],
] as const) {
  test(`exclude "${image}" leaves ${left.length} images`, () =>
    assert.deepEqual(images({ exclude: [{ image, ...because }] }), left));
}

test("what is excluded is told with the reason, and rules without effect too", () => {
  const { excluded, unused } = select(
    found,
    checkSelection({
      exclude: [
        { image: "nginx:1", ...because },
        { image: "gone:1", ...because },
      ],
      unresolved: [{ name: "other", ...because }],
    }),
  );
  assert.deepEqual(
    excluded.map(({ finding, reason }) => [finding.image, reason]),
    [["docker.io/library/nginx:1", "because"]],
  );
  assert.deepEqual(unused, ['exclude "gone:1"', 'unresolved "other"']);
});

test("what is included is required, with the rule's reason", () => {
  const { findings } = select(found, checkSelection({ include: [{ image: "acme/cli:1", reason: "run by hand" }] }));
  const finding = findings.images.find(({ image }) => image === "docker.io/acme/cli:1");
  assert.equal(finding?.status, "required");
  assert.deepEqual([finding?.reasons[0]?.rule, finding?.reasons[0]?.path], ["listed", "run by hand"]);
});

for (const name of ["web-1.2.3", "web", "we*", ":latest"]) {
  test(`what is unresolved may stay so by the name "${name}"`, () => {
    const { findings, allowed } = select(found, checkSelection({ unresolved: [{ name, ...because }] }));
    assert.deepEqual(findings.unresolved, []);
    assert.equal(allowed[0]?.reason, "because");
  });
}

for (const [what, given, message] of [
  ["a rule without reason", { exclude: [{ image: "a:1" }] }, /exclude\.0\.reason/],
  ["a rule with an empty reason", { exclude: [{ image: "a:1", reason: " " }] }, /must say why/],
  ["an unknown field", { excludes: [] }, /excludes/],
  ["an include that is no reference", { include: [{ image: "a b", ...because }] }, /include\.0\.image: "a b"/],
  ["an include without tag", { include: [{ image: "a", ...because }] }, /tag or digest/],
  ["an exclude that is no reference", { exclude: [{ image: "a:", ...because }] }, /exclude\.0\.image/],
] as const) {
  test(`${what} is refused`, () =>
    assert.throws(() => checkSelection(given), { name: "RejectedError", code: "RELEASE_INVALID", message }));
}

test("a pattern with very many stars is tried in linear time", () => {
  const image = `${"*a".repeat(200)}*b`;
  assert.equal(images({ exclude: [{ image, ...because }] }).length, 4);
});
