import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { link, mkdir, mkdtempDisposable, readFile, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type FoundEntry, type ReadLimits, type Segment, scanTar, tar } from "../../lib/archive/index.ts";
import { requiring } from "../real/programs.ts";
import { collect, contentOf, noise, recorded } from "./bytes.ts";
import { anyEntries, asRead, toEntry } from "./entries.ts";
import { archived, damaged, hostile, pax, raw, refused, spoiled } from "./raw.ts";

const wide: ReadLimits = { entries: 10_000, bytes: 100_000_000, links: "inside" };

async function scan(archive: Uint8Array, limits = wide, chunkSize?: number) {
  const segment = recorded(archive, chunkSize);
  const found: (Omit<FoundEntry, "offset"> & { readonly content: string })[] = [];
  for await (const { offset, ...entry } of scanTar(segment, limits)) {
    assert.ok(offset + entry.size <= archive.byteLength, `${entry.path} lies outside`);
    found.push({ ...entry, content: Buffer.from(archive.subarray(offset, offset + entry.size)).toString() });
  }
  for (const [start, end] of segment.reads)
    assert.ok(start < end && end <= archive.byteLength, `read ${start}, ${end}`);
  return found;
}

const contents = async (archive: Uint8Array): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await scan(archive)).filter(({ type }) => type === "file").map(({ path, content }) => [path, content]),
  );

test("what is written is found where it lies", async () => {
  await fc.assert(
    fc.asyncProperty(anyEntries, fc.integer({ min: 1, max: 1500 }), async (entries, chunkSize) => {
      const archive = await contentOf(tar(entries.map(toEntry)));
      const expected = entries.map(asRead);
      assert.deepEqual(await scan(archive, wide, chunkSize), expected);
    }),
    { numRuns: 60 },
  );
});

test("content is passed over, however large it is", async () => {
  const size = 3 * 2 ** 40;
  const content: Segment = { size, read: () => assert.fail("the content was read") };
  const archive = tar([
    { type: "file", path: "large", content },
    { type: "file", path: "x".repeat(150), content: { ...content, size: 0 } },
  ]);
  const found = await Array.fromAsync(scanTar(archive, { entries: 2, bytes: size }));
  assert.deepEqual(
    found.map(({ path, offset, size }) => [path, offset, size]),
    [
      ["large", 512, size],
      ["x".repeat(150), 512 + size + 3 * 512, 0],
    ],
  );
});

test("names come from ustar's prefix, GNU and PAX, each for the next entry only; sizes in every form", async () => {
  const long = `${"d".repeat(150)}/f`;
  const archive = archived(
    { flag: "5", path: "./" },
    { flag: "L", path: "././@LongLink", content: `${long}\0` },
    { path: "cut off", content: "1" },
    { path: "./plain", content: "2" },
    { flag: "x", content: pax("path=other name") },
    { path: "cut off", content: "3" },
    { flag: "x", content: pax("size=3") },
    { path: "sized", content: "abc", size: 0 },
    { flag: "g", content: pax("comment=whatever") },
    { path: "last", content: "4" },
  );
  const expected = { [long]: "1", plain: "2", "other name": "3", sized: "abc", last: "4" };
  assert.deepEqual(await contents(archive), expected);
  assert.deepEqual(await contents(spoiled(345, Buffer.from("some/prefix"), { path: "name", content: "x" })), {
    "some/prefix/name": "x",
  });
  const binary = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
  assert.deepEqual(await contents(spoiled(124, binary, { path: "a", content: "hello" })), { a: "hello" });
});

for (const [name, [archive, why]] of Object.entries(hostile)) {
  test(`${name} is refused when it is scanned`, async () => {
    await assert.rejects(scan(archive), refused(why));
    await assert.rejects(scan(archive, wide, 100), refused(why));
  });
}

test("limits hold for entries and bytes, and links are refused unless they are asked for", async () => {
  const archive = archived({ path: "a", content: "12" }, { path: "b", content: "345" });
  await assert.rejects(scan(archive, { entries: 1, bytes: 5 }), refused(/more than 1 entries/));
  await assert.rejects(scan(archive, { entries: 2, bytes: 4 }), refused(/more than 4 bytes/));
  const linked = archived({ path: "a" }, { flag: "2", path: "b", target: "a" });
  await assert.rejects(scan(linked, { entries: 2, bytes: 4 }), refused(/links are not allowed/));
  assert.deepEqual(
    (await scan(linked)).map(({ type, target }) => [type, target]),
    [
      ["file", ""],
      ["symlink", "a"],
    ],
  );
});

