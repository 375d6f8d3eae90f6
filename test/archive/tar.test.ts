import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { lstat, mkdir, mkdtempDisposable, open, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { bytesSegment, gzipStored, type Segment, type TarEntry, tar } from "../../lib/archive/index.ts";
import { requiring } from "../real/programs.ts";
import { collect, contentOf, cuts, inChunks } from "./bytes.ts";
import { anyEntries, type Plain, toEntry } from "./entries.ts";

const temporary = () => mkdtempDisposable(join(tmpdir(), "stowage-archive-"));

const plain = (type: Plain["type"], path: string, rest: Partial<Plain> = {}): Plain => ({
  type,
  path,
  mode: { file: 0o644, directory: 0o755, symlink: 0o777 }[type],
  content: "",
  target: "",
  ...rest,
});

const deep = (length: number): string =>
  `${"d".repeat(50)}/`
    .repeat(10)
    .slice(0, length - 2)
    .replace(/\/$/, "d");

/** Every form of entry: lengths around the fields' edges, other letters, empty and full blocks. */
const showcase: readonly Plain[] = [
  plain("file", "empty"),
  plain("file", "block", { content: "b".repeat(512) }),
  plain("file", "more than a block", { content: "m".repeat(513), mode: 0o755 }),
  plain("directory", "dir"),
  plain("directory", "dir/private", { mode: 0o700 }),
  plain("file", "dir/grüße-名", { content: "umlaut" }),
  ...[98, 99, 100, 101, 102, 155, 156, 200, 255, 256, 257, 300].map((length) => {
    const path = `${deep(length)}/${length % 10}`;
    assert.equal(path.length, length);
    return plain("file", path, { content: `${length}` });
  }),
  plain("file", "f".repeat(101), { content: "no place to split" }),
  plain("file", `${"名".repeat(60)}/x`, { content: "letters of three bytes" }),
  plain("directory", `${"e".repeat(100)}`),
  plain("directory", `${"e".repeat(100)}/${"g".repeat(120)}`),
  plain("symlink", "dir/link", { target: "../block" }),
  plain("symlink", "dir/long link", { target: `../${"f".repeat(101)}` }),
  plain("symlink", "l".repeat(120), { target: `${"e".repeat(100)}/${"g".repeat(120)}` }),
];

/** What lies in a directory, in the order of `expected`. */
async function unpacked(directory: string, expected: readonly Plain[]): Promise<Plain[]> {
  const found: Plain[] = [];
  for (const { path } of expected) {
    const full = join(directory, path);
    const stats = await lstat(full);
    if (stats.isFile()) assert.equal(stats.mtimeMs, 0, path);
    const mode = stats.mode & 0o7777;
    if (stats.isFile()) found.push(plain("file", path, { mode, content: await readFile(full, "utf8") }));
    else if (stats.isDirectory()) found.push(plain("directory", path, { mode }));
    else found.push(plain("symlink", path, { target: await readlink(full) }));
  }
  return found;
}

const python = (mode: string) => [
  "python3",
  "-c",
  `import sys, tarfile\nwith tarfile.open(sys.argv[1], "${mode}") as t: t.extractall(sys.argv[2], filter="tar") if hasattr(tarfile, "tar_filter") else t.extractall(sys.argv[2])`,
];

const readers: Readonly<Record<string, readonly string[]>> = {
  tar: ["tar", "--same-permissions", "-xf", "ARCHIVE", "-C", "DIRECTORY"],
  bsdtar: ["bsdtar", "-p", "-xf", "ARCHIVE", "-C", "DIRECTORY"],
  busybox: ["busybox", "tar", "-xpf", "ARCHIVE", "-C", "DIRECTORY"],
  python3: [...python("r:*"), "ARCHIVE", "DIRECTORY"],
};

for (const [name, command] of Object.entries(readers)) {
  test(
    `${name} unpacks everything that is written, plain and gzipped, without complaint`,
    requiring(command[0]!),
    async () => {
      await using directory = await temporary();
      const segment = tar(showcase.map(toEntry));
      for (const [file, archive] of Object.entries({ "a.tar": segment, "a.tar.gz": gzipStored(segment) })) {
        const path = join(directory.path, file);
        const target = join(directory.path, `${file}.d`);
        await writeFile(path, await contentOf(archive));
        await mkdir(target);
        const args = command.map((word) => ({ ARCHIVE: path, DIRECTORY: target })[word] ?? word);
        if (name === "busybox" && file.endsWith("gz")) args[2] = "-xpzf";
        const { status, stderr } = spawnSync(args[0]!, args.slice(1), { encoding: "utf8", env: utf8 });
        assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
        assert.deepEqual(await unpacked(target, showcase), showcase);
        const top = new Set(showcase.map((entry) => entry.path.split("/")[0]));
        assert.deepEqual((await readdir(target)).toSorted(), [...top].toSorted());
      }
    },
  );
}

const utf8 = { PATH: process.env["PATH"], HOME: process.env["HOME"], LC_ALL: "C.UTF-8" };

test("python reads it as a stream too, plain and gzipped", requiring("python3"), async () => {
  await using directory = await temporary();
  const segment = tar(showcase.map(toEntry));
  for (const [mode, archive] of Object.entries({ "r|": segment, "r|gz": gzipStored(segment) })) {
    const path = join(directory.path, "a");
    const target = join(directory.path, mode);
    await writeFile(path, await contentOf(archive));
    await mkdir(target);
    const [program, ...args] = [...python(mode), path, target];
    execFileSync(program!, args, { env: utf8 });
    assert.deepEqual(await unpacked(target, showcase), showcase);
  }
});

test("both dialects are byte for byte what GNU tar writes", requiring("tar"), async () => {
  await using directory = await temporary();
  const short = plain("file", "a", { content: "1".repeat(700) });
  const split = plain("file", `${"d".repeat(90)}/${"f".repeat(90)}`, { content: "2" });
  const long = plain("file", "f".repeat(150), { content: "3" });
  const link = plain("symlink", "link", { target: "t".repeat(120) });
  await mkdir(join(directory.path, "d".repeat(90)));
  for (const { path, content } of [short, split, long]) await writeFile(join(directory.path, path), content);
  execFileSync("ln", ["-s", link.target, join(directory.path, link.path)]);
  execFileSync("chmod", ["-R", "u=rwX,go=rX", directory.path]);
  for (const [format, entries] of Object.entries({ ustar: [short, split], gnu: [long, link] })) {
    const owner = ["--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    const args = [`--format=${format}`, ...owner, "-C", directory.path, "-cf", "-", ...entries.map(({ path }) => path)];
    const theirs = execFileSync("tar", args);
    const ours = await contentOf(tar(entries.map(toEntry)));
    // Theirs goes on with zeros to 10 KiB.
    assert.deepEqual(ours, theirs.subarray(0, ours.byteLength), format);
  }
});

test(
  "a file of more than 8 GiB keeps its size in every reader",
  requiring("tar", "bsdtar", "busybox", "python3"),
  async () => {
    await using directory = await temporary();
    const size = 9 * 2 ** 30 + 1;
    const content: Segment = { size, read: () => assert.fail("the content is not needed for the header") };
    const archive = tar([
      { type: "file", path: `${"d".repeat(120)}/large`, content },
      { type: "file", path: "after", content: bytesSegment(Buffer.from("it")) },
    ]);
    const start = archive.size - 1024 - 1024 - 511 - size;
    const path = join(directory.path, "large.tar");
    await using file = await open(path, "w");
    await file.write(await collect(archive.read(0, start)), 0, start, 0);
    const tail = await collect(archive.read(start + size, archive.size));
    await file.write(tail, 0, tail.byteLength, start + size);
    const list = "import sys, tarfile\nfor m in tarfile.open(sys.argv[1]): print(m.size, m.name)";
    for (const command of [
      ["tar", "-tvf", path],
      ["bsdtar", "-tvf", path],
      ["busybox", "tar", "-tvf", path],
      ["python3", "-c", list, path],
    ]) {
      const lines = execFileSync(command[0]!, command.slice(1), { encoding: "utf8", env: utf8 }).trim().split("\n");
      assert.equal(lines.length, 2, command[0]);
      assert.match(lines[0]!, new RegExp(`\\b${size}\\b.*/large$`));
      assert.match(lines[1]!, /\b2\b.*after$/);
    }
  },
);

test("a tar in a tar is a file like any other", requiring("tar"), async () => {
  const inner = tar([toEntry(plain("file", "in", { content: "deep" }))]);
  const outer = tar([
    { type: "directory", path: "images" },
    { type: "file", path: "images/images.tar", content: inner },
    toEntry(plain("file", "after", { content: "x" })),
  ]);
  const unpackedInner = execFileSync("tar", ["-xOf", "-", "images/images.tar"], { input: await contentOf(outer) });
  assert.deepEqual(unpackedInner, await contentOf(inner));
  assert.equal(execFileSync("tar", ["-xOf", "-", "in"], { input: unpackedInner }).toString(), "deep");
});

test("the same entries give the same bytes, and any parts join to the whole", async () => {
  const anyArchive = anyEntries.chain((entries) =>
    fc.record({ entries: fc.constant(entries), ranges: cuts(tar(entries.map(toEntry)).size) }),
  );
  await fc.assert(
    fc.asyncProperty(anyArchive, async ({ entries, ranges }) => {
      const archive = tar(entries.map(toEntry));
      const whole = await contentOf(archive);
      assert.equal(whole.byteLength, archive.size);
      assert.equal(whole.byteLength % 512, 0);
      assert.deepEqual(await contentOf(tar(entries.map(toEntry))), whole);
      const pieces = await Promise.all(ranges.map(([start, end]) => collect(archive.read(start, end))));
      assert.deepEqual(Buffer.concat(pieces), whole);
    }),
    { numRuns: 50 },
  );
});

test("entries keep their order, and the time is the one asked for", requiring("tar"), async () => {
  const entries = [...["b", "a", "c"].map((path) => toEntry(plain("file", path))), dated];
  const input = await contentOf(tar(entries, { mtime: 1_700_000_000 }));
  const listing = execFileSync("tar", ["--utc", "--full-time", "-tvf", "-"], { input, encoding: "utf8", env: utf8 });
  assert.deepEqual(
    listing
      .trim()
      .split("\n")
      .map((line) => line.replace(/ +/g, " ")),
    [
      ...["b", "a", "c"].map((path) => `-rw-r--r-- 0/0 0 2023-11-14 22:13:20 ${path}`),
      "drwx------ 0/0 0 1970-01-01 00:01:00 d/",
    ],
  );
});

/** An entry with a time of its own. */
const dated: TarEntry = { type: "directory", path: "d", mode: 0o700, mtime: 60 };

test("links may point anywhere where that is asked for, and are written as they are", requiring("tar"), async () => {
  const targets = ["/etc/passwd", "../../x", "a/../b", "..", `/${"long/".repeat(30)}name`, "/grün"];
  const entries = targets.map((target, index) => toEntry(plain("symlink", `l${index}`, { target })));
  const input = await contentOf(tar(entries, { links: "anywhere" }));
  const listing = execFileSync("tar", ["-tvf", "-"], { input, encoding: "utf8", env: { ...utf8, QUOTING_STYLE: "" } });
  assert.deepEqual(
    listing
      .trim()
      .split("\n")
      .map((line) => line.split(" -> ")[1]?.replace("\\303\\274", "ü")),
    targets,
  );
  for (const target of ["", "x\0y", "\udfff", "x".repeat(4097)]) {
    const entry = toEntry(plain("symlink", "l", { target }));
    assert.throws(() => tar([entry], { links: "anywhere" }), { code: "ARCHIVE_INVALID" }, target.slice(0, 20));
  }
});

test("paths and targets that are not allowed are refused", () => {
  const long = "x".repeat(4097);
  const bad = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "./a",
    "..",
    "../a",
    "a/..",
    "a/../b",
    "a/./b",
    "a\0b",
    "\ud800",
    long,
  ];
  for (const path of [...bad, `${"a/".repeat(100)}a`]) {
    for (const type of ["file", "directory", "symlink"] as const) {
      const entry = toEntry(plain(type, path, { target: "x" }));
      assert.throws(
        () => tar([entry]),
        { name: "RejectedError", code: "ARCHIVE_INVALID" },
        JSON.stringify(path.slice(0, 20)),
      );
    }
  }
  tar([toEntry(plain("file", `${"y".repeat(255)}/`.repeat(15) + "z".repeat(256)))]);
  const out = ["", "/etc", "..", "../../x", "a/../..", "a/../b", "./..", "x\0", "\udfff", long];
  for (const target of out) {
    assert.throws(() => tar([toEntry(plain("symlink", "link", { target }))]), { code: "ARCHIVE_INVALID" }, target);
  }
  assert.throws(() => tar([toEntry(plain("symlink", "a/b/link", { target: "../../../x" }))]), {
    code: "ARCHIVE_INVALID",
  });
  for (const target of ["../..", "../../x", "../x/./y", ".", "x", "..x/y"]) {
    tar([toEntry(plain("symlink", "a/b/link", { target }))]);
  }
});

test("a path that comes twice, or lies below a file or link, is refused", () => {
  const tables: [Plain, Plain][] = [
    [plain("file", "a"), plain("file", "a")],
    [plain("file", "a"), plain("directory", "a")],
    [plain("directory", "a"), plain("symlink", "a", { target: "b" })],
    [plain("file", "a/b"), plain("file", "a/b/c/d")],
    [plain("symlink", "a", { target: "b" }), plain("file", "a/b")],
  ];
  for (const entries of tables) assert.throws(() => tar(entries.map(toEntry)), { code: "ARCHIVE_INVALID" });
  tar([plain("directory", "a"), plain("directory", "a"), plain("file", "a/b"), plain("file", "ab")].map(toEntry));
});

test("numbers that are none are bugs of the caller", () => {
  const file = (rest: Partial<Extract<TarEntry, { type: "file" }>>): TarEntry => ({
    type: "file",
    path: "a",
    content: bytesSegment(new Uint8Array()),
    ...rest,
  });
  for (const mode of [-1, 0.5, Number.NaN]) assert.throws(() => tar([file({ mode })]), RangeError);
  for (const mtime of [-1, 1.5, Infinity]) {
    assert.throws(() => tar([file({})], { mtime }), RangeError);
    assert.throws(() => tar([file({ mtime })]), RangeError);
  }
  for (const size of [-1, 1.5]) {
    assert.throws(() => tar([file({ content: { size, read: () => inChunks(new Uint8Array()) } })]), RangeError);
  }
});

test("a file whose content is not as long as it promises is named", async () => {
  const content: Segment = { size: 5, read: () => inChunks(Buffer.from("four")) };
  await assert.rejects(contentOf(tar([{ type: "file", path: "images/a.tar", content }])), {
    code: "ARCHIVE_INVALID",
    message: 'Cannot archive "images/a.tar": it gave 4 instead of 5 bytes',
  });
});
