import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { link, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { RejectedError } from "../../lib/errors.ts";
import { arrange, type FileEntry, tarOf } from "../../lib/oci/layer-tar.ts";
import { scanTar } from "../../lib/oci/tar-entries.ts";
import { encodeHeader } from "../../lib/oci/tar-header.ts";
import { requiring } from "../real/programs.ts";
import { temporaryDirectory } from "./temporary.ts";

const run = promisify(execFile);

async function scan(tar: Uint8Array): Promise<Record<string, string>> {
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    assert.ok(start >= 0 && start <= end && end <= tar.byteLength, `read ${start} to ${end} of ${tar.byteLength}`);
    return tar.subarray(start, end);
  };
  const entries = await scanTar(read, tar.byteLength);
  const contents = [...entries.values()].map(({ path, offset, size }) => {
    assert.ok(offset + size <= tar.byteLength);
    return [path, Buffer.from(tar.subarray(offset, offset + size)).toString("latin1")] as const;
  });
  return Object.fromEntries(contents);
}

const isRefused = (error: unknown): boolean => error instanceof RejectedError && error.code === "ARCHIVE_INVALID";

const end = Buffer.alloc(1024);
const padded = (data: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(data);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.byteLength % 512)) % 512)]);
};
/** One entry: header and data. */
const entry = (name: string, data: string | Uint8Array = "", type = "0", size = Buffer.byteLength(data)): Buffer =>
  Buffer.concat([encodeHeader({ name, type, mode: 0o644, size, mtime: 0 }), padded(data)]);
const tar = (...entries: readonly Uint8Array[]): Buffer => Buffer.concat([...entries, end]);

/** Overwrite a header's bytes and make its checksum right again. */
function patched(whole: Buffer, at: number, bytes: Uint8Array): Buffer {
  const copy = Buffer.from(whole);
  copy.set(bytes, at);
  copy.fill(0x20, 148, 156);
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return copy;
}
const pax = (records: string, type = "x") => entry("pax", records, type);

suite("scanTar", () => {
  test("finds files, and takes ./ and directories as they are meant", async () => {
    const archive = tar(
      entry("./", "", "5"),
      entry("./a/", "", "5"),
      entry("./a/b", "hello"),
      entry("c", ""),
      entry("a/", "", "5"),
    );
    assert.deepEqual(await scan(archive), { "a/b": "hello", c: "" });
  });

  test("takes the name from ustar's prefix", async () => {
    const archive = tar(patched(entry("name", "x"), 345, Buffer.from("some/prefix")));
    assert.deepEqual(await scan(archive), { "some/prefix/name": "x" });
  });

  test("takes names of GNU, and names and sizes of pax, for the next entry only", async () => {
    const long = `${"d".repeat(150)}/f`;
    const archive = tar(
      entry("././@LongLink", `${long}\0`, "L"),
      entry("cut off", "1"),
      entry("plain", "2"),
      pax("19 path=other name\n"),
      entry("cut off", "3"),
      pax("10 size=3\n"),
      entry("sized", "abc", "0", 0),
      pax("20 comment=whatever\n", "g"),
      entry("last", "4"),
    );
    assert.deepEqual(await scan(archive), { [long]: "1", plain: "2", "other name": "3", sized: "abc", last: "4" });
  });

  test("reads GNU's binary sizes", async () => {
    const size = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert.deepEqual(await scan(tar(patched(entry("a", "hello"), 124, size))), { a: "hello" });
  });

  const refused: Readonly<Record<string, readonly [archive: Uint8Array, why: RegExp]>> = {
    nothing: [Buffer.alloc(0), /cut off/],
    "a tar without end": [entry("a", "hello"), /cut off/],
    "a tar with half an end": [Buffer.concat([entry("a", "hello"), Buffer.alloc(512)]), /does not end/],
    "an end that is none": [Buffer.concat([Buffer.alloc(512), entry("a"), end]), /does not end/],
    "data that is cut off": [entry("a", Buffer.alloc(2000)).subarray(0, 1024), /cut off/],
    "a header that is cut off": [Buffer.concat([entry("a"), entry("b").subarray(0, 100)]), /cut off/],
    "a size behind the end": [tar(entry("a", "hello", "0", 100_000)), /cut off/],
    "a size that is no number": [tar(patched(entry("a"), 124, Buffer.from("12345678x90\0"))), /size is not a number/],
    "a size that is negative": [tar(patched(entry("a"), 124, Buffer.alloc(12, 0xff))), /out of range/],
    "a damaged header": [tar(Buffer.from(entry("a")).fill("b", 0, 1)), /checksum/],
    "what is no tar": [Buffer.alloc(2048, "no tar "), /checksum/],
    "an absolute name": [tar(entry("/etc/passwd", "x")), /absolute/],
    "a name that leads out": [tar(entry("a/../../b", "x")), /leads out/],
    "a name that leads out, in pax": [tar(pax("13 path=../a\n"), entry("a")), /leads out/],
    "an absolute name of GNU": [tar(entry("L", "/etc/passwd\0", "L"), entry("a")), /absolute/],
    "an empty name": [tar(entry("", "x")), /empty/],
    "a name with a NUL": [tar(pax("12 path=a\0b\n"), entry("a")), /NUL/],
    "a symbolic link": [tar(entry("a", "", "2")), /link/],
    "a hard link": [tar(entry("a", "", "1")), /link/],
    "a device": [tar(entry("a", "", "3")), /type "3"/],
    "a pipe": [tar(entry("a", "", "6")), /type "6"/],
    "a sparse file of GNU": [tar(entry("a", "", "S")), /type "S"/],
    "a sparse file of pax": [tar(pax("22 GNU.sparse.major=1\n"), entry("a")), /sparse/],
    "a name given twice": [tar(entry("a", "1"), entry("./a", "2")), /twice/],
    "a name of both file and directory": [tar(entry("a", "1"), entry("a/", "", "5")), /both/],
    "a name of both directory and file": [tar(entry("a/", "", "5"), entry("a", "1")), /both/],
    "a file whose name ends as a directory's": [tar(entry("a/", "1")), /no name of a file/],
    "a name that is no UTF-8": [tar(patched(entry("a"), 0, Buffer.from([0xff, 0xfe]))), /UTF-8/],
    "a name for all entries": [tar(pax("9 path=a\n", "g"), entry("a")), /many entries/],
    "a pax record of a wrong length": [tar(pax("99 path=a\n"), entry("a")), /malformed/],
    "a pax record without length": [tar(pax("path=a\n"), entry("a")), /malformed/],
    "a pax record without key": [tar(pax("5 =a\n"), entry("a")), /malformed/],
    "a pax size that is no number": [tar(pax("11 size=-1\n"), entry("a")), /not a size/],
    "a huge extended header": [tar(entry("pax", Buffer.alloc(70_000), "x"), entry("a")), /70000 bytes/],
  };
  for (const [what, [archive, why]] of Object.entries(refused)) {
    test(`refuses ${what}`, () =>
      assert.rejects(scan(archive), (error) => isRefused(error) && why.test((error as Error).message)));
  }

  test("reads headers only, and no more than 100,000", async () => {
    let reads = 0;
    const endless = async (): Promise<Uint8Array> => {
      reads += 1;
      return entry(`${reads}`);
    };
    await assert.rejects(scanTar(endless, Number.MAX_SAFE_INTEGER), isRefused);
    assert.equal(reads, 100_001);
  });
});

