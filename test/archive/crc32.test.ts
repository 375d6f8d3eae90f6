import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { joinCrc32 } from "../../lib/archive/crc32.ts";

test("the CRC of two texts in a row is joined from theirs", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (first, second) => {
      assert.equal(joinCrc32(crc32(first), crc32(second), second.byteLength), crc32(Buffer.concat([first, second])));
    }),
  );
});

test("texts longer than 32 bits count join as well", () => {
  // Zeros behind a text, doubled up to 4 GiB: all at once, or 4 GiB twice, must come to the same.
  let zeros = crc32(new Uint8Array(1));
  for (let size = 1; size < 2 ** 32; size *= 2) zeros = joinCrc32(zeros, zeros, size);
  const twice = joinCrc32(zeros, zeros, 2 ** 32);
  const text = crc32("text");
  assert.equal(joinCrc32(text, twice, 2 ** 33), joinCrc32(joinCrc32(text, zeros, 2 ** 32), zeros, 2 ** 32));
});
