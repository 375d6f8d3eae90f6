import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { follow } from "../../lib/events/index.ts";
import type { KubeObject } from "../../lib/kube/index.ts";
import { extensionOf, readReleaseObject, releaseOf } from "../../lib/release/object.ts";
import { description, releaseOfSpec, said } from "../fixtures/release.ts";

const metadata = { namespace: "apps", name: "harbour-1.0.0", uid: "u-1", generation: 3, resourceVersion: "42" };
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?$/);

test("an event names the Release it belongs to, its uid and generation, and all that follows from it does too", () => {
  fc.assert(
    fc.property(label, label, fc.uuid(), fc.integer({ min: 1 }), (namespace, name, uid, generation) => {
      const reference = { namespace, name, uid, generation };
      const cause = { source: "/s", id: "1", extensions: { ...extensionOf(reference), other: "x" } };
      const event = follow(cause, "dev.stowage.images.listed.v1", {
        source: "/stowage/list-images",
        subject: "harbour@1.0.0",
        data: said["dev.stowage.images.listed.v1"],
      });
      assert.deepEqual(releaseOf(event), reference);
      assert.equal(event.extensions["other"], undefined);
    }),
  );
});

test("an event without Release has none; one that is garbled is refused", () => {
  const event = (resource?: string) => ({ id: "1", extensions: resource === undefined ? {} : { resource } });
  assert.equal(releaseOf(event()), undefined);
  assert.equal(releaseOf(event("issues.example.com/a/b")), undefined);
  for (const rest of ["", "a", "a/b/c", "a/b/c/0", "a/b/c/-1", "a/b/c/1x", "a/b/c/1/2", "//c/1"]) {
    assert.throws(() => releaseOf(event(`releases.stowage.dev/${rest}`)), { code: "EVENT_INVALID" }, rest);
  }
});

test("a Release is read with what it needs; a status that is not ours counts as none", () => {
  const object = { ...releaseOfSpec(), metadata } as KubeObject;
  assert.deepEqual(readReleaseObject(object), { ...metadata, isLeaving: false, spec: description, status: undefined });
  const leaving = { ...object, metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  assert.equal(readReleaseObject(leaving).isLeaving, true);
  assert.equal(readReleaseObject({ ...object, status: { phase: "Dancing" } }).status, undefined);
  const status = { observedGeneration: 3, phase: "Ready", conditions: [] };
  assert.deepEqual(readReleaseObject({ ...object, status: { ...status, ofALaterVersion: 1 } }).status, status);
});

test("what is no Release is refused", () => {
  for (const broken of [
    { metadata },
    { metadata: { name: "a" }, spec: {} },
    { metadata: { ...metadata, uid: 1 }, spec: {} },
  ]) {
    assert.throws(() => readReleaseObject({ apiVersion: "v1", kind: "Release", ...broken } as never), {
      code: "KUBE_REFUSED",
    });
  }
});
