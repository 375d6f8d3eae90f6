import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { bytesSegment, gzipStored, type Segment } from "../../lib/archive/index.ts";
import { requiring } from "../real/programs.ts";
import { brokenOnce, collect, contentOf, cuts, inChunks, noise, recorded } from "./bytes.ts";

const block = 65_535;
const edges = [0, 1, block - 1, block, block + 1, 2 * block - 1, 2 * block, 2 * block + 1, 5 * block];

test("gzip of any size inflates to what went in, and has the size it promised", async () => {
  for (const size of edges) {
    const bytes = noise(size, size + 1);
    const gzip = gzipStored(recorded(bytes, 10_000));
    const written = await contentOf(gzip);
    assert.equal(written.byteLength, gzip.size);
    assert.deepEqual(gunzipSync(written), bytes);
  }
});

test("the real gzip finds nothing wrong", requiring("gzip"), async () => {
  for (const size of edges) {
    const bytes = noise(size);
    assert.deepEqual(execFileSync("gzip", ["-dc"], { input: await contentOf(gzipStored(bytesSegment(bytes))) }), bytes);
  }
});

test("parts of any cut, read in any order, join to the whole", async () => {
  const content = noise(3 * block + 100);
  const whole = await contentOf(gzipStored(bytesSegment(content)));
  await fc.assert(
    fc.asyncProperty(cuts(whole.byteLength), fc.infiniteStream(fc.nat()), async (ranges, order) => {
      const gzip = gzipStored(recorded(content, 50_000));
      const pieces = new Map<number, Buffer>();
      const shuffled = ranges.map((range) => ({ range, at: order.next().value! })).toSorted((a, b) => a.at - b.at);
      for (const { range } of shuffled) pieces.set(ranges.indexOf(range), await collect(gzip.read(...range)));
      assert.deepEqual(Buffer.concat(ranges.map((_, index) => pieces.get(index)!)), whole);
    }),
    { numRuns: 40 },
  );
});

test("every cut around the headers of its blocks is right", async () => {
  const content = noise(2 * block + 10);
  const whole = await contentOf(gzipStored(bytesSegment(content)));
  const gzip = gzipStored(bytesSegment(content));
  const secondBlock = 10 + 5 + block;
  const places = [
    0,
    9,
    10,
    11,
    14,
    15,
    16,
    whole.byteLength - 9,
    whole.byteLength - 8,
    whole.byteLength - 1,
    whole.byteLength,
  ];
  for (let at = secondBlock - 2; at <= secondBlock + 7; at++) places.push(at);
  for (const start of places) {
    for (const end of places.filter((end) => end >= start)) {
      assert.deepEqual(await collect(gzip.read(start, end)), whole.subarray(start, end), `${start} to ${end}`);
    }
  }
});

test("the trailer costs nothing once everything was read, whatever the parts and their order", async () => {
  const content = noise(4 * block);
  const whole = await contentOf(gzipStored(bytesSegment(content)));
  const source = recorded(content);
  const gzip = gzipStored(source);
  const trailer = gzip.size - 8;
  const part = 100_000;
  const parts = [2, 0, 1].map((index): [number, number] => [index * part, Math.min(trailer, (index + 1) * part)]);
  await Promise.all(parts.map((range) => collect(gzip.read(...range))));
  const before = source.reads.length;
  assert.deepEqual(await collect(gzip.read(trailer, gzip.size)), whole.subarray(trailer));
  assert.equal(source.reads.length, before);
});

test("the trailer reads what nobody has read, and no more", async () => {
  const content = noise(4 * block);
  const whole = await contentOf(gzipStored(bytesSegment(content)));
  const source = recorded(content);
  const gzip = gzipStored(source);
  await collect(gzip.read(15 + 1000, 15 + 2000));
  await collect(gzip.read(15 + 3000, 15 + 60_000));
  for await (const _ of gzip.read(15 + 5000, 15 + 90_000)) break;
  source.reads.length = 0;
  const trailer = (): Promise<Buffer> => collect(gzip.read(gzip.size - 8, gzip.size));
  assert.deepEqual(await trailer(), whole.subarray(-8));
  const gaps = [
    [0, 1000],
    [2000, 3000],
    [60_000, 4 * block],
  ];
  assert.deepEqual(source.reads, gaps);
  await trailer();
  assert.equal(source.reads.length, 3);
});

test("what a failed read gave is not part of the CRC", async () => {
  const content = noise(block + 10);
  const broken = new Error("digest mismatch");
  const gzip = gzipStored(brokenOnce(bytesSegment(content), broken));
  await assert.rejects(contentOf(gzip), broken);
  assert.deepEqual(gunzipSync(await contentOf(gzip)), content);
});

test("the size field counts modulo 2^32", async () => {
  const chunk = Buffer.alloc(1024 * 1024);
  const size = 2 ** 32 + 5;
  const zeros: Segment = {
    size,
    async *read(start, end) {
      for (let at = start; at < end; at += chunk.byteLength)
        yield chunk.subarray(0, Math.min(chunk.byteLength, end - at));
    },
  };
  const gzip = gzipStored(zeros);
  const trailer = await collect(gzip.read(gzip.size - 8, gzip.size));
  assert.equal(trailer.readUInt32LE(4), 5);
});

test("content that is not as long as it promises breaks the read", async () => {
  const lying: Segment = { size: 100, read: () => inChunks(Buffer.alloc(99)) };
  await assert.rejects(contentOf(gzipStored(lying)), { code: "ARCHIVE_INVALID" });
});
