import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtempDisposable, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { bytesSegment, type ReadEntry, type ReadLimits, readTar, tar } from "../../lib/archive/index.ts";
import { requiring } from "../real/programs.ts";
import { collect, contentOf, inChunks, noise } from "./bytes.ts";
import { anyEntries, toEntry } from "./entries.ts";
import { archived, hostile, pax, type Raw, raw, refused, spoiled } from "./raw.ts";

const wide: ReadLimits = { entries: 10_000, bytes: 100_000_000, links: "inside" };

type Read = Omit<ReadEntry, "body"> & { readonly content: string };

async function readAll(archive: Uint8Array, limits = wide, chunkSize = 64 * 1024): Promise<Read[]> {
  const all: Read[] = [];
  for await (const { body, ...entry } of readTar(inChunks(archive, chunkSize), limits)) {
    all.push({ ...entry, content: (await collect(body)).toString() });
  }
  return all;
}

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
  const good = Buffer.from("00000000000\0");
  assert.equal((await readAll(spoiled(124, good))).length, 1);
  for (const field of ["0000000000x\0", "0x000000000\0", "-0000000001\0", "00000 00000\0", "00000000008\0"]) {
    await assert.rejects(readAll(spoiled(124, Buffer.from(field))), refused(/malformed number/), field);
  }
  const negative = Buffer.alloc(12, 0xff);
  const beyond = Buffer.concat([Buffer.of(0x80), Buffer.alloc(11, 0xff)]);
  for (const field of [negative, beyond])
    await assert.rejects(readAll(spoiled(124, field)), refused(/malformed number/));
});

test("a header of no known form is refused; one of before ustar has no prefix", async () => {
  for (const magic of ["ustar_00", "USTAR\x0000", "\0\0\0\0\0\0\x0000"]) {
    await assert.rejects(readAll(spoiled(257, Buffer.from(magic, "latin1"))), refused(/neither ustar nor GNU/), magic);
  }
  const header = Buffer.alloc(243);
  header.write("a prefix, were it ustar", 345 - 257);
  assert.deepEqual(
    (await readAll(spoiled(257, header, { path: "a", content: "1" }))).map(({ path, content }) => [path, content]),
    [["a", "1"]],
  );
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

test("canonical: a checksum in another form, and filling that is not zeros, are refused", async () => {
  const archive = await contentOf(tar([{ type: "file", path: "a", content: bytesSegment(Buffer.from("content")) }]));
  const read = (bytes: Uint8Array, canonical: boolean) =>
    Array.fromAsync(
      readTar(bytesSegment(bytes).read(0, bytes.byteLength), { entries: 9, bytes: 99, canonical }),
      ({ path }) => path,
    );
  assert.deepEqual(await read(archive, true), ["a"]);
  for (const [at, byte, message] of [
    [148, 0x20, /unusual checksum/],
    [154, 0x20, /unusual checksum/],
    [512 + 7, 1, /what fills the last block of "a" is not zeros/],
  ] as const) {
    const changed = Buffer.from(archive);
    changed[at] = byte;
    assert.deepEqual(await read(changed, false), ["a"]);
    await assert.rejects(read(changed, true), { code: "ARCHIVE_INVALID", message });
  }
});