/** Paths as tars have them: short, long, deep, not ASCII. */
const segment = fc.oneof(
  fc.stringMatching(/^[a-z0-9_-]{1,12}$/),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }).filter((text) => !/[/\0]|^\.{1,2}$|^\.wh\./.test(text)),
);
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join("/"));
const files = fc
  .uniqueArray(fc.record({ path, content: fc.uint8Array({ maxLength: 1500 }) }), {
    selector: (file) => file.path,
    maxLength: 6,
  })
  .filter((entries) => !entries.some(({ path }) => entries.some((other) => other.path.startsWith(`${path}/`))));

const tarOfFiles = async (entries: readonly FileEntry[]): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(tarOf(arrange(entries))));

suite("scanTar, for any tar", () => {
  test("finds what a layer was written with", async () => {
    await fc.assert(
      fc.asyncProperty(files, async (entries) => {
        const expected = entries.map(({ path, content }) => [path, Buffer.from(content).toString("latin1")] as const);
        assert.deepEqual(await scan(await tarOfFiles(entries)), Object.fromEntries(expected));
      }),
    );
  });

  test("refuses it when it is cut off anywhere", async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (entries, part) => {
        const whole = await tarOfFiles(entries);
        await assert.rejects(scan(whole.subarray(0, Math.floor(whole.byteLength * part))), isRefused);
      }),
    );
  });

  test("never reads or points beyond it, and fails only in the one way, when bytes are changed", async () => {
    const changes = fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(files, changes, fc.boolean(), async (entries, changed, repaired) => {
        let whole = await tarOfFiles(entries);
        for (const [at, byte] of changed) whole[at % whole.byteLength] = byte;
        if (repaired && whole.byteLength > 1024) whole = patched(whole, 0, Buffer.alloc(0));
        await scan(whole).catch((error: unknown) => assert.ok(isRefused(error), String(error)));
      }),
    );
  });
});

suite("scanTar and real programs", () => {
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
    test(`reads what ${program} writes as ${format}`, requiring(program), async (t) => {
      const directory = await temporaryDirectory(t);
      const root = join(directory, "root");
      const expected: Record<string, string> = { a: "1", "d/b": "22", "d/e/c": "x".repeat(5000) };
      const tooLong = format === "v7" || format === "ustar";
      if (!tooLong) expected[`d/${"long".repeat(40)}`] = "long";
      if (!tooLong) expected["d/grün"] = "green";
      await mkdir(join(root, "d", "e"), { recursive: true });
      for (const [name, content] of Object.entries(expected)) await writeFile(join(root, name), content);
      await run(program, ["--format", format, "-cf", join(directory, "a.tar"), "-C", root, "."]);
      const found = await scan(await readFile(join(directory, "a.tar")));
      assert.deepEqual(found, expected);
    });
  }

  test("refuses links that tar wrote", requiring("tar"), async (t) => {
    const directory = await temporaryDirectory(t);
    const file = join(directory, "a.tar");
    await writeFile(join(directory, "a"), "x");
    await symlink("a", join(directory, "soft"));
    await link(join(directory, "a"), join(directory, "z"));
    for (const names of [["soft"], ["a", "z"]]) {
      await run("tar", ["-cf", file, "-C", directory, ...names]);
      await assert.rejects(readFile(file).then(scan), isRefused);
    }
  });
});
