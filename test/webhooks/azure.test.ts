import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, DIGEST, receiveSample } from "./deliveries.ts";

test("CR-W9 a push to Azure Container Registry becomes artifact.pushed", () => {
  const [event] = receiveSample("azure/push").events;
  assert.equal(event?.subject, "charts/lantern:1.2.0");
  assert.equal(event.time, "2026-11-17T16:52:01.343Z");
  assert.equal(event.data.digest, DIGEST);
});

test("deletions tell a digest, or only the repository", () => {
  assert.deepEqual(brief(receiveSample("azure/delete")), [`deleted charts/lantern@${DIGEST}`]);
  assert.deepEqual(brief(receiveSample("azure/delete-repository")), ["deleted charts/lantern"]);
});

for (const [name, reason] of [
  ["chart-push", /chart_push: charts of az acr helm lie outside/],
  ["chart-delete", /chart_delete: charts of az acr helm lie outside/],
  ["quarantine", /quarantine: .* its release is a push/],
  ["ping", /ping/],
] as const) {
  test(`Azure's ${name} leads to no event and says why`, () => {
    const { events, ignored } = receiveSample(`azure/${name}`);
    assert.deepEqual(events, []);
    assert.match(ignored.join(), reason);
  });
}
