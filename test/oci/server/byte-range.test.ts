import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseChunkRange, parseRange } from "../../../lib/oci/server/byte-range.ts";

test("a range names the bytes that RFC 9110 says", () => {
  assert.deepEqual(parseRange("bytes=0-499", 10_000), { start: 0, end: 499 });
  assert.deepEqual(parseRange("bytes=9500-", 10_000), { start: 9500, end: 9999 });
  assert.deepEqual(parseRange("bytes=-500", 10_000), { start: 9500, end: 9999 });
  assert.deepEqual(parseRange("bytes=-20000", 10_000), { start: 0, end: 9999 });
  assert.deepEqual(parseRange("bytes=9000-20000", 10_000), { start: 9000, end: 9999 });
});

test("a range that begins behind the content, or is empty, cannot be satisfied", () => {
  for (const header of ["bytes=10-", "bytes=10-20", "bytes=-0"]) assert.equal(parseRange(header, 10), "unsatisfiable");
  assert.equal(parseRange("bytes=0-", 0), "unsatisfiable");
});

test("what is not one range of bytes asks for the whole", () => {
  for (const header of [undefined, "", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=1"]) {
    assert.equal(parseRange(header, 10), undefined, header);
  }
});

test("whatever the header, a range lies within the content", () => {
  const bound = fc.option(fc.nat(50), { nil: undefined });
  fc.assert(
    fc.property(bound, bound, fc.nat(40), (first, last, size) => {
      const range = parseRange(`bytes=${first ?? ""}-${last ?? ""}`, size);
      if (range === undefined || range === "unsatisfiable") return;
      assert.ok(range.start >= 0 && range.start <= range.end && range.end < size);
      if (first !== undefined) assert.equal(range.start, first);
    }),
  );
});

test("the range of a chunk has neither unit nor total", () => {
  assert.deepEqual(parseChunkRange("0-0"), { start: 0, end: 0 });
  assert.deepEqual(parseChunkRange("10-19"), { start: 10, end: 19 });
  for (const header of ["", "0", "5-4", "bytes 0-4", "bytes=0-4", "0-4/5", "0-", "-4", "0-4\n", "a-b"]) {
    assert.equal(parseChunkRange(header), undefined, header);
  }
});
