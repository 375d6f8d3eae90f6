import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtempDisposable, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { encodeHeader, paddingOf } from "../../lib/archive/header.ts";
import { type ReadEntry, type ReadLimits, readTar, tar } from "../../lib/archive/index.ts";
import { requiring } from "../real/programs.ts";
import { collect, contentOf, inChunks, noise } from "./bytes.ts";
import { anyEntries, toEntry } from "./entries.ts";

const wide: ReadLimits = { entries: 10_000, bytes: 100_000_000, links: "inside" };

type Read = Omit<ReadEntry, "body"> & { readonly content: string };

async function readAll(archive: Uint8Array, limits = wide, chunkSize = 64 * 1024): Promise<Read[]> {
  const all: Read[] = [];
  for await (const { body, ...entry } of readTar(inChunks(archive, chunkSize), limits)) {
    all.push({ ...entry, content: (await collect(body)).toString() });
  }
  return all;
}

interface Raw {
  readonly flag?: string;
  readonly path?: string;
  readonly target?: string;
  readonly content?: string;
  /** Where it shall differ from the content's. */
  readonly size?: number;
  readonly gnu?: boolean;
  /** Spoil the finished header. */
  readonly spoil?: (header: Uint8Array) => void;
}

/** One entry with nothing checked. */
function raw({ flag = "0", path = "a", target = "", content = "", size, gnu = false, spoil }: Raw): Buffer {
  const text = (value: string): Uint8Array => Buffer.from(value, "latin1");
  const bytes = Buffer.from(content);
  const header = encodeHeader(
    { flag, path: text(path), target: text(target), mode: 0o644, mtime: 0, size: size ?? bytes.byteLength },
    gnu,
  );
  spoil?.(header);
  return Buffer.concat([header, bytes, Buffer.alloc(paddingOf(bytes.byteLength))]);
}

const end = Buffer.alloc(1024);
const archived = (...entries: readonly Raw[]): Buffer => Buffer.concat([...entries.map(raw), end]);
const pax = (...records: readonly string[]): string => records.map(record).join("");

/** `LENGTH KEY=VALUE\n` */
function record(text: string): string {
  const rest = Buffer.byteLength(` ${text}\n`);
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return `${length} ${text}\n`;
}

const refused = (why: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Error && "code" in error, String(error));
  assert.equal(error.code, "ARCHIVE_INVALID", String(error));
  assert.match(error.message, why);
  return true;
};

test("what is written is read back, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(anyEntries, fc.integer({ min: 1, max: 1500 }), async (entries, chunkSize) => {
      const archive = await contentOf(tar(entries.map(toEntry)));
      const expected = entries.map((entry) => ({ ...entry, size: Buffer.byteLength(entry.content) }));
      assert.deepEqual(await readAll(archive, wide, chunkSize), expected);
    }),
    { numRuns: 60 },
  );
});

for (const format of ["ustar", "gnu", "pax"]) {
  test(`what GNU tar writes as ${format} is read`, requiring("tar"), async () => {
    await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-archive-"));
    const long = `${"d".repeat(90)}/${"f".repeat(99)}`;
    const files: Record<string, string> = { [long]: "long", empty: "", "grüße/名": "umlaut", full: "x".repeat(1024) };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(join(directory.path, path, ".."), { recursive: true });
      await writeFile(join(directory.path, path), content);
    }
    await symlink(format === "ustar" ? "full" : long, join(directory.path, "link"));
    execFileSync("ln", [join(directory.path, "full"), join(directory.path, "second name")]);
    const archive = execFileSync("tar", [`--format=${format}`, "--sort=name", "-C", directory.path, "-cf", "-", "."]);
    const entries = await readAll(archive);
    const found = entries.filter(({ type }) => type === "file").map(({ path, content }) => [path, content]);
    assert.deepEqual(Object.fromEntries(found), files);
    const others = entries.filter(({ type }) => type !== "file").map(({ type, path, target }) => [type, path, target]);
    assert.deepEqual(others, [
      ["directory", "d".repeat(90), ""],
      ["directory", "grüße", ""],
      ["symlink", "link", format === "ustar" ? "full" : long],
      ["link", "second name", "full"],
    ]);
  });
}

