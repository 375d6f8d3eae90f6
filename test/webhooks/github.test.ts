import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, DIGEST, receiveSample, sample } from "./deliveries.ts";

test("CR-W9 a package published on GitHub becomes artifact.pushed, and its manifest tells a chart", () => {
  const [event] = receiveSample("github/registry-package").events;
  assert.equal(event?.subject, "charts/lantern:1.2.0");
  assert.equal(event.time, "2026-06-01T10:05:00.000Z");
  assert.deepEqual(event.data, {
    registry: "registry.example",
    repository: "charts/lantern",
    tag: "1.2.0",
    digest: DIGEST,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactKind: "chart",
  });
});

test("both events, package and registry_package, are read", () => {
  assert.deepEqual(brief(receiveSample("github/package-updated")), ["pushed charts/lantern:1.3.0 chart"]);
});

for (const [name, reason] of [
  ["untagged", /pushed by digest has no tag/],
  ["npm", /type "npm" lies outside the OCI registry/],
  ["ping", /ping/],
] as const) {
  test(`GitHub's ${name} leads to no event and says why`, () => {
    const { events, ignored } = receiveSample(`github/${name}`);
    assert.deepEqual(events, []);
    assert.match(ignored.join(), reason);
  });
}

test("another delivery is another event, and other events and actions are named", () => {
  const id = (delivery: string) =>
    receiveSample("github/registry-package", { headers: { "x-github-delivery": delivery } }).events[0]!.id;
  assert.notEqual(id("1"), id("2"));
  const { body } = sample("github/registry-package") as { body: object };
  const named = receiveSample("github/registry-package", { body: { ...body, action: "archived" } });
  assert.match(named.ignored.join(), /action "archived"/);
  for (const event of ["release", "constructor"]) {
    const other = receiveSample("github/registry-package", { headers: { "x-github-event": event } });
    assert.match(other.ignored.join(), new RegExp(`event "${event}"`));
  }
});

test("a delivery without id or event is refused: redeliveries could not be told", () => {
  for (const header of ["x-github-delivery", "x-github-event"]) {
    assert.throws(() => receiveSample("github/registry-package", { headers: { [header]: "" } }), {
      code: "WEBHOOK_INVALID",
    });
  }
});
