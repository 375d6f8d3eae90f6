import assert from "node:assert/strict";
import { type FileHandle, mkdtempDisposable, open, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { FileWriter } from "../../lib/store/file-writer.ts";

/** A file on a system that writes as many bytes at once as it likes, as a full pipe or an interrupt would make it. */
function reluctant(limit: number): { readonly handle: FileHandle; readonly written: () => Buffer } {
  let written = Buffer.alloc(0);
  const handle = {
    async write(bytes: Uint8Array, offset: number, length: number, position: number) {
      assert.equal(position, written.byteLength);
      const taken = bytes.subarray(offset, offset + Math.min(limit, length));
      written = Buffer.concat([written, taken]);
      return { bytesWritten: taken.byteLength, buffer: bytes };
    },
    async sync() {},
    async datasync() {},
  };
  return { handle: handle as unknown as FileHandle, written: () => written };
}

const anyChunks = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 200 });

test("chunks of any size, however few bytes the system takes at once, become one file", async () => {
  await fc.assert(
    fc.asyncProperty(anyChunks, fc.integer({ min: 1, max: 200 }), async (chunks, limit) => {
      const { handle, written } = reluctant(limit);
      const writer = new FileWriter(handle);
      for (const chunk of chunks) await writer.write(chunk);
      await writer.finish();
      assert.deepEqual(written(), Buffer.concat(chunks));
    }),
    { numRuns: 50 },
  );
});

test("a file of many megabytes is the same on the disk", async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-writer-"));
  const path = join(directory.path, "file");
  const chunks = Array.from({ length: 700 }, (_, index) => Buffer.alloc(100_000 + index, index));
  await using handle = await open(path, "wx");
  const writer = new FileWriter(handle);
  for (const chunk of chunks) await writer.write(chunk);
  await writer.finish();
  assert.ok((await readFile(path)).equals(Buffer.concat(chunks)));
});

test("what could not be written is told by the next call, and by the end", async () => {
  for (const fault of ["write", "datasync"] as const) {
    const { handle } = reluctant(Number.POSITIVE_INFINITY);
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    Object.assign(handle, { [fault]: () => Promise.reject(full) });
    const writer = new FileWriter(handle);
    const writing = (async () => {
      for (let chunk = 0; chunk < 40; chunk++) await writer.write(Buffer.alloc(1024 * 1024));
      await writer.finish();
    })();
    await assert.rejects(writing, full);
    await writer.settle();
  }
});