test("what python, bsdtar and busybox write is read", requiring("python3", "bsdtar", "busybox"), async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-archive-"));
  const path = `chart/${"x".repeat(150)}.yaml`;
  await mkdir(join(directory.path, "chart"));
  await writeFile(join(directory.path, path), "a: 1\n");
  const script = "import sys, tarfile\nwith tarfile.open(fileobj=sys.stdout.buffer, mode='w|') as t: t.add('chart')";
  for (const [program, ...args] of [
    ["python3", "-c", script],
    ["bsdtar", "-cf", "-", "chart"],
    ["busybox", "tar", "-cf", "-", "chart"],
  ] as const) {
    const archive = execFileSync(program, args, { cwd: directory.path });
    assert.deepEqual(
      (await readAll(archive)).map(({ type, path, content }) => [type, path, content]),
      [
        ["directory", "chart", ""],
        ["file", path, "a: 1\n"],
      ],
      program,
    );
  }
});

test("sizes are read in octal, base 256 and PAX", async () => {
  const size = 9 * 2 ** 30;
  const limits = { entries: 10, bytes: 2 * size };
  const paxSize = { flag: "x", content: pax(`size=${size}`) };
  for (const archive of [archived({ size, gnu: true }), archived(paxSize, { size: 0 })]) {
    for await (const entry of readTar(inChunks(archive), limits)) {
      assert.equal(entry.size, size);
      break;
    }
  }
});

test("a name of PAX or GNU replaces the one in the header", async () => {
  const name = `${"long/".repeat(40)}name`;
  const [fromPax] = await readAll(archived({ flag: "x", content: pax(`path=${name}`, "mtime=1.5") }, { content: "1" }));
  assert.equal(fromPax?.path, name);
  const [fromGnu] = await readAll(archived({ flag: "L", content: `${name}\0` }, { content: "1" }));
  assert.equal(fromGnu?.path, name);
  const both = archived({ flag: "K", content: "t/u\0" }, { flag: "L", content: "n\0" }, { flag: "2", target: "cut" });
  assert.deepEqual(
    (await readAll(both)).map(({ path, target }) => [path, target]),
    [["n", "t/u"]],
  );
  const [plain] = await readAll(archived({ flag: "g", content: pax("comment=a commit") }, { path: "b" }));
  assert.equal(plain?.path, "b", "as git archive writes it");
});

test("paths come in their shortest form", async () => {
  const archive = archived({ flag: "5", path: "./" }, { flag: "5", path: "./a//b/" }, { path: "./a/./b//c" });
  assert.deepEqual(
    (await readAll(archive)).map(({ path }) => path),
    ["a/b", "a/b/c"],
  );
});

test("bodies that are not read, or only begun, are skipped", async () => {
  const content = noise(5000).toString("latin1");
  const archive = archived({ path: "a", content }, { path: "b", content }, { path: "c", content: "end" });
  const seen: string[] = [];
  for await (const { path, body } of readTar(inChunks(archive, 100), wide)) {
    seen.push(path);
    if (path === "b") for await (const _ of body) break;
    if (path === "c") assert.equal((await collect(body)).toString(), "end");
  }
  assert.deepEqual(seen, ["a", "b", "c"]);
});

test("a body cannot be read any more once the next entry was asked for", async () => {
  const entries = readTar(inChunks(archived({ path: "a", content: "1" }, { path: "b" })), wide);
  const first = (await entries.next()).value!;
  const begun = first.body[Symbol.asyncIterator]();
  await entries.next();
  await assert.rejects(collect(first.body), /Cannot read entry "a"/);
  await assert.rejects(begun.next(), /Cannot read entry "a"/);
});

test("a reader that stops early ends the source", async () => {
  let ended = false;
  const source = async function* () {
    try {
      yield* inChunks(archived({ path: "a" }, { path: "b" }), 512);
    } finally {
      ended = true;
    }
  };
  for await (const _ of readTar(source(), wide)) break;
  assert.ok(ended);
});

test("what the source throws passes as it is", async () => {
  const broken = new Error("connection lost");
  const source = async function* () {
    yield raw({ content: "1" });
    throw broken;
  };
  await assert.rejects(async () => {
    for await (const _ of readTar(source(), wide));
  }, broken);
});

