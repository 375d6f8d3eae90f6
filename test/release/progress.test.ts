import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Event, type EventType, follow } from "../../lib/events/index.ts";
import type { ReleaseObject } from "../../lib/release/object.ts";
import { outcomeOf, outcomeTypes } from "../../lib/release/outcome.ts";
import { isCurrent, withOutcome } from "../../lib/release/progress.ts";
import { type ReleaseStatus, statusSchema } from "../../lib/release/status-schema.ts";
import { description, hops, releaseObject, said } from "../fixtures/release.ts";

type Told = Event<(typeof outcomeTypes)[number]>;

const object = (
  spec: object = { ...description, mirror: { hops } },
  more: Partial<ReleaseObject> = {},
): ReleaseObject => releaseObject(spec, more);

let count = 0;
function told(type: (typeof outcomeTypes)[number], data: object = {}, time = "2026-01-01T00:00:00.123Z"): Told {
  const cause = { source: "/test", id: `${count++}`, extensions: {} };
  return follow(cause, type as EventType, {
    source: "/test",
    subject: "s",
    data: { ...said[type], ...data } as never,
    time,
  }) as Told;
}

/** The object after all of these, as report-release leaves it. */
function after(release: ReleaseObject, ...events: readonly Told[]): ReleaseObject {
  let left = release;
  for (const event of events) {
    const outcome = outcomeOf(event);
    const status = outcome && withOutcome(left, outcome);
    if (status === undefined) continue;
    assert.deepEqual(statusSchema.parse(status), status);
    left = { ...left, status };
  }
  return left;
}

