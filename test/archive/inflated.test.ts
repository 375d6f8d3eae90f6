import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { gunzipBounded, inflated } from "../../lib/archive/index.ts";
import { collect, inChunks, noise } from "./bytes.ts";

const refused = (message: RegExp) => ({ name: "RejectedError", code: "ARCHIVE_INVALID", message });
const limits = { bytes: 10_000_000 };

test("gzip is inflated and everything else is passed on, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.integer({ min: 1, max: 50 }), async (bytes, chunkSize) => {
      fc.pre(!(bytes[0] === 0x1f && bytes[1] === 0x8b));
      const expected = Buffer.from(bytes);
      assert.deepEqual(await collect(inflated(inChunks(bytes, chunkSize), limits)), expected);
      assert.deepEqual(await collect(inflated(inChunks(gzipSync(bytes), chunkSize), limits)), expected);
    }),
    { numRuns: 50 },
  );
});

test("all members of a gzip are inflated", async () => {
  const two = Buffer.concat([gzipSync("one, "), gzipSync("two")]);
  assert.equal((await collect(gunzipBounded(inChunks(two, 7), limits))).toString(), "one, two");
});

test("damaged and truncated gzip is refused", async () => {
  const good = gzipSync(noise(100_000));
  const flipped = Buffer.from(good);
  flipped[good.byteLength - 6]! ^= 1;
  for (const bad of [
    good.subarray(0, -1),
    good.subarray(0, 5000),
    good.subarray(0, 5),
    flipped,
    Buffer.from("plain"),
  ]) {
    await assert.rejects(collect(gunzipBounded(inChunks(bad, 1000), limits)), refused(/^Cannot inflate archive: /));
  }
});

test("more bytes than allowed are refused, inflated or not", async () => {
  const bytes = noise(100_000);
  for (const source of [bytes, gzipSync(bytes)]) {
    assert.equal((await collect(inflated(inChunks(source), { bytes: 100_000 }))).byteLength, 100_000);
    await assert.rejects(collect(inflated(inChunks(source), { bytes: 99_999 })), refused(/99999 bytes$/));
  }
});

test("a bomb is refused long before its bytes are all there", async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  let given = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of gunzipBounded(inChunks(bomb, 1024), { bytes: Infinity })) given += chunk.byteLength;
    },
    refused(/more than 200-fold$/),
  );
  assert.ok(given < 8 * 1024 * 1024);
});

test("an almost empty archive is no bomb, nor is a large one that comes in one chunk", async () => {
  for (const bytes of [Buffer.alloc(512 * 1024), noise(3_000_000)]) {
    assert.deepEqual(await collect(gunzipBounded(inChunks(gzipSync(bytes)), limits)), bytes);
  }
});

test("what the source throws passes as it is", async () => {
  const broken = new Error("connection lost");
  const head = gzipSync(noise(100_000)).subarray(0, 50_000);
  const source = async function* (bytes: Uint8Array) {
    yield bytes;
    throw broken;
  };
  await assert.rejects(collect(inflated(source(head), limits)), broken);
  await assert.rejects(collect(inflated(source(noise(100)), limits)), broken);
  await assert.rejects(collect(inflated(source(Buffer.of(0x1f)), limits)), broken);
});

test("a reader that stops early ends the source", async () => {
  for (const content of [noise(3_000_000), gzipSync(noise(3_000_000))]) {
    const ended = Promise.withResolvers<void>();
    const source = async function* () {
      try {
        yield* inChunks(content, 1000);
        assert.fail("the source was read to its end");
      } finally {
        ended.resolve();
      }
    };
    for await (const _ of inflated(source(), limits)) break;
    await ended.promise;
  }
});
