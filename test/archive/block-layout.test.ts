import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import {
  bytesSegment,
  concat,
  gunzipStored,
  gzipStored,
  isStored,
  type Origin,
  type Segment,
  slice,
  storedContent,
  tar,
} from "../../lib/archive/index.ts";
import { findProgram } from "../real/programs.ts";
import { collect, contentOf, inChunks, noise } from "./bytes.ts";

const part = (bytes: Uint8Array, origin?: Origin): Segment => ({
  ...bytesSegment(bytes),
  parts: [{ at: 0, size: bytes.byteLength, origin }],
});

/** Pieces of content, some of which are parts. */
const anyPieces = fc.array(
  fc.record({ size: fc.oneof(fc.nat(300), fc.constantFrom(65_534, 65_535, 65_536, 131_070)), isPart: fc.boolean() }),
  { minLength: 1, maxLength: 6 },
);

test("content with parts comes out of gzip as it went in, as a whole, as a stream and in any range", async () => {
  await fc.assert(
    fc.asyncProperty(anyPieces, fc.nat(), fc.nat(), async (pieces, a, b) => {
      const bytes = pieces.map(({ size }, index) => noise(size, index + 1));
      const content = Buffer.concat(bytes);
      const segments = pieces.map(({ isPart }, index) => (isPart ? part : bytesSegment)(bytes[index]!));
      const gzip = gzipStored(concat(segments));
      const file = await contentOf(gzip);
      assert.equal(file.byteLength, gzip.size);
      assert.ok(isStored(file));
      assert.deepEqual(gunzipSync(file), content);
      assert.deepEqual(await collect(gunzipStored(inChunks(file, 10_007))), content);
      const [start = 0, end = 0] = [a, b].map((at) => at % (content.byteLength + 1)).sort((x, y) => x - y);
      for (const runs of [gzip.runs, undefined]) {
        const read = await storedContent(bytesSegment(file), runs);
        assert.equal(read.size, content.byteLength);
        assert.deepEqual(await collect(read.read(start, end)), content.subarray(start, end));
      }
    }),
    { numRuns: 60 },
  );
});

test("a part has the same bytes wherever it lies, and is found again where it lies", async () => {
  const bytes = noise(200_000, 7);
  const framed = await Promise.all(
    [1, 512, 65_535, 100_000].map(async (before) => {
      const gzip = gzipStored(concat([bytesSegment(noise(before)), part(bytes), bytesSegment(noise(1024))]));
      const file = await contentOf(gzip);
      const stored: Segment = {
        ...bytesSegment(file),
        origin: (start) => ({ url: "u", version: "v", start, form: "plain" }),
      };
      const content = await storedContent(stored, gzip.runs);
      const { start = 0, ...origin } = content.origin?.(before, before + bytes.byteLength) ?? {};
      assert.deepEqual(origin, { url: "u", version: "v", form: "framed" });
      assert.equal(content.origin?.(before, before + 100), undefined);
      return file.subarray(start, start + bytes.byteLength + 4 * 5);
    }),
  );
  for (const each of framed) assert.ok(each.equals(framed[0]!));
});

test("a part whose frame is stored already is a plain part of the gzip file, and others are not", async () => {
  const origin = { url: "u", version: "v", start: 4711 } as const;
  const [own, plain] = [
    part(noise(70_000), { ...origin, form: "framed" }),
    part(noise(70_000), { ...origin, form: "plain" }),
  ];
  const gzip = gzipStored(concat([bytesSegment(noise(512)), own, plain, bytesSegment(noise(1024))]));
  const { length, 0: first, 1: second } = gzip.parts!;
  assert.deepEqual([length, first?.origin, second?.origin], [2, { ...origin, form: "plain" }, undefined]);
  const file = await contentOf(gzip);
  const alone = await contentOf(gzipStored(concat([part(noise(70_000)), bytesSegment(noise(1))])));
  const place = alone.indexOf(noise(70_000).subarray(0, 1000)) - 5;
  assert.deepEqual(file.subarray(first!.at, first!.at + first!.size), alone.subarray(place, place + first!.size));
});

