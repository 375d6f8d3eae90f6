import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { inChunksOf } from "../../../lib/store/objects/stream-parts.ts";

async function* streamed(chunks: readonly Uint8Array[]) {
  const reused = Buffer.alloc(100);
  for (const chunk of chunks) {
    reused.set(chunk);
    yield reused.subarray(0, chunk.byteLength);
  }
}

test("a stream comes in full parts and a last one, whatever its chunks are", async () => {
  const anyChunks = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(anyChunks, fc.integer({ min: 1, max: 50 }), async (chunks, size) => {
      const parts = await Array.fromAsync(inChunksOf(streamed(chunks), size));
      const whole = Buffer.concat(chunks);
      assert.deepEqual(Buffer.concat(parts.map(({ bytes }) => bytes)), whole);
      if (whole.byteLength <= 1000 * size) assert.equal(parts.length, Math.ceil(whole.byteLength / size));
      for (const [index, { bytes, isLast }] of parts.entries()) {
        assert.equal(isLast, index === parts.length - 1);
        if (!isLast) assert.ok(bytes.byteLength >= size);
      }
    }),
  );
});

test("parts grow, so that ten thousand of them hold a thousand times as much", async () => {
  const chunk = new Uint8Array(100);
  const parts = await Array.fromAsync(inChunksOf(streamed(Array(70).fill(chunk)), 1), ({ bytes }) => bytes.byteLength);
  assert.deepEqual(
    [parts[0], parts[999], parts[1000], parts[1999], parts[2000], parts[3000]],
    [1, 1, 2, 2, 4, undefined],
  );
});
