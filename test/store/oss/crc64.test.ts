import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crc64, joinCrc64 } from "../../../lib/store/oss/crc64.ts";
import { crc64Xz } from "../../fakes/object-service/bucket.ts";

test("the sum of the check text is the published one", () => {
  assert.equal(BigInt(crc64(Buffer.from("123456789"))).toString(16), "995dc9bbdf1939fa");
  assert.equal(crc64(new Uint8Array()), "0");
});

test("sums are those of the definition, for bytes of any length", () => {
  const anyBytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(fc.property(anyBytes, (bytes) => assert.equal(crc64(bytes), String(crc64Xz(bytes)))));
});

test("sums of parts join to the sum of the whole", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (parts) => {
      const joined = joinCrc64(parts.map((part) => ({ sum: crc64(part), size: part.byteLength })));
      assert.equal(joined, crc64(Buffer.concat(parts)));
    }),
  );
});
