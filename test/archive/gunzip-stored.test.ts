import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import {
  beginsStored,
  bytesSegment,
  gunzipStored,
  gzipStored,
  isStored,
  type Segment,
  storedContent,
} from "../../lib/archive/index.ts";
import { collect, contentOf, noise } from "./bytes.ts";

const stored = (content: Uint8Array): Promise<Buffer> => contentOf(gzipStored(bytesSegment(content)));
const inflate = async (bytes: Uint8Array, step = 1000): Promise<Buffer> =>
  collect(
    gunzipStored(
      (async function* () {
        for (let at = 0; at < bytes.byteLength; at += step) yield bytes.subarray(at, at + step);
      })(),
    ),
  );
const sizes = [0, 1, 65_534, 65_535, 65_536, 131_070, 200_000];

for (const size of sizes) {
  test(`${size} bytes come out as they went in, as a stream and in any range`, async () => {
    const content = noise(size);
    const bytes = await stored(content);
    assert.ok(isStored(bytes));
    for (const step of [1, 7, 1000, 1e6])
      if (size < 1000 || step > 7) assert.deepEqual(await inflate(bytes, step), content);
    const segment = await storedContent(bytesSegment(bytes));
    assert.equal(segment.size, size);
    assert.deepEqual(await contentOf(segment), content);
    await fc.assert(
      fc.asyncProperty(fc.nat(size), fc.nat(size), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        assert.deepEqual(await collect(segment.read(start, end)), content.subarray(start, end));
      }),
      { numRuns: 30, examples: [[0, Math.min(size, 65_535)]] },
    );
  });
}

test("a range is read from its own part of the file, in chunks of any size", async () => {
  const content = noise(200_000);
  const bytes = await stored(content);
  const reads: [number, number][] = [];
  const file: Segment = {
    size: bytes.byteLength,
    async *read(start, end) {
      reads.push([start, end]);
      for (let at = start; at < end; at += 3) yield bytes.subarray(at, Math.min(at + 3, end));
    },
  };
  const segment = await storedContent(file);
  reads.length = 0;
  assert.deepEqual(await collect(segment.read(65_530, 65_540)), content.subarray(65_530, 65_540));
  assert.deepEqual(reads, [[65_545, 65_560]]);
});

test("every bit counts, also those that zlib does not look at", async () => {
  const bytes = await stored(noise(70_000));
  const blocks = [10, 10 + 5 + 65_535];
  const places = [...Array(10).keys(), ...blocks.flatMap((at) => [0, 1, 2, 3, 4, 5].map((each) => at + each))];
  for (const at of [...places, ...Array.from({ length: 8 }, (_, each) => bytes.byteLength - 8 + each)]) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1 << bit;
      await assert.rejects(inflate(damaged), { code: "ARCHIVE_INVALID" }, `bit ${bit} of byte ${at}`);
    }
  }
});

test("what is cut off, or goes on behind its end, is refused", async () => {
  const bytes = await stored(noise(70_000));
  for (const length of [0, 9, 12, 1000, 65_552, bytes.byteLength - 8, bytes.byteLength - 1]) {
    await assert.rejects(inflate(bytes.subarray(0, length)), { code: "ARCHIVE_INVALID", message: /cut short/ });
  }
  await assert.rejects(inflate(Buffer.concat([bytes, Buffer.alloc(1)])), { message: /something follows its end/ });
});

test("gzip that compresses is told apart", () => {
  const compressed = gzipSync("text ".repeat(100));
  assert.deepEqual([isStored(compressed), beginsStored(compressed)], [false, false]);
  const level0 = gzipSync(noise(100), { level: 0 });
  assert.deepEqual([isStored(level0), beginsStored(level0)], [false, true]);
  assert.equal(isStored(Buffer.alloc(3)), false);
});