const hostile: Readonly<Record<string, readonly [archive: Buffer, why: RegExp]>> = {
  "an absolute path": [archived({ path: "/etc/passwd" }), /"\/etc\/passwd": it is absolute/],
  "a path that climbs": [archived({ path: "../x" }), /a part "\." or "\.\."/],
  "a path that climbs inside": [archived({ path: "a/../../x" }), /a part/],
  "an absolute PAX path": [archived({ flag: "x", content: pax("path=/x") }, {}), /absolute/],
  "a climbing GNU name": [archived({ flag: "L", content: "a/../../x\0" }, {}), /a part/],
  "a file without a name": [archived({ path: "" }), /it is empty/],
  "a file named like the root": [archived({ path: "./" }), /named like a directory/],
  "a file named like a directory": [archived({ path: "a/" }), /named like a directory/],
  "a name that is not UTF-8": [archived({ path: "\xff" }), /not UTF-8/],
  "a name with NUL from PAX": [archived({ flag: "x", content: pax("path=a\0b") }, {}), /NUL/],
  "a path deeper than any real one": [
    archived({ flag: "L", content: `${"a/".repeat(200)}b` }, {}),
    /more than 100 parts/,
  ],
  "a name of a file twice": [archived({ path: "a" }, { path: "./a" }), /comes twice/],
  "a file below a symlink": [
    archived({ flag: "2", path: "l", target: "d" }, { path: "l/x" }),
    /"l\/x": it lies below a symlink/,
  ],
  "a file below a file": [archived({ path: "f" }, { path: "f/x" }), /below a file/],
  "a symlink to an absolute path": [archived({ flag: "2", target: "/etc" }), /target is absolute/],
  "a symlink out": [archived({ flag: "2", path: "a/b", target: "../../x" }), /outside/],
  "a symlink that climbs through another": [archived({ flag: "2", path: "z", target: "x/up/.." }), /behind a name/],
  "a long symlink target out": [archived({ flag: "K", content: "../../x\0" }, { flag: "2", target: "ok" }), /outside/],
  "a symlink without target": [archived({ flag: "2" }), /target is refused: it is empty/],
  "a link to what is not there": [archived({ flag: "1", target: "x" }), /no earlier file/],
  "a link out": [archived({ flag: "1", target: "../x" }), /no earlier file/],
  "a link to itself": [archived({ flag: "1", path: "a", target: "a" }), /no earlier file/],
  "a link to a symlink": [
    archived({ flag: "2", path: "s", target: "x" }, { flag: "1", target: "s" }),
    /no earlier file/,
  ],
  "a character device": [archived({ flag: "3" }), /kind "3" is not allowed/],
  "a block device": [archived({ flag: "4" }), /kind "4"/],
  "a pipe": [archived({ flag: "6" }), /kind "6"/],
  "an old sparse file": [archived({ flag: "S", gnu: true }), /kind "S"/],
  "a PAX sparse file": [archived({ flag: "x", content: pax("GNU.sparse.major=1") }, {}), /sparse/],
  "a directory with content": [archived({ flag: "5", content: "x" }), /directory and has content/],
  "a symlink with content": [archived({ flag: "2", target: "x", content: "x" }), /symlink and has content/],
  "a wrong checksum": [archived({ spoil: (header) => header.set([0x62], 0) }), /wrong checksum/],
  "another format": [noise(2048), /wrong checksum/],
  "a PAX header for everything": [archived({ flag: "g", content: pax("path=x") }, {}), /describes all entries/],
  "two PAX headers for one entry": [
    archived({ flag: "x", content: pax("path=x") }, { flag: "x", content: pax("path=y") }, {}),
    /kind "x" is not allowed/,
  ],
  "two GNU names for one entry": [archived({ flag: "L", content: "x" }, { flag: "L", content: "y" }, {}), /kind "L"/],
  "names from GNU and PAX": [
    archived({ flag: "L", content: "x" }, { flag: "x", content: pax("path=y") }, {}),
    /GNU and PAX describe the same/,
  ],
  "a name without an entry": [archived({ flag: "L", content: "x" }), /does not follow/],
  "a name twice in one PAX header": [archived({ flag: "x", content: pax("path=x", "path=y") }, {}), /"path" twice/],
  "a PAX record that is too long": [archived({ flag: "x", content: "99 path=x\n" }, {}), /PAX header is damaged/],
  "a PAX record that is too short": [archived({ flag: "x", content: "3 path=x\n" }, {}), /PAX header is damaged/],
  "a PAX record without length": [archived({ flag: "x", content: "path=x\n" }, {}), /PAX header is damaged/],
  "a PAX record without value": [archived({ flag: "x", content: "9 path x\n" }, {}), /PAX header is damaged/],
  "a PAX record without key": [archived({ flag: "x", content: "5 =x\n" }, {}), /PAX header is damaged/],
  "an empty PAX path": [archived({ flag: "x", content: pax("path=") }, {}), /malformed "path"/],
  "a negative PAX size": [archived({ flag: "x", content: pax("size=-1") }, {}), /malformed "size"/],
  "a huge PAX size": [archived({ flag: "x", content: pax(`size=${2 ** 53}`) }, {}), /malformed "size"/],
  "a PAX header that is too large": [archived({ flag: "x", size: 65 * 1024 }, {}), /more than 65536 bytes/],
  "a GNU name that is too large": [archived({ flag: "L", size: 2 ** 40, gnu: true }, {}), /more than 65536 bytes/],
  "something behind the end": [Buffer.concat([archived({}), raw({ path: "b" })]), /something follows its end/],
  "something between the zeros of the end": [
    Buffer.concat([raw({}), Buffer.alloc(512), raw({ path: "b" }), end]),
    /follows a block of zeros/,
  ],
  "endless zeros behind the end": [Buffer.concat([archived({}), Buffer.alloc(2 ** 20)]), /follow its end/],
  "no end": [raw({}), /cut short/],
  "half an end": [Buffer.concat([raw({}), Buffer.alloc(512)]), /cut short/],
  nothing: [Buffer.alloc(0), /cut short/],
  "a cut header": [archived({}).subarray(0, 300), /cut short/],
  "a cut body": [archived({ content: "x".repeat(2000) }).subarray(0, 1500), /cut short/],
  "cut padding": [archived({ content: "x" }).subarray(0, 600), /cut short/],
};