test("a part at the very end is none: its last block says that nothing follows", () => {
  assert.deepEqual(gzipStored(part(noise(100))).parts, []);
});

test("runs that do not fit the file are found anew", async () => {
  const content = concat([bytesSegment(noise(700)), part(noise(90_000)), bytesSegment(noise(300))]);
  const gzip = gzipStored(content);
  const file = bytesSegment(await contentOf(gzip));
  for (const runs of [gzip.runs, undefined, [], [91_000], [700, 90_000, 301], [1, 2, 3]]) {
    assert.deepEqual(await contentOf(await storedContent(file, runs)), await contentOf(content));
  }
  for (const cut of [9, 40, 500, 70_000]) {
    const short = bytesSegment((await contentOf(gzip)).subarray(0, -cut));
    await assert.rejects(storedContent(short), { code: "ARCHIVE_INVALID" });
  }
});

test("content of many gigabytes is found at its place, and its size is told as gzip does", async () => {
  const size = 9 * 2 ** 30 + 1;
  /** Each eight bytes say where they lie. */
  const numbered = (from: number, bytes: number): Segment => ({
    size: bytes,
    async *read(start, end) {
      for (let at = start; at < end; ) {
        const word = Buffer.alloc(8);
        word.writeBigUInt64LE(BigInt(Math.floor((from + at) / 8)));
        const piece = word.subarray((from + at) % 8, Math.min(8, ((from + at) % 8) + end - at));
        at += piece.byteLength;
        yield piece;
      }
    },
  });
  const large = { ...numbered(512, size), parts: [{ at: 0, size }] };
  const content = concat([numbered(0, 512), large, numbered(512 + size, 1024)]);
  const gzip = gzipStored(content);
  assert.equal(gzip.size, 10 + 8 + size + 1536 + 5 * (2 + Math.ceil(size / 65_535)));
  const read = await storedContent(gzip, gzip.runs);
  assert.equal(read.size, size + 1536);
  for (const at of [0, 500, 2 ** 32 - 100, 2 ** 32, 2 ** 33 + 65_500, 2 ** 33 + 7, size + 400, size + 1336]) {
    assert.deepEqual(
      await collect(read.read(at, at + 200)),
      await collect(numbered(0, size + 1536).read(at, at + 200)),
    );
  }
});

test("a slice keeps the parts that lie in it, and of stored ones what lies in it", () => {
  const origin = { url: "u", version: "v", start: 100 } as const;
  const whole = concat([
    bytesSegment(noise(10)),
    part(noise(20), { ...origin, form: "plain" }),
    part(noise(20), { ...origin, form: "framed" }),
  ]);
  assert.deepEqual(slice(whole, 15, 45).parts, [
    { at: 0, size: 15, origin: { ...origin, start: 105, form: "plain" } },
    { at: 15, size: 15, origin: undefined },
  ]);
  assert.deepEqual(slice(whole, 30, 50).parts, [{ at: 0, size: 20, origin: { ...origin, form: "framed" } }]);
});

for (const [program, args] of [
  ["gzip", ["-dc"]],
  ["busybox", ["gzip", "-dc"]],
  ["tar", ["-xzOf", "-"]],
  ["bsdtar", ["-xOf", "-"]],
  [
    "python3",
    [
      "-c",
      "import sys,tarfile\nfor m in (t:=tarfile.open(fileobj=sys.stdin.buffer,mode='r|gz')): sys.stdout.buffer.write(t.extractfile(m).read())",
    ],
  ],
] as const) {
  const skip = findProgram(program) === undefined ? { skip: `needs ${program}` } : {};
  test(`${program} reads gzip whose blocks are of many lengths`, skip, async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-parts-"));
    const bytes = noise(300_000);
    const content = tar([{ type: "file", path: "large", content: part(bytes) }]);
    const file = join(directory.path, "file.tar.gz");
    await writeFile(file, await contentOf(gzipStored(content)));
    const out = execFileSync(program, args, { input: await readFile(file), maxBuffer: 1e7 });
    assert.ok(out.equals(args.at(-1) === "-dc" ? await contentOf(content) : bytes));
  });
}
