import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, DIGEST, receiveSample, sample } from "./deliveries.ts";

for (const name of ["created", "created-forgejo"]) {
  test(`CR-W9 a container package (${name}) becomes artifact.pushed; the owner's capitals are no part of the path`, () => {
    const [event] = receiveSample(`gitea/${name}`).events;
    assert.equal(event?.subject, "charts/lantern:1.2.0");
    assert.equal(event.time, "2026-06-01T10:00:00.000Z");
  });
}

test("deletions are told by tag or by digest", () => {
  assert.deepEqual(brief(receiveSample("gitea/deleted")), ["deleted charts/lantern:1.2.0"]);
  assert.deepEqual(brief(receiveSample("gitea/deleted-by-digest")), [`deleted charts/lantern@${DIGEST}`]);
});

for (const [name, reason] of [
  ["created-by-digest", /pushed by digest has no tag/],
  ["helm-package", /type "helm" lies outside the OCI registry/],
  ["push-of-commits", /event "push" tells of no package/],
] as const) {
  test(`Gitea's ${name} leads to no event and says why`, () => {
    const { events, ignored } = receiveSample(`gitea/${name}`);
    assert.deepEqual(events, []);
    assert.match(ignored.join(), reason);
  });
}

test("a form carries the same in its field payload, once", () => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const payload = JSON.stringify(sample("gitea/created").body);
  const form = (...payloads: string[]) => {
    const body = new URLSearchParams(payloads.map((each): [string, string] => ["payload", each]));
    return receiveSample("gitea/created", { headers, body: Buffer.from(body.toString()) });
  };
  assert.deepEqual(form(payload).events[0]?.data, receiveSample("gitea/created").events[0]?.data);
  for (const wrong of [[], [payload, payload], ["{"]]) assert.throws(() => form(...wrong), { code: "WEBHOOK_INVALID" });
});
