import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectedError } from "../../lib/errors.ts";
import { createObserver } from "../../lib/mirror/observe.ts";
import type { Target } from "../../lib/oci/index.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { imageFixture, inChunks, putAll, read } from "../contracts/image-fixture.ts";

const failing = (error: unknown): Target => {
  const fail = async (): Promise<never> => {
    throw error;
  };
  const broken = (): AsyncIterable<never> => ({ [Symbol.asyncIterator]: () => ({ next: fail }) });
  return {
    name: "failing",
    resolve: fail,
    open: async () => broken(),
    tags: broken,
    referrers: broken,
    has: fail,
    put: fail,
    tag: fail,
    remove: fail,
  };
};
const { manifest } = imageFixture("x");
const digest = manifest.descriptor.digest;

test("every way to fail is known by its side, also while bytes or names are read", async () => {
  const ways: readonly ((place: Target) => Promise<unknown>)[] = [
    (place) => place.resolve("v1"),
    (place) => read(place, manifest.descriptor),
    (place) => Array.fromAsync(place.tags()),
    (place) => Array.fromAsync(place.referrers!(digest)),
    (place) => place.has(manifest.descriptor),
    (place) => place.put(manifest.descriptor, async () => inChunks(manifest.bytes)),
    (place) => place.tag("v1", manifest.descriptor),
    (place) => place.remove("v1"),
  ];
  for (const [number, way] of ways.entries()) {
    const observer = createObserver();
    const error = new RejectedError("CONTENT_UNKNOWN", "Cannot");
    await assert.rejects(way(observer.target(failing(error), assert.fail)), error);
    assert.equal(observer.sideOf(error), "target", `way ${number}`);
    if (number > 3) continue;
    const other = new RejectedError("CONTENT_UNKNOWN", "Cannot");
    await assert.rejects(way(observer.source(failing(other), assert.fail) as Target), other);
    assert.equal(observer.sideOf(other), "source", `way ${number}`);
  }
});

test("an error of the source stays the source's on its way through the target, also as a cause", async () => {
  for (const wrap of [(error: unknown) => error, (cause: unknown) => new Error("Cannot write", { cause })]) {
    const observer = createObserver();
    const source = observer.source(failing(new RejectedError("CONTENT_MISMATCH", "Cannot read")), assert.fail);
    const reading: Target = {
      ...failing(new Error("not reached")),
      async put(_, bytes) {
        try {
          await Array.fromAsync(await bytes());
        } catch (error) {
          throw wrap(error);
        }
        return "written";
      },
    };
    const target = observer.target(reading, assert.fail);
    const failure = await target
      .put(manifest.descriptor, () => source.open(manifest.descriptor))
      .catch((error: unknown) => error);
    assert.equal(observer.sideOf(failure), "source");
  }
});

test("what no place raised is a judgement on what the source offers", () => {
  for (const error of [new Error("x"), "x", undefined]) assert.equal(createObserver().sideOf(error), "source");
});

test("a change is told when something was written, and not when it was there", async () => {
  let changes = 0;
  const image = imageFixture("y");
  const target = createObserver().target(openMemory("memory"), () => {
    changes += 1;
  });
  await putAll(target, image.pieces);
  await target.tag("v1", image.manifest.descriptor);
  assert.equal(changes, image.pieces.length + 1);
  await putAll(target, image.pieces);
  assert.equal(changes, image.pieces.length + 1);
  assert.equal((await target.resolve("v1")).digest, image.manifest.descriptor.digest);
});
