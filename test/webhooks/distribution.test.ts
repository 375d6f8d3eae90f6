import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEvent } from "../../lib/events/index.ts";
import { brief, DIGEST, receiveSample, sample } from "./deliveries.ts";

/** What comes of the one notification of push-v2 with other fields. */
function read({ target, ...rest }: { readonly target?: object; readonly [field: string]: unknown }) {
  const { body } = sample("distribution/push-v2") as { body: { events: { target: object }[] } };
  const [push] = body.events;
  const notification = { ...push, ...rest, target: { ...push!.target, ...target } };
  return receiveSample("distribution/push-v2", { body: { events: [notification] } });
}

for (const [version, kind] of [
  ["v1", "unknown"],
  ["v2", "chart"],
] as const) {
  test(`CR-W9 a push of events ${version} becomes artifact.pushed with what triggers filter on`, () => {
    const [event, ...more] = receiveSample(`distribution/push-${version}`).events;
    assert.equal(event?.type, "dev.stowage.artifact.pushed.v1");
    assert.equal(event.source, "https://registry.example");
    assert.equal(event.subject, "charts/lantern:1.2.0_b7");
    assert.equal(event.time, "2026-03-09T22:44:26.402Z");
    assert.deepEqual(event.extensions, {
      registry: "registry.example",
      repository: "charts/lantern",
      tag: "1.2.0_b7",
      digest: DIGEST,
      artifactkind: kind,
    });
    assert.deepEqual(parseEvent(event).data, event.data);
    assert.deepEqual(more, []);
  });
}

test("references tell a chart from an image", () => {
  const kind = (mediaType: unknown) =>
    read({ target: { references: [{ mediaType, digest: DIGEST, size: 1 }] } }).events[0]?.extensions["artifactkind"];
  assert.equal(kind("application/vnd.cncf.helm.config.v1+json"), "chart");
  assert.equal(kind("application/vnd.oci.image.config.v1+json"), "image");
  assert.equal(kind("application/vnd.example+json"), "unknown");
  assert.equal(kind(7), "unknown");
});

test("deletions of a tag, a manifest and a repository become artifact.deleted", () => {
  assert.deepEqual(brief(receiveSample("distribution/delete")), [
    "deleted charts/lantern:1.0.0",
    `deleted charts/lantern@${DIGEST}`,
    "deleted charts/lantern",
  ]);
});

test("of an envelope, tags that were pushed are taken in order; what is passed over says why", () => {
  const result = receiveSample("distribution/mixed");
  assert.deepEqual(brief(result), ["pushed charts/lantern:1.0.0 unknown", "pushed charts/lantern:1.1.0 unknown"]);
  assert.deepEqual(result.ignored, [
    "notification 1: application/octet-stream is no manifest",
    "notification 2: a manifest pushed by digest has no tag",
    'notification 4: action "pull" changes nothing',
    'notification 5: action "mount" changes nothing',
  ]);
});

test("one bad notification does not stop the others of its envelope", () => {
  const { body } = sample("distribution/push-v2") as { body: { events: unknown[] } };
  const events = [{ id: "broken" }, null, ...body.events];
  const result = receiveSample("distribution/push-v2", { body: { events } });
  assert.deepEqual([result.events.length, result.ignored.length], [1, 2]);
});

test("a clock that cannot be read costs the time, not the event", () => {
  for (const timestamp of [undefined, 7, "yesterday", "2026-02-30T25:00:00Z", "0000-01-01T00:00:00+23:59"]) {
    const { events } = read({ timestamp });
    assert.ok(Math.abs(Date.parse(events[0]!.time!) - Date.now()) < 60_000);
  }
});

for (const [what, target] of [
  ["a repository that leads elsewhere", { repository: "../escape" }],
  ["a tag that leads elsewhere", { tag: "../escape" }],
  ["a digest that is none", { digest: "sha256:abc" }],
  ["a media type of 10,000 characters", { mediaType: "x".repeat(10_000) }],
] as const) {
  test(`${what} leads to no event`, () => {
    const result = read({ target });
    assert.deepEqual(result.events, []);
    assert.equal(result.ignored.length, 1);
    assert.ok(result.ignored[0]!.length < 300);
  });
}
