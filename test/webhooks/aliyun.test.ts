import assert from "node:assert/strict";
import { test } from "node:test";
import { DIGEST, receiveSample, sample } from "./deliveries.ts";

test("CR-W9 a trigger of Alibaba Cloud becomes artifact.pushed of the configured registry", () => {
  const registry = "harbour-registry.cn-hangzhou.cr.aliyuncs.com";
  const [event] = receiveSample("aliyun/push", { settings: { registry } }).events;
  assert.equal(event?.subject, "charts/lantern:1.2.0");
  assert.deepEqual(event.data, {
    registry,
    repository: "charts/lantern",
    tag: "1.2.0",
    digest: DIGEST,
    artifactKind: "unknown",
  });
});

test("a time without zone tells pushes apart and is no time of the event", () => {
  const { body } = sample("aliyun/push") as { body: { push_data: object } };
  const event = (pushed_at: string) =>
    receiveSample("aliyun/push", { body: { ...body, push_data: { ...body.push_data, pushed_at } } }).events[0]!;
  assert.notEqual(event("2026-11-29 12:25:46").id, event("2026-11-29 12:25:47").id);
  assert.ok(Math.abs(Date.parse(event("2026-11-29 12:25:46").time!) - Date.now()) < 60_000);
});