test("an archive without end is read no further than the limit", async () => {
  let reads = 0;
  const endless: Segment = {
    size: Number.MAX_SAFE_INTEGER,
    async *read() {
      reads += 1;
      yield raw({ path: `${reads}` });
    },
  };
  await assert.rejects(collect(paths(endless)), refused(/more than 10000 entries/));
  assert.equal(reads, 10_001);

  async function* paths(archive: Segment) {
    for await (const { path } of scanTar(archive, wide)) yield Buffer.from(path);
  }
});

test("a scan ends when it is aborted, and what the segment throws passes as it is", async () => {
  const archive = archived({ path: "a" });
  const aborted = scanTar(recorded(archive), wide, AbortSignal.abort());
  await assert.rejects(aborted.next(), { name: "AbortError" });
  const broken = new Error("disk lost");
  const read = (): never => {
    throw broken;
  };
  await assert.rejects(scanTar({ size: 2048, read }, wide).next(), broken);
});

test("an archive that is cut off anywhere is refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyEntries,
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      async (entries, part) => {
        const whole = await contentOf(tar(entries.map(toEntry)));
        await assert.rejects(scan(whole.subarray(0, Math.floor(whole.byteLength * part))), refused(/cut short/));
      },
    ),
  );
});

test("changed bytes never lead beyond the archive, and fail in no other way", async () => {
  const good = archived({ flag: "x", content: pax("path=p") }, { content: "12" }, { flag: "5", path: "c" });
  await fc.assert(
    fc.asyncProperty(damaged(good), async (archive) => {
      await scan(archive).catch(refused(/^Cannot read archive: /));
    }),
    { numRuns: 300 },
  );
  // under a right checksum every field is looked at
  await fc.assert(
    fc.asyncProperty(fc.nat(511), fc.uint8Array({ minLength: 1, maxLength: 12 }), async (offset, bytes) => {
      const field = bytes.subarray(0, 512 - offset);
      await scan(spoiled(offset, field, { path: "a", content: noise(700).toString("latin1") })).catch(
        refused(/^Cannot read archive: /),
      );
    }),
    { numRuns: 300 },
  );
});

const formats = [
  ["tar", "gnu"],
  ["tar", "ustar"],
  ["tar", "posix"],
  ["tar", "v7"],
  ["bsdtar", "gnutar"],
  ["bsdtar", "pax"],
  ["bsdtar", "ustar"],
] as const;
for (const [program, format] of formats) {
  test(`what ${program} writes as ${format} is found`, requiring(program), async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-archive-"));
    const root = join(directory.path, "root");
    const expected: Record<string, string> = { a: "1", "d/b": "22", "d/e/c": "x".repeat(5000) };
    if (format !== "v7" && format !== "ustar") {
      expected[`d/${"long".repeat(40)}`] = "long";
      expected["d/grün"] = "green";
    }
    await mkdir(join(root, "d", "e"), { recursive: true });
    for (const [name, content] of Object.entries(expected)) await writeFile(join(root, name), content);
    execFileSync(program, ["--format", format, "-cf", join(directory.path, "a.tar"), "-C", root, "."]);
    assert.deepEqual(await contents(await readFile(join(directory.path, "a.tar"))), expected);
  });
}

test("links that tar wrote are refused unless they are asked for", requiring("tar"), async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-archive-"));
  await writeFile(join(directory.path, "a"), "x");
  await symlink("a", join(directory.path, "soft"));
  await link(join(directory.path, "a"), join(directory.path, "z"));
  for (const names of [["soft"], ["a", "z"]]) {
    const archive = execFileSync("tar", ["-cf", "-", "-C", directory.path, ...names]);
    await assert.rejects(scan(archive, { ...wide, links: "refuse" }), refused(/links are not allowed/));
    assert.equal((await scan(archive)).at(-1)?.target, "a");
  }
});
