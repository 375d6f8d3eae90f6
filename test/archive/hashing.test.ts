import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { concat, hashing, late } from "../../lib/archive/index.ts";
import { brokenOnce, collect, contentOf, noise, recorded } from "./bytes.ts";

const content = noise(10_000);
const expected = createHash("sha256").update(content).digest("hex");

test("one read from front to end hashes as it goes", async () => {
  const source = recorded(content);
  const hashed = hashing(source);
  assert.deepEqual(await contentOf(hashed), content);
  assert.equal(await hashed.sha256(), expected);
  assert.equal(await hashed.sha256(), expected);
  assert.equal(source.reads.length, 1);
});

test("parts that follow each other are hashed once, also when one comes again", async () => {
  const source = recorded(content);
  const hashed = hashing(source);
  for (const [start, end] of [
    [0, 3000],
    [1000, 2000],
    [0, 4000],
    [4000, 9000],
    [8500, 10_000],
  ] as const) {
    assert.deepEqual(await collect(hashed.read(start, end)), content.subarray(start, end));
  }
  assert.equal(await hashed.sha256(), expected);
  assert.equal(source.reads.length, 5);
});

test("reads at the same time do not hash a byte twice", async () => {
  const hashed = hashing(recorded(content, 700));
  await Promise.all([contentOf(hashed), contentOf(hashed), collect(hashed.read(2000, 10_000)), hashed.sha256()]);
  assert.equal(await hashed.sha256(), expected);
});

test("what a failed read gave is not part of the digest", async () => {
  const broken = new Error("digest mismatch");
  const hashed = hashing(brokenOnce(recorded(content), broken));
  await assert.rejects(contentOf(hashed), broken);
  assert.deepEqual(await contentOf(hashed), content);
  assert.equal(await hashed.sha256(), expected);
});

test("what was not hashed is read for the digest", async () => {
  const source = recorded(content);
  const hashed = hashing(source);
  await collect(hashed.read(0, 2000));
  await collect(hashed.read(5000, 10_000));
  assert.equal(await hashed.sha256(), expected);
  assert.deepEqual(source.reads.at(-1), [2000, 5000]);
});

test("an empty segment has the digest of nothing", async () => {
  assert.equal(await hashing(recorded(Buffer.alloc(0))).sha256(), createHash("sha256").digest("hex"));
});

test("a late segment can hold the digest of the one before it", async () => {
  const hashed = hashing(recorded(content));
  const sums = late(65, async (signal) => Buffer.from(`${await hashed.sha256(signal)}\n`));
  const whole = concat([hashed, sums]);
  const expectedWhole = Buffer.concat([content, Buffer.from(`${expected}\n`)]);
  assert.deepEqual(await contentOf(whole), expectedWhole);
  assert.deepEqual(await collect(whole.read(10_010, 10_020)), expectedWhole.subarray(10_010, 10_020));
});

test("parts that are read at the same time are hashed once they are in turn, and read once", async () => {
  const source = recorded(content, 100);
  const hashed = hashing(source);
  const starts = [8000, 4000, 6000, 0, 2000];
  await Promise.all(starts.map((start) => collect(hashed.read(start, start + 2000))));
  assert.equal(await hashed.sha256(), expected);
  assert.equal(source.reads.length, starts.length);
});

test("the digest waits for reads that are under way, and does not read what they will have read", async () => {
  const source = recorded(content, 100);
  const hashed = hashing(source);
  const [digest] = await Promise.all([
    hashed.sha256(),
    collect(hashed.read(0, 5000)),
    collect(hashed.read(5000, 10_000)),
  ]);
  assert.equal(digest, expected);
  // asked for first, the digest reads what nobody reads yet
  assert.ok(source.reads.length <= 3);
  const late = hashing(recorded(content, 100));
  const parts = [collect(late.read(0, 5000)), collect(late.read(5000, 10_000))];
  assert.equal(await late.sha256(), expected);
  await Promise.all(parts);
});

test("parts that came too early for what is kept are read for the digest", async () => {
  const size = 60 * 1024 * 1024;
  const zeros = {
    size,
    read: async function* (start: number, end: number) {
      for (let at = start; at < end; at += 65_536) yield Buffer.alloc(Math.min(65_536, end - at));
    },
  };
  const hashed = hashing(zeros);
  for await (const _ of hashed.read(1, size));
  assert.equal(await hashed.sha256(), createHash("sha256").update(Buffer.alloc(size)).digest("hex"));
});
