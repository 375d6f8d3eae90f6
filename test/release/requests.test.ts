import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { checkRelease } from "../../lib/bundle/index.ts";
import { type Event, parseEvent } from "../../lib/events/index.ts";
import { type ReleaseObject, releaseOf } from "../../lib/release/object.ts";
import { openRequests } from "../../lib/release/requests.ts";
import type { ReleaseStatus } from "../../lib/release/status-schema.ts";
import { description, hops, releaseObject } from "../fixtures/release.ts";

const LIST = "releases/harbour/1.0.0/images.list";
const mirrored = { ...description, mirror: { hops, platforms: ["linux/amd64"], recheck: true } };

const object = (spec: object, status?: Partial<ReleaseStatus>, more: Partial<ReleaseObject> = {}): ReleaseObject =>
  releaseObject(spec, {
    status: status && { observedGeneration: 1, phase: "Listing", conditions: [], ...status },
    ...more,
  });

const condition = (type: "ImagesListed" | "BundleBuilt" | "Mirrored", status: "True" | "False" | "Unknown") => ({
  type,
  status,
  observedGeneration: 1,
  lastTransitionTime: "2026-01-01T00:00:00Z",
  reason: "Because",
  message: "",
});
const listed = { images: { count: 7, optional: 0, list: LIST }, conditions: [condition("ImagesListed", "True")] };

const typesOf = (events: readonly Event[]): readonly string[] =>
  events.map(({ type }) => type.split(".").slice(2, 4).join("."));
const dataOf = <T extends Event["type"]>(events: readonly Event[], type: T) =>
  events.find((event): event is Event<T> & Event => event.type === type)!.data as Event<T>["data"];

test("first the list of images is asked for, with the description and nothing else of the spec", async () => {
  const events = await openRequests(object({ ...mirrored, attempt: 2 }));
  assert.deepEqual(typesOf(events), ["images.requested"]);
  assert.deepEqual(dataOf(events, "dev.stowage.images.requested.v1"), { release: description });
});

test("once there is a list, the bundle and the mirror are asked for, as far as the spec wants them", async () => {
  const both = await openRequests(object({ ...mirrored, base: "s3://old/harbour-0.9.tar.gz" }), LIST);
  assert.deepEqual(typesOf(both), ["bundle.requested", "mirror.requested"]);
  assert.deepEqual(dataOf(both, "dev.stowage.bundle.requested.v1"), {
    release: description,
    base: "s3://old/harbour-0.9.tar.gz",
  });
  assert.deepEqual(dataOf(both, "dev.stowage.mirror.requested.v1"), {
    release: "harbour",
    version: "1.0.0",
    lists: [LIST],
    images: [],
    form: "reference",
    hops,
    platforms: ["linux/amd64"],
    recheck: true,
  });
  assert.deepEqual(typesOf(await openRequests(object(description), LIST)), ["bundle.requested"]);
  assert.deepEqual(typesOf(await openRequests(object({ ...mirrored, bundle: false }), LIST)), ["mirror.requested"]);
  assert.deepEqual(await openRequests(object({ ...description, bundle: false }), LIST), []);
});

test("whoever asks again asks for what has not come to an end", async () => {
  const incomplete = async (status: "Unknown" | "False") =>
    typesOf(await openRequests(object(mirrored, { conditions: [condition("ImagesListed", status)] })));
  assert.deepEqual(await incomplete("Unknown"), ["images.requested"]);
  assert.deepEqual(await incomplete("False"), []);
  const ask = async (...conditions: ReturnType<typeof condition>[]) =>
    typesOf(await openRequests(object(mirrored, { ...listed, conditions })));
  const known = condition("ImagesListed", "True");
  assert.deepEqual(await ask(known), ["bundle.requested", "mirror.requested"]);
  assert.deepEqual(await ask(known, condition("BundleBuilt", "True")), ["mirror.requested"]);
  assert.deepEqual(await ask(known, condition("BundleBuilt", "False"), condition("Mirrored", "Unknown")), [
    "mirror.requested",
  ]);
  assert.deepEqual(await ask(known, condition("BundleBuilt", "True"), condition("Mirrored", "False")), []);
});

