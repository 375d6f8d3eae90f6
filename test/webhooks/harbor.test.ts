import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, DIGEST, receiveSample, sample } from "./deliveries.ts";

for (const name of ["push", "push-cloudevents"]) {
  test(`CR-W9 Harbor's ${name} becomes artifact.pushed`, () => {
    const [event] = receiveSample(`harbor/${name}`).events;
    assert.equal(event?.subject, "charts/lantern:1.2.0");
    assert.equal(event.source, "https://registry.example");
    assert.equal(event.time, { push: "2023-04-03T06:04:53.000Z" }[name] ?? "2026-04-03T06:04:46.000Z");
    assert.deepEqual(event.data, {
      registry: "registry.example",
      repository: "charts/lantern",
      tag: "1.2.0",
      digest: DIGEST,
      artifactKind: "unknown",
    });
  });
}

for (const name of ["delete", "delete-cloudevents"]) {
  test(`CR-W9 Harbor's ${name} is told by digest: all tags of the artifact are gone, only the first is named`, () => {
    assert.deepEqual(brief(receiveSample(`harbor/${name}`)), [`deleted charts/lantern@${DIGEST}`]);
  });
}

for (const [name, reason] of [
  ["push-untagged", /pushed by digest has no tag/],
  ["pull", /PULL_ARTIFACT: a pull changes nothing/],
  ["upload-chart", /UPLOAD_CHART: Harbor 2\.8 removed ChartMuseum/],
  ["quota", /QUOTA_EXCEED/],
  ["tag-retention", /TAG_RETENTION: .*next reconcile/],
  ["scan-cloudevents", /SCANNING_COMPLETED/],
] as const) {
  test(`Harbor's ${name} leads to no event and says why`, () => {
    const { events, ignored } = receiveSample(`harbor/${name}`);
    assert.deepEqual(events, []);
    assert.match(ignored.join(), reason);
  });
}

test("types nobody knows are named, whatever they are called", () => {
  for (const type of ["MAKE_COFFEE", "constructor", "__proto__"]) {
    const { body } = sample("harbor/push") as { body: object };
    assert.match(receiveSample("harbor/push", { body: { ...body, type } }).ignored.join(), new RegExp(type));
    const event = sample("harbor/push-cloudevents") as { body: object };
    const result = receiveSample("harbor/push-cloudevents", { body: { ...event.body, type } });
    assert.match(result.ignored.join(), new RegExp(type));
  }
});

test("each resource of a notification is an event, in order, and a bad one does not stop the others", () => {
  const { body } = sample("harbor/push") as { body: { event_data: { resources: object[] } } };
  const resources = ["b", "c"].map((c) => ({ digest: `sha256:${c.repeat(64)}`, tag: `1.${c}` }));
  const result = receiveSample("harbor/push", {
    body: { ...body, event_data: { ...body.event_data, resources: [resources[0], { tag: 7 }, resources[1]] } },
  });
  assert.deepEqual(brief(result), ["pushed charts/lantern:1.b unknown", "pushed charts/lantern:1.c unknown"]);
  assert.equal(result.ignored.length, 1);
});

test("the same tag pushed at another second is another event", () => {
  const { body } = sample("harbor/push") as { body: object };
  const id = (occur_at: number) => receiveSample("harbor/push", { body: { ...body, occur_at } }).events[0]!.id;
  assert.equal(id(1), id(1));
  assert.notEqual(id(1), id(2));
});
