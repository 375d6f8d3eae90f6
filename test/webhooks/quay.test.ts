import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, receiveSample, sample } from "./deliveries.ts";

test("CR-W9 each tag of Quay's repository push is an event, in order", () => {
  assert.deepEqual(brief(receiveSample("quay/push")), [
    "pushed charts/lantern:1.2.0 unknown",
    "pushed charts/lantern:1.2 unknown",
    "pushed charts/lantern:latest unknown",
  ]);
});

test("a tag that is named twice is one event, one that is none stops no other", () => {
  const { body } = sample("quay/push") as { body: object };
  const result = receiveSample("quay/push", { body: { ...body, updated_tags: ["a", "b", 7, "../x", "a"] } });
  assert.deepEqual(brief(result), ["pushed charts/lantern:a unknown", "pushed charts/lantern:b unknown"]);
  assert.equal(result.ignored.length, 2);
});

test("two pushes of one tag have one body: no delivery is taken for the repetition of another", () => {
  const ids = () => receiveSample("quay/push").events.map(({ id }) => id);
  assert.equal(new Set([...ids(), ...ids()]).size, 6);
});

test("other notifications of Quay lead to no event and say why", () => {
  const { events, ignored } = receiveSample("quay/vulnerability");
  assert.deepEqual(events, []);
  assert.match(ignored.join(), /no repository push/);
});
