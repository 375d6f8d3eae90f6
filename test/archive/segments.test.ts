import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesSegment, concat, late, type Segment } from "../../lib/archive/index.ts";
import { collect, contentOf, cuts, inChunks, noise } from "./bytes.ts";

const damaged = (message: string) => ({ name: "RejectedError", code: "ARCHIVE_INVALID", message });

test("any range of segments in a row is that range of their bytes in a row", async () => {
  const anyParts = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(anyParts, fc.nat(), fc.nat(), async (parts, one, other) => {
      const whole = Buffer.concat(parts);
      const segment = concat(parts.map(bytesSegment));
      assert.equal(segment.size, whole.byteLength);
      const [start, end] = [one % (whole.byteLength + 1), other % (whole.byteLength + 1)].toSorted((a, b) => a - b);
      assert.deepEqual(await collect(segment.read(start!, end!)), whole.subarray(start, end));
    }),
  );
});

test("rows of rows are rows, and their parts join to the whole", async () => {
  const bytes = noise(3000);
  const part = (start: number, end: number): Segment => bytesSegment(bytes.subarray(start, end));
  const segment = concat([part(0, 5), concat([part(5, 5), part(5, 1200)]), concat([]), part(1200, 3000)]);
  await fc.assert(
    fc.asyncProperty(cuts(3000), async (ranges) => {
      const pieces = await Promise.all(ranges.map(([start, end]) => collect(segment.read(start, end))));
      assert.deepEqual(Buffer.concat(pieces), bytes);
    }),
    { numRuns: 30 },
  );
});

test("only the segments that a range touches are read", async () => {
  const untouched: Segment = { size: 10, read: () => assert.fail("read a part outside of the range") };
  const segment = concat([untouched, bytesSegment(Buffer.from("0123456789")), untouched]);
  assert.equal((await collect(segment.read(10, 20))).toString(), "0123456789");
  assert.equal((await collect(segment.read(12, 15))).toString(), "234");
  assert.equal((await collect(segment.read(10, 10))).toString(), "");
  assert.equal((await collect(segment.read(30, 30))).toString(), "");
});

test("a segment that is not as long as it promises is named, and nothing follows it", async () => {
  const liar = (size: number): Segment => ({ name: "liar", size, read: () => inChunks(Buffer.from("four"), 3) });
  const never: Segment = { size: 1, read: () => assert.fail("went on after a wrong part") };
  const short = concat([bytesSegment(Buffer.from("ab")), liar(5), never]);
  await assert.rejects(contentOf(short), damaged('Cannot archive "liar": it gave 4 instead of 5 bytes'));
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const chunk of concat([liar(3), never]).read(0, 4)) seen.push(chunk.byteLength);
  }, damaged('Cannot archive "liar": it gave more instead of 3 bytes'));
  assert.deepEqual(seen, [3]);
});

test("a range outside of a segment is a bug of the caller", async () => {
  for (const segment of [
    bytesSegment(Buffer.alloc(5)),
    concat([bytesSegment(Buffer.alloc(5))]),
    late(5, () => Buffer.alloc(5)),
  ]) {
    for (const [start, end] of [
      [-1, 2],
      [3, 2],
      [0, 6],
      [0.5, 2],
      [0, Number.NaN],
    ] as const) {
      await assert.rejects(collect(segment.read(start, end)), RangeError);
    }
  }
});

test("a late segment is asked for when it is read, and only then", async () => {
  let known: string | undefined;
  const segment = concat([
    bytesSegment(Buffer.from("sum: ")),
    late(4, async () => {
      if (known === undefined) throw new Error("not known yet");
      return Buffer.from(known);
    }),
  ]);
  assert.equal(segment.size, 9);
  assert.equal((await collect(segment.read(0, 5))).toString(), "sum: ");
  await assert.rejects(contentOf(segment), /not known yet/);
  known = "1234";
  assert.equal((await contentOf(segment)).toString(), "sum: 1234");
  assert.equal((await collect(segment.read(6, 8))).toString(), "23");
  known = "12345";
  await assert.rejects(contentOf(segment), damaged('Cannot archive "late part": it gave 5 instead of 4 bytes'));
});

test("reading stops when it is told to", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const segment = concat([bytesSegment(Buffer.from("a")), bytesSegment(Buffer.from("b"))]);
  const iterator = segment.read(0, 2, controller.signal)[Symbol.asyncIterator]();
  await iterator.next();
  controller.abort(reason);
  await assert.rejects(async () => iterator.next(), reason);
});
