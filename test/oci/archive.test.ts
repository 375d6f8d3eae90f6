import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { openImageArchive } from "../../lib/oci/archive.ts";
import { buildImage, buildLayer, openBuilt } from "../../lib/oci/build.ts";
import { copy } from "../../lib/oci/copy.ts";
import type { Descriptor } from "../../lib/oci/descriptor.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { imageFixture, layerPiece, type Piece, putAll, read } from "../contracts/image-fixture.ts";
import { requiring } from "../real/programs.ts";
import { type ArchivedFile, archiveOf, fileOf, indexJson, layoutFile } from "./image-tars.ts";
import { temporaryDirectory, temporaryLayout } from "./temporary.ts";

const run = promisify(execFile);

/** Names as `docker save` writes them: formats.md 1.1 of the reference. */
const saved = (image: { manifest: Piece }, repository: string, tag: string): Descriptor => ({
  ...image.manifest.descriptor,
  annotations: {
    "io.containerd.image.name": `docker.io/${repository}:${tag}`,
    "org.opencontainers.image.ref.name": tag,
  },
});

const [web, db] = [imageFixture("web"), imageFixture("db")];
const dockerSave: readonly ArchivedFile[] = [
  layoutFile,
  indexJson([saved(web, "acme/web", "1"), saved(web, "acme/web", "latest"), saved(db, "acme/db", "1")]),
  { path: "manifest.json", content: "[]" },
  { path: "repositories", content: "{}" },
  ...[...web.pieces, ...db.pieces].map(fileOf),
];

suite("openImageArchive", () => {
  test("finds images of a docker save by full name, by tag where that is one image, and by digest", async (t) => {
    await using archive = await openImageArchive(await archiveOf(t, dockerSave));
    const names = ["docker.io/acme/web:1", "docker.io/acme/web:latest", "docker.io/acme/db:1"];
    assert.deepEqual(await Array.fromAsync(archive.tags()), names);
    assert.deepEqual(await archive.resolve("docker.io/acme/db:1"), db.manifest.descriptor);
    assert.deepEqual(await archive.resolve("latest"), web.manifest.descriptor);
    assert.deepEqual(await archive.resolve(db.manifest.descriptor.digest), db.manifest.descriptor);
    await assert.rejects(archive.resolve("1"), { code: "REFERENCE_INVALID" });
    await assert.rejects(archive.resolve("2"), { code: "CONTENT_UNKNOWN" });
    await assert.rejects(archive.resolve(web.config.descriptor.digest), { code: "CONTENT_UNKNOWN" });
    await assert.rejects(archive.resolve(layerPiece("absent").descriptor.digest), { code: "CONTENT_UNKNOWN" });
  });

  test("gives content and parts of it, checked", async (t) => {
    await using archive = await openImageArchive(await archiveOf(t, dockerSave));
    for (const { descriptor, bytes } of [...web.pieces, ...db.pieces]) {
      assert.deepEqual(await read(archive, descriptor), bytes);
      assert.deepEqual(await read(archive, descriptor, { start: 3, end: 9 }), bytes.subarray(3, 10));
    }
    const { descriptor } = web.config;
    await assert.rejects(read(archive, { ...descriptor, size: descriptor.size + 1 }), { code: "CONTENT_MISMATCH" });
    await assert.rejects(read(archive, layerPiece("absent").descriptor), { code: "CONTENT_UNKNOWN" });
    await assert.rejects(read(archive, descriptor, { signal: AbortSignal.abort() }));
  });

  test("does not give out a blob whose bytes are not those of its name", async (t) => {
    const forged = { ...fileOf(web.config), content: Buffer.alloc(web.config.bytes.byteLength) };
    await using archive = await openImageArchive(
      await archiveOf(t, [layoutFile, indexJson([]), fileOf(web.manifest), forged]),
    );
    await assert.rejects(read(archive, web.config.descriptor), { code: "CONTENT_MISMATCH" });
  });

  test("is a source of copies", async (t) => {
    await using archive = await openImageArchive(await archiveOf(t, dockerSave));
    const target = openMemory();
    await copy(archive, "docker.io/acme/web:1", target, { as: "1" });
    for (const { descriptor, bytes } of web.pieces) assert.deepEqual(await read(target, descriptor), bytes);
    const layout = await temporaryLayout(t);
    for await (const name of archive.tags()) await copy(archive, name, layout);
    assert.deepEqual(await Array.fromAsync(layout.tags()), await Array.fromAsync(archive.tags()));
  });

  test("follows a symbolic link to the archive itself", async (t) => {
    const file = await archiveOf(t, dockerSave);
    await symlink(file, `${file}.link`);
    await using archive = await openImageArchive(`${file}.link`);
    assert.equal((await archive.resolve("latest")).digest, web.manifest.descriptor.digest);
  });

  test("refuses a compressed archive, saying what to do", async (t) => {
    const file = await archiveOf(t, dockerSave);
    await writeFile(file, gzipSync(await readFile(file)));
    await assert.rejects(openImageArchive(file), { code: "ARCHIVE_INVALID", message: /unpack it with gunzip first/ });
  });

  test("refuses an archive that is cut off, naming it", async (t) => {
    const file = await archiveOf(t, dockerSave);
    await truncate(file, 10_000);
    await assert.rejects(openImageArchive(file), { code: "ARCHIVE_INVALID", message: /image\.tar/ });
  });

  const noLayouts: Readonly<Record<string, readonly ArchivedFile[]>> = {
    "a tar without oci-layout": [indexJson([]), fileOf(web.config)],
    "a tar without index.json": [layoutFile, fileOf(web.config)],
    "an index.json that is no index": [layoutFile, { path: "index.json", content: "{}" }],
    "an index.json of more than 4 MiB": [
      layoutFile,
      { path: "index.json", content: Buffer.alloc(4 * 1024 * 1024 + 1, " ") },
    ],
    "an archive in the older format of docker save": [{ path: "manifest.json", content: "[]" }],
  };
  for (const [what, files] of Object.entries(noLayouts)) {
    test(`refuses ${what}`, async (t) => {
      await assert.rejects(archiveOf(t, files).then(openImageArchive), { code: "LAYOUT_INVALID" });
    });
  }

  test("refuses what is no file", async (t) => {
    const directory = await temporaryDirectory(t);
    await mkdir(join(directory, "a.tar"));
    await run("mkfifo", [join(directory, "b.tar")]);
    for (const name of ["a.tar", "b.tar", "absent.tar"]) {
      await assert.rejects(openImageArchive(join(directory, name)), { code: "ARCHIVE_INVALID" }, name);
    }
  });
});

