import assert from "node:assert/strict";
import { join } from "node:path";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { buildImage, buildLayer, openBuilt } from "../../lib/oci/build.ts";
import { copy } from "../../lib/oci/copy.ts";
import { describe, mediaTypes } from "../../lib/oci/descriptor.ts";
import { openDockerArchive } from "../../lib/oci/docker-archive.ts";
import { childrenOf, readManifest } from "../../lib/oci/manifest.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { end, raw } from "../archive/raw.ts";
import { read } from "../contracts/image-fixture.ts";
import { requiring } from "../real/programs.ts";
import { base, dockerSave, filesOf, own, run, saved, sha256, web } from "./docker-save.ts";
import { archiveOf, tarFile } from "./image-tars.ts";
import { temporaryDirectory, temporaryLayout } from "./temporary.ts";

suite("openDockerArchive", () => {
  test("finds images by short and full names, by position, and refuses to guess", async (t) => {
    await using archive = await openDockerArchive(await archiveOf(t, dockerSave));
    assert.deepEqual(await Array.fromAsync(archive.tags()), [
      "docker.io/acme/web:1",
      "docker.io/acme/web:latest",
      "docker.io/library/db:1",
    ]);
    const digests = new Map<string, string>();
    for (const name of ["acme/web:1", "docker.io/acme/web:1", "acme/web", "@0"]) {
      digests.set((await archive.resolve(name)).digest, name);
    }
    assert.equal(digests.size, 1);
    const [digest] = digests.keys();
    assert.equal((await archive.resolve(digest!)).digest, digest);
    assert.notEqual((await archive.resolve("db:1")).digest, (await archive.resolve("@2")).digest);
    for (const absent of ["acme/web:2", "other", "@3", `sha256:${"0".repeat(64)}`]) {
      await assert.rejects(archive.resolve(absent), { code: "CONTENT_UNKNOWN" }, absent);
    }
    await assert.rejects(archive.resolve(""), { code: "REFERENCE_INVALID", message: /acme\/web:1, .*db:1, @2/ });
    await assert.rejects(archive.resolve("NO NAME"), { code: "REFERENCE_INVALID" });
    await assert.rejects(archive.resolve("@0", AbortSignal.abort()), { name: "AbortError" });
  });

  test("gives an image that has none the manifest that docker 25 would, and its content by that", async (t) => {
    await using archive = await openDockerArchive(await archiveOf(t, dockerSave));
    const descriptor = await archive.resolve("acme/web:1");
    const { manifest, bytes } = await readManifest(archive, descriptor);
    assert.ok(manifest.kind === "image");
    assert.equal(
      Buffer.from(bytes).toString(),
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: describe(mediaTypes.ociConfig, web.config),
        layers: [base, own].map((layer) => describe(mediaTypes.ociLayer, layer)),
      }),
    );
    assert.deepEqual(await read(archive, manifest.config), web.config);
    assert.deepEqual(await read(archive, manifest.layers[1]!, { start: 5, end: 99 }), own.subarray(5, 100));
    for (const { digest } of childrenOf(manifest))
      await assert.rejects(archive.resolve(digest), { code: "CONTENT_UNKNOWN" });

    const target = openMemory();
    const { descriptor: copied } = await copy(archive, "acme/web:1", target, { as: "1" });
    assert.deepEqual(await read(target, manifest.layers[1]!), own);
    // the same content in another place of another archive is the same image
    const other = saved([base, own], ["a.tar", "b.tar"], ["other:1"]);
    await using again = await openDockerArchive(
      await archiveOf(t, [{ path: "b.tar", content: own }, ...filesOf(other), { path: "a.tar", content: base }]),
    );
    assert.deepEqual(await again.resolve(""), copied);
  });

  test("knows a manifest by its digest also before the image was asked for by name", async (t) => {
    const file = await archiveOf(t, dockerSave);
    await using first = await openDockerArchive(file);
    const descriptor = await first.resolve("@2");
    await using second = await openDockerArchive(file);
    assert.deepEqual(await second.resolve(descriptor.digest), descriptor);
  });

  test("follows docker's links from a layer to the same one before", async (t) => {
    await using archive = await openDockerArchive(await archiveOf(t, dockerSave));
    const { manifest } = await readManifest(archive, await archive.resolve("db:1"));
    assert.ok(manifest.kind === "image");
    assert.deepEqual(manifest.layers, [describe(mediaTypes.ociLayer, base), describe(mediaTypes.ociLayer, base)]);
    assert.deepEqual(await read(archive, manifest.layers[0]!), base);
  });

  test("takes hard links too", async (t) => {
    const files = filesOf(saved([base, base], ["a.tar", "b/c.tar"], null)) as { path: string; content: Uint8Array }[];
    const file = await tarFile(
      t,
      Buffer.concat([
        ...files.map(({ path, content }) => raw({ path, content: content.toString() })),
        raw({ path: "a.tar", content: base.toString() }),
        raw({ flag: "1", path: "b/c.tar", target: "a.tar" }),
        end,
      ]),
    );
    await using archive = await openDockerArchive(file);
    assert.equal((await readManifest(archive, await archive.resolve("@0"))).manifest.kind, "image");
  });

  test("keeps layers that are gzipped as they are, as crane writes them", async (t) => {
    const gzipped = gzipSync(base);
    const image = saved([base], [`${sha256(gzipped)}.tar.gz`], ["crane:1"]);
    const item = { ...image.item, Config: `sha256:${sha256(image.config)}` };
    const files = filesOf({ ...image, item });
    const name = `${sha256(gzipped)}.tar.gz`;
    await using archive = await openDockerArchive(await archiveOf(t, [...files, { path: name, content: gzipped }]));
    const { manifest } = await readManifest(archive, await archive.resolve(""));
    assert.ok(manifest.kind === "image");
    assert.deepEqual(manifest.layers, [describe(mediaTypes.ociLayerGzip, gzipped)]);
    assert.deepEqual(await read(archive, manifest.layers[0]!), gzipped);
  });

  test("finds files however manifest.json spells their paths", async (t) => {
    const image = saved([base], ["./x/../a.tar"], ["web:1"]);
    const item = { ...image.item, Config: `.//${image.item.Config}` };
    const files = [
      { path: image.item.Config, content: image.config },
      { path: "a.tar", content: base },
    ];
    const manifest = { path: "manifest.json", content: JSON.stringify([item]) };
    await using archive = await openDockerArchive(await archiveOf(t, [...files, manifest]));
    assert.equal((await readManifest(archive, await archive.resolve(""))).manifest.kind, "image");
  });

  test("takes an image without layers", async (t) => {
    await using archive = await openDockerArchive(await archiveOf(t, filesOf(saved([], null, ["scratch:1"]))));
    const { manifest } = await readManifest(archive, await archive.resolve("scratch:1"));
    assert.deepEqual(manifest.kind === "image" && manifest.layers, []);
  });

  test("finds an image of many layers", async (t) => {
    const layers = Array.from({ length: 1000 }, (_, index) => Buffer.alloc(512, `${index}|`));
    const image = saved(
      layers,
      layers.map((_, index) => `${index}.tar`),
      ["many:1"],
    );
    const files = layers.map((content, index) => ({ path: `${index}.tar`, content }));
    await using archive = await openDockerArchive(await archiveOf(t, [...files, ...filesOf(image)]));
    const { blobs } = await copy(archive, "many:1", openMemory(), { as: "1" });
    assert.equal(blobs.moved, 1001);
  });
});

