import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { gunzipAtOnce, gunzipBounded, inflated } from "../../lib/archive/index.ts";
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

/** Members of a gzip, and what may stand between and behind them. */
const anyGzip = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => gzipSync(bytes)),
      fc.constantFrom(Buffer.alloc(10), Buffer.of(0x1f, 0x8b), Buffer.of(0x1f), Buffer.from("text")),
      fc.constant(gzipSync(Buffer.alloc(100_000, "text "))),
    ),
    { maxLength: 3 },
  )
  .map((pieces) => Buffer.concat(pieces));

test("gzip in memory is inflated at once exactly where it is inflated as it flows, to the same bytes", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyGzip,
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 2 }),
      fc.option(fc.nat(400)),
      fc.integer({ min: 1, max: 500 }),
      async (gzip, mutations, cut, chunkSize) => {
        const bytes = gzip.subarray(0, cut ?? gzip.byteLength);
        for (const [at, value] of mutations) if (at < bytes.byteLength) bytes[at] = value;
        const flowing = await collect(gunzipBounded(inChunks(bytes, chunkSize), limits)).catch((error) => {
          assert.ok(refused(/^Cannot inflate archive: /).message.test(error.message));
          return undefined;
        });
        const atOnce = gunzipAtOnce(bytes, limits);
        assert.deepEqual(atOnce && Buffer.from(atOnce), flowing);
      },
    ),
    { numRuns: 300 },
  );
});

test("what is inflated at once is bounded in bytes, and by the size of the archive", () => {
  const gzip = gzipSync(noise(2_000_000));
  assert.equal(gunzipAtOnce(gzip, { bytes: 2_000_000 })?.byteLength, 2_000_000);
  assert.equal(gunzipAtOnce(gzip, { bytes: 1_999_999 }), undefined);
  const bomb = gzipSync(Buffer.alloc(2_000_000));
  assert.equal(gunzipAtOnce(bomb, limits), undefined);
  assert.equal(gunzipAtOnce(bomb, { ...limits, ratio: 2000 })?.byteLength, 2_000_000);
  const unbounded = { bytes: Number.POSITIVE_INFINITY, ratio: Number.POSITIVE_INFINITY };
  assert.equal(gunzipAtOnce(bomb, unbounded)?.byteLength, 2_000_000);
  assert.equal(gunzipAtOnce(new Uint8Array(), unbounded), undefined);
});

test("what gzip says about its size makes no difference but to the time it takes", () => {
  const content = noise(300_000);
  for (const size of [0, 1, 299_999, 2 ** 32 - 1]) {
    // only the last member says it: an empty one here, whose end is damaged
    const said = gzipSync("");
    said.writeUInt32LE(size, said.byteLength - 4);
    const gzip = Buffer.concat([gzipSync(content), said]);
    assert.equal(gunzipAtOnce(gzip, limits)?.byteLength, size === 0 ? 300_000 : undefined);
  }
  const two = Buffer.concat([gzipSync(content), gzipSync("x")]);
  assert.equal(gunzipAtOnce(two, limits)?.byteLength, 300_001, "the last member is the smaller one");
  const padded = Buffer.concat([gzipSync(content), Buffer.alloc(4), Buffer.of(0xff, 0xff, 0xff, 0xff)]);
  assert.deepEqual(gunzipAtOnce(padded, limits) && Buffer.from(gunzipAtOnce(padded, limits)!), content);
});