const summary = (status: ReleaseStatus | undefined): readonly string[] => [
  status?.phase ?? "",
  ...(status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status}/${reason}`),
];

test("the story of a Release that goes well", () => {
  let release = object();
  const story = (
    [
      "dev.stowage.images.requested.v1",
      "dev.stowage.images.listed.v1",
      "dev.stowage.bundle.requested.v1",
      "dev.stowage.mirror.requested.v1",
      "dev.stowage.bundle.built.v1",
      "dev.stowage.images.mirrored.v1",
    ] as const
  ).map((type) => {
    release = after(release, told(type));
    return release.status?.phase;
  });
  assert.deepEqual(story, ["Listing", "Building", "Building", "Building", "Mirroring", "Ready"]);
  const { conditions, ...status } = release.status!;
  assert.deepEqual(status, {
    observedGeneration: 1,
    phase: "Ready",
    images: {
      count: 7,
      optional: 1,
      list: "releases/harbour/1.0.0/images.list",
      lock: "releases/harbour/1.0.0/images.lock.json",
      lockDigest: `sha256:${"1".repeat(64)}`,
      findings: "releases/harbour/1.0.0/images.json",
    },
    bundle: {
      store: "s3://releases",
      key: "releases/harbour/1.0.0/harbour-1.0.0.tar.gz",
      sha256: "0".repeat(64),
      size: 1234,
      images: 7,
    },
    mirror: { to: "mirror.example.com", images: 7, report: "releases/harbour/1.0.0/mirror/report.json" },
  });
  assert.deepEqual(
    conditions.map(({ type, status }) => `${type}=${status}`),
    ["ImagesListed=True", "BundleBuilt=True", "Mirrored=True", "Ready=True"],
  );
});

test("only what the spec asks for has to come true", () => {
  const listed = told("dev.stowage.images.listed.v1");
  assert.equal(after(object({ ...description, bundle: false }), listed).status?.phase, "Ready");
  const built = after(
    object(description),
    listed,
    told("dev.stowage.images.mirrored.v1"),
    told("dev.stowage.bundle.built.v1"),
  );
  assert.deepEqual(summary(built.status), [
    "Ready",
    "ImagesListed=True/Listed",
    "BundleBuilt=True/Built",
    "Ready=True/Complete",
  ]);
  assert.equal(built.status?.mirror, undefined);
});

test("a failure is told with its code, and Ready says the same", () => {
  const failed = after(object(), told("dev.stowage.images.listed.v1"), told("dev.stowage.bundle.failed.v1"));
  assert.equal(failed.status?.phase, "Failed");
  const ready = failed.status?.conditions.find(({ type }) => type === "Ready");
  assert.deepEqual(
    [ready?.status, ready?.reason, ready?.message],
    ["False", "IMAGES_MISSING", "Cannot build: 1 image is missing"],
  );
});

test("a try that failed is no failure yet; the last one is", () => {
  const start = after(
    object(description),
    told("dev.stowage.images.listed.v1"),
    told("dev.stowage.bundle.requested.v1"),
  );
  const once = after(start, told("dev.stowage.run.failed.v1", { again: true }));
  assert.deepEqual(summary(once.status)[2], "BundleBuilt=Unknown/Retrying");
  assert.equal(once.status?.phase, "Building");
  assert.equal(after(once, told("dev.stowage.run.failed.v1")).status?.phase, "Failed");
  assert.equal(after(once, told("dev.stowage.bundle.built.v1")).status?.phase, "Ready");
});

test("that something could not be reported, or asked for, is no failure of what was to be done", () => {
  for (const data of [
    { function: "report-release" },
    { function: "stowage-report-release" },
    { type: "dev.stowage.bundle.built.v1" },
  ]) {
    assert.equal(outcomeOf(told("dev.stowage.run.failed.v1", data)), undefined);
  }
});

test("twice and in any order: the same outcomes lead to the same conditions", () => {
  const events = outcomeTypes.map((type) => told(type));
  fc.assert(
    fc.property(fc.subarray(events, { minLength: 1 }), fc.infiniteStream(fc.nat()), (some, random) => {
      const shuffled = [...some, ...some]
        .map((event) => ({ event, at: random.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ event }) => event);
      // of several failures of one step the last one is told
      const shape = (status: ReleaseStatus | undefined) => [
        status?.phase,
        status?.conditions.map(({ type, status }) => `${type}=${status}`),
      ];
      assert.deepEqual(shape(after(object(), ...shuffled).status), shape(after(object(), ...some).status));
    }),
  );
});

test("nothing is written twice: what is known already changes nothing", () => {
  for (const type of outcomeTypes) {
    const release = after(object(), told(type));
    assert.equal(withOutcome(release, outcomeOf(told(type, {}, "2027-01-01T00:00:00Z"))!), undefined, type);
  }
});

test("a new generation begins anew, and keeps since when a condition is what it is", () => {
  const done = after(object(description), told("dev.stowage.images.listed.v1"), told("dev.stowage.bundle.built.v1"));
  const changed = { ...done, generation: 2 };
  const listed = after(changed, told("dev.stowage.images.listed.v1", {}, "2027-01-01T00:00:00Z"));
  assert.deepEqual(summary(listed.status), ["Building", "ImagesListed=True/Listed", "Ready=Unknown/InProgress"]);
  assert.equal(listed.status?.bundle, undefined);
  assert.equal(listed.status?.observedGeneration, 2);
  assert.deepEqual(
    listed.status?.conditions.map(({ lastTransitionTime }) => lastTransitionTime),
    ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"],
  );
});

test("only the very object at the very generation is current", () => {
  const release = object();
  assert.ok(isCurrent(release, release));
  assert.ok(!isCurrent(release, { ...release, uid: "u-2" }));
  assert.ok(!isCurrent(release, { ...release, generation: 0 }));
});

test("whatever is said, the status stays within its schema and 16 KiB", () => {
  const long = "x".repeat(4000);
  const key = "k".repeat(1024);
  const status = after(
    object(),
    told("dev.stowage.images.listed.v1", { key, list: key, lock: key }),
    told("dev.stowage.bundle.failed.v1", { code: "not a code", reason: long }),
    told("dev.stowage.mirror.incomplete.v1", { report: key, reason: "y".repeat(500) }),
  ).status!;
  const bundle = status.conditions.find(({ type }) => type === "BundleBuilt");
  assert.equal(bundle?.reason, "Failed");
  assert.equal(bundle?.message.length, 1000);
  assert.ok(JSON.stringify(status).length < 16 * 1024);
});

test("a time that is no date, as in a leap second, is now", () => {
  const { time } = outcomeOf(told("dev.stowage.images.listed.v1", {}, "2026-12-31T23:59:60Z"))!;
  assert.match(time, /^\d{4}-\d{2}-\d{2}T[\d:]{8}Z$/);
});
