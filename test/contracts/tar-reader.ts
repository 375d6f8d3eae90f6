import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtempDisposable, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { bytesSegment, type EntryHead, type ReadLimits, tar } from "../../lib/archive/index.ts";
import { contentOf } from "../archive/bytes.ts";
import { anyEntries, asRead, toEntry } from "../archive/entries.ts";
import { archived, damaged, hostile, pax, type Raw, refused, spoiled } from "../archive/raw.ts";
import { requiring } from "../real/programs.ts";

export const wide: ReadLimits = { entries: 10_000, bytes: 100_000_000, links: "inside" };

export type Read = EntryHead & { readonly content: string };

/** What every reader of a tar does, however the bytes come to it. */
export function tarReaderContract(
  reader: string,
  read: (archive: Uint8Array, limits: ReadLimits, chunkSize?: number) => AsyncIterable<Read>,
): void {
  const readAll = (archive: Uint8Array, limits = wide, chunkSize?: number) =>
    Array.fromAsync(read(archive, limits, chunkSize));

  test(`${reader}: what is written is read back, however it is cut`, async () => {
    await fc.assert(
      fc.asyncProperty(anyEntries, fc.integer({ min: 1, max: 1500 }), async (entries, chunkSize) => {
        const archive = await contentOf(tar(entries.map(toEntry)));
        const expected = entries.map(asRead);
        assert.deepEqual(await readAll(archive, wide, chunkSize), expected);
      }),
      { numRuns: 60 },
    );
  });

  for (const format of ["ustar", "gnu", "pax"]) {
    test(`${reader}: what GNU tar writes as ${format} is read`, requiring("tar"), async () => {
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
      assert.ok(entries.every(({ path, written }) => written.replace(/\/$/, "") === `./${path}`));
      assert.deepEqual(Object.fromEntries(found), files);
      const others = entries
        .filter(({ type }) => type !== "file")
        .map(({ type, path, target }) => [type, path, target]);
      assert.deepEqual(others, [
        ["directory", "d".repeat(90), ""],
        ["directory", "grüße", ""],
        ["symlink", "link", format === "ustar" ? "full" : long],
        ["link", "second name", "full"],
      ]);
    });
  }

  test(
    `${reader}: what python, bsdtar and busybox write is read`,
    requiring("python3", "bsdtar", "busybox"),
    async () => {
      await using directory = await mkdtempDisposable(join(tmpdir(), "stowage-archive-"));
      const path = `chart/${"x".repeat(150)}.yaml`;
      await mkdir(join(directory.path, "chart"));
      await writeFile(join(directory.path, path), "a: 1\n");
      const script =
        "import sys, tarfile\nwith tarfile.open(fileobj=sys.stdout.buffer, mode='w|') as t: t.add('chart')";
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
    },
  );

  test(`${reader}: a name of PAX or GNU replaces the one in the header`, async () => {
    const name = `${"long/".repeat(40)}name`;
    const [fromPax] = await readAll(
      archived({ flag: "x", content: pax(`path=${name}`, "mtime=1.5") }, { content: "1" }),
    );
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

  test(`${reader}: paths come in their shortest form`, async () => {
    const archive = archived({ flag: "5", path: "./" }, { flag: "5", path: "./a//b/" }, { path: "./a/./b//c" });
    assert.deepEqual(
      (await readAll(archive)).map(({ path }) => path),
      ["a/b", "a/b/c"],
    );
  });

  for (const [name, [archive, why]] of Object.entries(hostile)) {
    test(`${reader}: ${name} is refused`, async () => {
      await assert.rejects(readAll(archive), refused(why));
      await assert.rejects(readAll(archive, wide, 100), refused(why));
    });
  }

  test(`${reader}: malformed numbers in a header are refused`, async () => {
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

  test(`${reader}: a header of no known form is refused; one of before ustar has no prefix`, async () => {
    for (const magic of ["ustar_00", "USTAR\x0000", "\0\0\0\0\0\0\x0000"]) {
      await assert.rejects(
        readAll(spoiled(257, Buffer.from(magic, "latin1"))),
        refused(/neither ustar nor GNU/),
        magic,
      );
    }
    const header = Buffer.alloc(243);
    header.write("a prefix, were it ustar", 345 - 257);
    assert.deepEqual(
      (await readAll(spoiled(257, header, { path: "a", content: "1" }))).map(({ path, content }) => [path, content]),
      [["a", "1"]],
    );
  });

  test(`${reader}: links are refused unless they are asked for`, async () => {
    const limits: ReadLimits = { entries: 10, bytes: 100 };
    for (const flag of ["1", "2"]) {
      const archive = archived({ path: "a" }, { flag, path: "b", target: "a" });
      await assert.rejects(readAll(archive, limits), refused(/links are not allowed/));
      assert.equal((await readAll(archive)).length, 2);
    }
  });

  test(`${reader}: limits hold for entries and bytes, before any of the surplus is given`, async () => {
    const archive = archived({ path: "a", content: "12" }, { path: "b", content: "345" }, { flag: "5", path: "c" });
    assert.equal((await readAll(archive, { entries: 3, bytes: 5 })).length, 3);
    await assert.rejects(readAll(archive, { entries: 2, bytes: 5 }), refused(/more than 2 entries/));
    const seen: string[] = [];
    await assert.rejects(
      async () => {
        for await (const { path } of read(archive, { entries: 3, bytes: 4 })) seen.push(path);
      },
      refused(/more than 4 bytes/),
    );
    assert.deepEqual(seen, ["a"]);
    const globals = Array.from({ length: 5 }, (): Raw => ({ flag: "g", content: pax("comment=x") }));
    await assert.rejects(readAll(archived(...globals), { entries: 4, bytes: 5 }), refused(/more than 4 entries/));
  });

  test(`${reader}: no input makes it fail in another way`, async () => {
    const good = archived({ flag: "x", content: pax("path=p") }, { content: "12" }, { flag: "5", path: "c" });
    await fc.assert(
      fc.asyncProperty(damaged(good), async (archive) => {
        await readAll(archive).catch(refused(/^Cannot read archive: /));
      }),
      { numRuns: 300 },
    );
  });

  test(`${reader}: canonical: a checksum in another form, and filling that is not zeros, are refused`, async () => {
    const archive = await contentOf(tar([{ type: "file", path: "a", content: bytesSegment(Buffer.from("content")) }]));
    const pathsIn = async (bytes: Uint8Array, canonical: boolean) =>
      (await readAll(bytes, { entries: 9, bytes: 99, canonical })).map(({ path }) => path);
    assert.deepEqual(await pathsIn(archive, true), ["a"]);
    for (const [at, byte, message] of [
      [148, 0x20, /unusual checksum/],
      [154, 0x20, /unusual checksum/],
      [512 + 7, 1, /what fills the last block of "a" is not zeros/],
    ] as const) {
      const changed = Buffer.from(archive);
      changed[at] = byte;
      assert.deepEqual(await pathsIn(changed, false), ["a"]);
      await assert.rejects(pathsIn(changed, true), { code: "ARCHIVE_INVALID", message });
    }
  });
}
