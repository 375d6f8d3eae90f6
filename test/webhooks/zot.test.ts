import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, DIGEST, receiveSample, sample } from "./deliveries.ts";

test("CR-W9 zot's image.updated becomes artifact.pushed, and its manifest tells a chart", () => {
  const [event] = receiveSample("zot/updated").events;
  assert.equal(event?.subject, "charts/lantern:1.2.0");
  assert.equal(event.time, "2026-05-04T09:12:33.123Z");
  assert.deepEqual(event.data, {
    registry: "registry.example",
    repository: "charts/lantern",
    tag: "1.2.0",
    digest: DIGEST,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactKind: "chart",
  });
});

test("structured mode and a type prefix of the operator's own are read as well", () => {
  assert.deepEqual(brief(receiveSample("zot/updated-structured")), ["pushed charts/lantern:1.3.0 chart"]);
});

test("deletions are told by tag or by digest, as they were made", () => {
  const [byTag] = receiveSample("zot/deleted").events;
  assert.deepEqual([byTag?.subject, byTag?.data.digest], ["charts/lantern:1.2.0", DIGEST]);
  assert.deepEqual(brief(receiveSample("zot/deleted-by-digest")), [`deleted charts/lantern@${DIGEST}`]);
});

for (const [name, reason] of [
  ["updated-by-digest", /pushed by digest has no tag/],
  ["lint-failed", /image\.lint_failed/],
  ["repository-created", /repository\.created/],
] as const) {
  test(`zot's ${name} leads to no event and says why`, () => {
    const { events, ignored } = receiveSample(`zot/${name}`);
    assert.deepEqual(events, []);
    assert.match(ignored.join(), reason);
  });
}

test("a manifest that cannot be read leaves the kind open", () => {
  const { body } = sample("zot/updated") as { body: object };
  for (const manifest of ["{", "[]", '{"config":7}', "[".repeat(10_000), 7]) {
    const result = receiveSample("zot/updated", { body: { ...body, manifest } });
    assert.deepEqual(brief(result), ["pushed charts/lantern:1.2.0 unknown"]);
  }
});

test("a type nobody knows is named", () => {
  const result = receiveSample("zot/updated", { headers: { "ce-type": "zotregistry.coffee.made" } });
  assert.match(result.ignored.join(), /zotregistry\.coffee\.made/);
});