test("what was asked for within the last hour is waited for", async () => {
  const release = object(mirrored, {
    ...listed,
    conditions: [condition("ImagesListed", "True"), condition("BundleBuilt", "Unknown")],
  });
  const since = Date.parse("2026-01-01T00:00:00Z");
  const after = async (minutes: number) => typesOf(await openRequests(release, undefined, since + minutes * 60_000));
  assert.deepEqual(await after(59), ["mirror.requested"]);
  assert.deepEqual(await after(61), ["bundle.requested", "mirror.requested"]);
});

test("the status of an older generation is not asked", async () => {
  const events = await openRequests(object(mirrored, listed, { generation: 2 }));
  assert.deepEqual(typesOf(events), ["images.requested"]);
  assert.equal(releaseOf(events[0]!)?.generation, 2);
});

test("the same generation asks with the same ids, another one, or another object, with others", async () => {
  const ids = async (more: Partial<ReleaseObject>, listed?: string) =>
    (await openRequests(object(mirrored, undefined, more), listed)).map(({ id }) => id);
  assert.deepEqual(await ids({}, LIST), await ids({ resourceVersion: "9" }, LIST));
  const all = await Promise.all([
    ids({}),
    ids({}, LIST),
    ids({ generation: 2 }),
    ids({ uid: "u-2" }),
    ids({ namespace: "other" }),
  ]);
  assert.equal(new Set(all.flat()).size, all.flat().length);
});

test("what is asked is what the functions of the pipeline take, and says for whom", async () => {
  const release = object(mirrored);
  for (const event of [...(await openRequests(release)), ...(await openRequests(release, LIST))]) {
    const sent = JSON.parse(JSON.stringify(event));
    assert.deepEqual(parseEvent(sent).data, sent.data);
    const { namespace, name, uid, generation } = release;
    assert.deepEqual(releaseOf(event), { namespace, name, uid, generation });
    assert.equal(event.subject, "harbour@1.0.0");
    if ("release" in event.data && typeof event.data.release === "object") checkRelease(event.data.release);
  }
});

test("a spec that is no description is refused, with all that is wrong with it", async () => {
  const reasonOf = async (spec: object): Promise<string> => {
    const events = await openRequests(object(spec));
    assert.deepEqual(typesOf(events), ["release.refused"]);
    const { code, reason } = dataOf(events, "dev.stowage.release.refused.v1");
    assert.equal(code, "RELEASE_INVALID");
    return reason;
  };
  const wrong = await reasonOf({ ...description, images: ["a:1", "a:1"], split: "3 bytes", colour: 1 });
  for (const part of [/images\.1: "a:1" is images\.0 already/, /split/, /colour/]) assert.match(wrong, part);
  assert.match(await reasonOf({ ...description, bundle: false, base: "s3://old/a.tar" }), /base is of a bundle/);
  assert.match(await reasonOf({ ...description, mirror: { hops: [] } }), /mirror\.hops/);
  assert.match(await reasonOf({}), /name/);
  const many = Array.from(
    { length: 9000 },
    (_, i) => `registry.example.com/team/some/long/name/of/an/image-${i}:1.0.0`,
  );
  assert.match(await reasonOf({ ...description, images: many }), /bytes, more than/);
});

test("the example in docs/releases.md is followed", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/releases.md"), "utf8");
  const { metadata, spec } = parse(/```yaml\n(.*?)```/s.exec(page)![1]!);
  assert.equal(metadata.name, `${spec.name}-${spec.version}`);
  const events = [...(await openRequests(object(spec))), ...(await openRequests(object(spec), LIST))];
  assert.deepEqual(typesOf(events), ["images.requested", "bundle.requested", "mirror.requested"]);
});
