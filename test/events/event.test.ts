import assert from "node:assert/strict";
import { test } from "node:test";
import { dataSchema, eventTypes, follow, originate, parseEvent, type WireEvent } from "../../lib/events/index.ts";

const pushed = { registry: "r.example", repository: "a/b", tag: "1", artifactKind: "chart" as const };
const cause: WireEvent = {
  specversion: "1.0",
  id: "1",
  source: "/s",
  type: "dev.stowage.artifact.pushed.v1",
  extensions: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", registry: "r.example" },
  data: pushed,
};
const deleted = {
  source: "/stowage/x",
  subject: "a/b:1",
  data: { registry: "r.example", repository: "a/b", tag: "1" },
};

test("follow() derives the id from the cause: a redelivered cause gives the same event", () => {
  const one = follow(cause, "dev.stowage.artifact.deleted.v1", deleted);
  assert.equal(follow({ ...cause }, "dev.stowage.artifact.deleted.v1", deleted).id, one.id);
  assert.notEqual(follow({ ...cause, id: "2" }, "dev.stowage.artifact.deleted.v1", deleted).id, one.id);
  assert.notEqual(follow({ ...cause, source: "/other" }, "dev.stowage.artifact.deleted.v1", deleted).id, one.id);
  assert.notEqual(follow(cause, "dev.stowage.artifact.deleted.v1", { ...deleted, subject: "c" }).id, one.id);
});

test("ids do not collide when parts run into each other", () => {
  const id = (source: string, eventId: string) =>
    follow({ ...cause, source, id: eventId }, "dev.stowage.artifact.deleted.v1", deleted).id;
  assert.notEqual(id("/a", "b/c"), id("/a/b", "/c"));
});

test("the trace rides along, and what it is all done for; other extensions do not; what triggers filter on is promoted", () => {
  const resource = "releases.stowage.dev/apps/harbour-1.0.0/u-1/1";
  const asked = { ...cause, extensions: { ...cause.extensions, resource, task: "x" } };
  const { extensions } = follow(asked, "dev.stowage.artifact.deleted.v1", deleted);
  assert.deepEqual(extensions, {
    traceparent: cause.extensions["traceparent"],
    resource,
    registry: "r.example",
    repository: "a/b",
    tag: "1",
  });
});

test("events are frozen, and made only of data that fits", () => {
  assert.ok(Object.isFrozen(originate("dev.stowage.artifact.pushed.v1", "1", { ...deleted, data: pushed })));
  assert.throws(() => originate("dev.stowage.artifact.pushed.v1", "1", { ...deleted, data: {} as never }));
});

test("parseEvent() checks data by its type and names every problem", () => {
  assert.deepEqual(parseEvent(cause).data, pushed);
  assert.throws(
    () => parseEvent({ ...cause, data: { registry: 1, artifactKind: "tool" } }),
    (error: Error & { code: string }) => {
      assert.equal(error.code, "EVENT_INVALID");
      for (const part of ["registry", "repository", "artifactKind"]) assert.match(error.message, new RegExp(part));
      return true;
    },
  );
  for (const type of ["dev.stowage.unknown.v1", "constructor", "__proto__", ""]) {
    assert.throws(() => parseEvent({ ...cause, type }), { code: "EVENT_UNKNOWN" });
  }
  for (const data of [undefined, null, [], "text", Buffer.from("x")]) {
    assert.throws(() => parseEvent({ ...cause, data }), { code: "EVENT_INVALID" });
  }
});

test("every event has a JSON Schema of its data", () => {
  for (const type of eventTypes) assert.equal((dataSchema(type) as { type: string }).type, "object");
});