for (const [name, [archive, why]] of Object.entries(hostile)) {
  test(`${name} is refused`, async () => {
    await assert.rejects(readAll(archive), refused(why));
    await assert.rejects(readAll(archive, wide, 100), refused(why));
    // Also when nobody reads the bodies.
    await assert.rejects(async () => {
      for await (const _ of readTar(inChunks(archive), wide));
    }, refused(why));
  });
}

test("malformed numbers in a header are refused", async () => {
  const spoiled = (offset: number, field: Uint8Array): Buffer => {
    const header = raw({});
    header.set(field, offset);
    header.fill(0x20, 148, 156);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
      "latin1",
    );
    return Buffer.concat([header, end]);
  };
  const good = Buffer.from("00000000000\0");
  assert.equal((await readAll(spoiled(124, good))).length, 1);
  for (const field of ["0000000000x\0", "0x000000000\0", "-0000000001\0", "00000 00000\0", "00000000008\0"]) {
    await assert.rejects(readAll(spoiled(124, Buffer.from(field))), refused(/malformed number/), field);
  }
  const negative = Buffer.alloc(12, 0xff);
  const beyond = Buffer.concat([Buffer.of(0x80), Buffer.alloc(11, 0xff)]);
  for (const field of [negative, beyond])
    await assert.rejects(readAll(spoiled(124, field)), refused(/malformed number/));
  await assert.rejects(readAll(spoiled(257, Buffer.alloc(8))), refused(/neither ustar nor GNU/));
});

test("links are refused unless they are asked for", async () => {
  const limits: ReadLimits = { entries: 10, bytes: 100 };
  for (const flag of ["1", "2"]) {
    const archive = archived({ path: "a" }, { flag, path: "b", target: "a" });
    await assert.rejects(readAll(archive, limits), refused(/links are not allowed/));
    assert.equal((await readAll(archive)).length, 2);
  }
});

test("limits hold for entries and bytes, before any of the surplus is given", async () => {
  const archive = archived({ path: "a", content: "12" }, { path: "b", content: "345" }, { flag: "5", path: "c" });
  assert.equal((await readAll(archive, { entries: 3, bytes: 5 })).length, 3);
  await assert.rejects(readAll(archive, { entries: 2, bytes: 5 }), refused(/more than 2 entries/));
  const seen: string[] = [];
  await assert.rejects(
    async () => {
      for await (const { path } of readTar(inChunks(archive), { entries: 3, bytes: 4 })) seen.push(path);
    },
    refused(/more than 4 bytes/),
  );
  assert.deepEqual(seen, ["a"]);
  const globals = Array.from({ length: 5 }, (): Raw => ({ flag: "g", content: pax("comment=x") }));
  await assert.rejects(readAll(archived(...globals), { entries: 4, bytes: 5 }), refused(/more than 4 entries/));
});

test("no input makes it fail in another way", async () => {
  const good = archived({ flag: "x", content: pax("path=p") }, { content: "12" }, { flag: "5", path: "c" });
  const mutation = fc.tuple(fc.nat(good.byteLength - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { maxLength: 5 }), fc.nat(good.byteLength), async (mutations, length) => {
      const archive = Buffer.from(good.subarray(0, length));
      for (const [at, value] of mutations) if (at < length) archive[at] = value;
      await readAll(archive).catch(refused(/^Cannot read archive: /));
    }),
    { numRuns: 300 },
  );
});