suite("openImageArchive and other programs", () => {
  test("reads skopeo's oci-archive, byte for byte", requiring("skopeo"), async (t) => {
    // a real layer: what is not compressed, skopeo would compress
    const layers = [await buildLayer([{ path: "etc/motd", content: "hello" }])];
    const image = buildImage({ layers, platform: "linux/amd64" });
    const layout = await temporaryLayout(t);
    await copy(openBuilt({ v1: image }), "v1", layout);
    const file = join(await temporaryDirectory(t), "skopeo.tar");
    await run("skopeo", ["copy", `${layout.name}:v1`, `oci-archive:${file}:v1`]);
    await using archive = await openImageArchive(file);
    assert.deepEqual(await Array.fromAsync(archive.tags()), ["v1"]);
    assert.equal((await archive.resolve("v1")).digest, image.descriptor.digest);
    for (const { descriptor } of image.contents) {
      assert.deepEqual(await read(archive, descriptor), await read(layout, descriptor));
    }
  });

  for (const program of ["tar", "bsdtar"]) {
    test(`reads a layout that ${program} packed`, requiring(program), async (t) => {
      const layout = await temporaryLayout(t);
      await putAll(layout, web.pieces);
      await layout.tag("v1", web.manifest.descriptor);
      const file = join(await temporaryDirectory(t), "packed.tar");
      await run(program, ["-cf", file, "-C", layout.name.slice("oci:".length), "."]);
      await using archive = await openImageArchive(file);
      assert.equal((await archive.resolve("v1")).digest, web.manifest.descriptor.digest);
    });
  }
});