suite("openDockerArchive and other programs", () => {
  test("reads what skopeo writes, and skopeo agrees about the image", requiring("skopeo"), async (t) => {
    const layers = [
      await buildLayer([{ path: "etc/motd", content: "hello" }]),
      await buildLayer([{ path: "b", content: "2" }]),
    ];
    const image = buildImage({ layers, platform: "linux/amd64" });
    const layout = await temporaryLayout(t);
    await copy(openBuilt({ v1: image }), "v1", layout);
    const directory = await temporaryDirectory(t);
    const file = join(directory, "skopeo.tar");
    await run("skopeo", ["copy", `${layout.name}:v1`, `docker-archive:${file}:acme/web:1`]);
    await using archive = await openDockerArchive(file);
    assert.deepEqual(await Array.fromAsync(archive.tags()), ["docker.io/acme/web:1"]);
    const target = await temporaryLayout(t);
    await copy(archive, "acme/web:1", target, { as: "v1" });
    const { manifest } = await readManifest(target, await target.resolve("v1"));
    assert.ok(manifest.kind === "image");
    assert.deepEqual(
      manifest.layers.map(({ digest, mediaType }) => [digest, mediaType]),
      layers.map(({ diffId }) => [diffId, mediaTypes.ociLayer]),
    );
    const { stdout } = await run("skopeo", ["inspect", "--config", `${target.name}:v1`]);
    const config = JSON.parse(stdout) as { rootfs: { diff_ids: string[] } };
    assert.deepEqual(
      config.rootfs.diff_ids,
      layers.map(({ diffId }) => diffId),
    );
  });

  test("reads an archive that tar packed from unpacked files", requiring("tar"), async (t) => {
    const directory = await temporaryDirectory(t);
    const file = await archiveOf(t, dockerSave);
    await run("tar", ["-xf", file, "-C", directory]);
    const packed = join(await temporaryDirectory(t), "packed.tar");
    await run("tar", ["-cf", packed, "-C", directory, "."]);
    await using archive = await openDockerArchive(packed);
    await using original = await openDockerArchive(file);
    assert.deepEqual(await archive.resolve("db:1"), await original.resolve("db:1"));
  });
});
