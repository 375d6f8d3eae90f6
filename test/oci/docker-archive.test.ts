import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { buildImage, buildLayer, openBuilt } from "../../lib/oci/build.ts";
import { copy } from "../../lib/oci/copy.ts";
import { describe, mediaTypes } from "../../lib/oci/descriptor.ts";
import { openDockerArchive } from "../../lib/oci/docker-archive.ts";
import { type FileEntry, layerTar } from "../../lib/oci/layer-tar.ts";
import { childrenOf, readManifest } from "../../lib/oci/manifest.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { archived, end, raw } from "../archive/raw.ts";
import { imageFixture, indexPiece, type Piece, read } from "../contracts/image-fixture.ts";
import { requiring } from "../real/programs.ts";
import { type ArchivedFile, archiveOf, fileOf, indexJson, layoutFile, tarFile } from "./image-tars.ts";
import { temporaryDirectory, temporaryLayout } from "./temporary.ts";

const run = promisify(execFile);

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function layerOf(...files: FileEntry[]): Promise<Buffer> {
  const tar = await layerTar(files);
  return Buffer.concat(await Array.fromAsync(tar.read(0, tar.size)));
}
const base = await layerOf({ path: "base", content: "shared" });
const own = await layerOf({ path: "own", content: "its own" });

interface Saved {
  readonly config: Buffer;
  readonly item: { readonly Config: string; readonly RepoTags: string[] | null; readonly Layers: string[] | null };
}

const configOf = (layers: readonly Uint8Array[], more: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
      ...more,
    }),
  );
const saved = (layers: readonly Uint8Array[], paths: string[] | null, tags: string[] | null, more?: object): Saved => {
  const config = configOf(layers, more);
  return { config, item: { Config: `${sha256(config)}.json`, RepoTags: tags, Layers: paths } };
};
const filesOf = (...images: readonly Saved[]): ArchivedFile[] => [
  ...new Map(images.map(({ config, item }) => [item.Config, { path: item.Config, content: config }])).values(),
  { path: "manifest.json", content: JSON.stringify(images.map(({ item }) => item)) },
];

/** What docker wrote before 25: a directory a layer, and a link to a layer that came before. */
const [id1, id2, id3] = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string];
const web = saved([base, own], [`${id1}/layer.tar`, `${id2}/layer.tar`], ["acme/web:1", "acme/web:latest"]);
const twice = saved([base, base], [`${id1}/layer.tar`, `${id3}/layer.tar`], ["db:1"]);
const untagged = saved([base], [`${id1}/layer.tar`], null, { created: "2016-01-01T00:00:00Z" });
const dockerSave: readonly ArchivedFile[] = [
  { path: `${id1}/VERSION`, content: "1.0" },
  { path: `${id1}/json`, content: "{}" },
  { path: `${id1}/layer.tar`, content: base },
  { path: `${id2}/layer.tar`, content: own },
  { path: `${id3}/layer.tar`, link: `../${id1}/layer.tar` },
  ...filesOf(web, twice, untagged),
  { path: "repositories", content: JSON.stringify({ "acme/web": { "1": id2 } }) },
];

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

suite("openDockerArchive of what is an OCI layout too", () => {
  const [one, other] = [imageFixture("one"), imageFixture("other")];
  const index = indexPiece([one.manifest, other.manifest]);
  const itemOf = ({ config, layers }: typeof one, tags: string[] | null) => ({
    Config: `blobs/sha256/${config.descriptor.digest.slice(7)}`,
    RepoTags: tags,
    Layers: layers.map(({ descriptor }) => `blobs/sha256/${descriptor.digest.slice(7)}`),
  });
  const named = ({ descriptor }: Piece, name: string) => ({
    ...descriptor,
    annotations: { "io.containerd.image.name": name },
  });
  const manifestJson = (...items: object[]): ArchivedFile => ({
    path: "manifest.json",
    content: JSON.stringify(items),
  });
  const blobs = [...one.pieces, ...other.pieces, index].map(fileOf);

  test("takes the index an image belongs to, with its digest", async (t) => {
    const entries = indexJson([named(index, "docker.io/acme/web:1"), named(other.manifest, "docker.io/acme/db:1")]);
    const items = manifestJson(itemOf(one, ["acme/web:1"]), itemOf(other, ["acme/db:1"]));
    await using archive = await openDockerArchive(await archiveOf(t, [layoutFile, entries, items, ...blobs]));
    assert.deepEqual(await archive.resolve("acme/web:1"), index.descriptor);
    // other is in the index as well, but under another name
    assert.deepEqual(await archive.resolve("acme/db:1"), other.manifest.descriptor);
    assert.deepEqual(await archive.resolve(one.manifest.descriptor.digest), one.manifest.descriptor);
    const target = openMemory();
    await copy(archive, "@0", target, { as: "1" });
    for (const { descriptor, bytes } of [...one.pieces, ...other.pieces]) {
      assert.deepEqual(await read(target, descriptor), Buffer.from(bytes));
    }
  });

  test("finds an image without a name by its config, also in an index of which parts were left out", async (t) => {
    const some = [...one.pieces, index].map(fileOf);
    const files = [layoutFile, indexJson([index.descriptor]), manifestJson(itemOf(one, null)), ...some];
    await using archive = await openDockerArchive(await archiveOf(t, files));
    assert.deepEqual(await archive.resolve(""), index.descriptor);
  });

  test("does not take another image for the one that docker would load", async (t) => {
    const real = saved([base], ["base.tar"], ["acme/web:1"]);
    const files = [layoutFile, indexJson([named(index, "docker.io/acme/web:1")]), ...blobs, ...filesOf(real)];
    await using archive = await openDockerArchive(await archiveOf(t, [...files, { path: "base.tar", content: base }]));
    const { manifest } = await readManifest(archive, await archive.resolve("acme/web:1"));
    assert.deepEqual(manifest.kind === "image" && manifest.layers, [describe(mediaTypes.ociLayer, base)]);
  });

  test("does not take a manifest whose layers docker 25.0.0 forgot", async (t) => {
    const real = saved([base], ["base.tar"], ["acme/web:1"]);
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: describe(mediaTypes.ociConfig, real.config),
        layers: [],
      }),
    );
    const empty = { descriptor: describe(mediaTypes.ociManifest, bytes), bytes };
    const entries = indexJson([named(empty, "docker.io/acme/web:1")]);
    const files = [layoutFile, entries, fileOf(empty), ...filesOf(real), { path: "base.tar", content: base }];
    await using archive = await openDockerArchive(await archiveOf(t, files));
    const { manifest } = await readManifest(archive, await archive.resolve("acme/web:1"));
    assert.equal(manifest.kind === "image" && manifest.layers.length, 1);
  });
});

suite("openDockerArchive refuses", () => {
  const image = saved([base], ["a.tar"], ["web:1"]);
  const layer: ArchivedFile = { path: "a.tar", content: base };
  const withItem = (item: object): ArchivedFile[] => [
    { path: image.item.Config, content: image.config },
    { path: "manifest.json", content: JSON.stringify([{ ...image.item, ...item }]) },
    layer,
  ];

  const unopened: Readonly<Record<string, readonly [files: readonly ArchivedFile[], code: string, message: RegExp]>> = {
    "a tar without manifest.json": [[layer], "LAYOUT_INVALID", /holds no manifest\.json$/],
    "an OCI layout alone": [[layoutFile, indexJson([])], "LAYOUT_INVALID", /try oci-archive:/],
    "a manifest.json that is not JSON": [[{ path: "manifest.json", content: "[" }], "LAYOUT_INVALID", /not JSON/],
    "a manifest.json that is something else": [[{ path: "manifest.json", content: "{}" }], "LAYOUT_INVALID", /array/],
    "a manifest.json of more than 4 MiB": [
      [{ path: "manifest.json", content: Buffer.alloc(4 * 1024 * 1024 + 1, " ") }],
      "LAYOUT_INVALID",
      /larger than 4 MiB/,
    ],
    "a name that is none": [withItem({ RepoTags: ["NO NAME"] }), "LAYOUT_INVALID", /manifest\.json of .*NO NAME/],
    "a name without tag": [withItem({ RepoTags: ["web"] }), "LAYOUT_INVALID", /"web" has no tag/],
    "a link that leads out": [
      [...filesOf(image), { path: "a.tar", link: "../a.tar" }],
      "ARCHIVE_INVALID",
      /"a\.tar": its target lies outside/,
    ],
    "a link that leads out as docker before 1.12.1 wrote them": [
      [...dockerSave, { path: "4/layer.tar", link: `../../${id1}/layer.tar` }],
      "ARCHIVE_INVALID",
      /outside/,
    ],
    "a link to an absolute path": [
      [...filesOf(image), { path: "a.tar", link: "/etc/passwd" }],
      "ARCHIVE_INVALID",
      /absolute/,
    ],
    "a layout that is none": [
      [{ path: "oci-layout", content: "{}" }, ...filesOf(image), layer],
      "LAYOUT_INVALID",
      /version 1\.0\.0/,
    ],
  };
  for (const [what, [files, code, message]] of Object.entries(unopened)) {
    test(what, async (t) => assert.rejects(openDockerArchive(await archiveOf(t, files)), { code, message }));
  }

  const unresolved: Readonly<Record<string, readonly [files: readonly ArchivedFile[], code: string, message: RegExp]>> =
    {
      "a layer that is not there": [filesOf(image), "LAYOUT_INVALID", /holds no "a\.tar", which manifest\.json names/],
      "a config that is not there": [withItem({ Config: "b.json" }), "LAYOUT_INVALID", /holds no b\.json/],
      "a config that is not JSON": [withItem({ Config: "a.tar" }), "LAYOUT_INVALID", /"a\.tar" is no config/],
      "more layers than the config has": [
        withItem({ Layers: ["a.tar", "a.tar"] }),
        "LAYOUT_INVALID",
        /has 1 layers, .* 2/,
      ],
      "fewer layers than the config has": [withItem({ Layers: [] }), "LAYOUT_INVALID", /has 1 layers, .* 0/],
      "a layer that is not the config's": [
        [...filesOf(image), { path: "a.tar", content: own }],
        "CONTENT_MISMATCH",
        /"a\.tar" .* not its config's/,
      ],
      "a gzipped layer that is not the config's": [
        [...filesOf(image), { path: "a.tar", content: gzipSync(own) }],
        "CONTENT_MISMATCH",
        /not its config's/,
      ],
      "a layer of damaged gzip": [
        [...filesOf(image), { path: "a.tar", content: gzipSync(base).fill(0xff, 20) }],
        "ARCHIVE_INVALID",
        /Cannot inflate/,
      ],
      "a layer that is a directory": [
        [...filesOf(image), { path: "a.tar/x", content: base }],
        "LAYOUT_INVALID",
        /holds no "a\.tar"/,
      ],
      "a link to nothing": [
        [...filesOf(image), { path: "a.tar", link: "b.tar" }],
        "LAYOUT_INVALID",
        /holds no "a\.tar"/,
      ],
      "links in a circle": [
        [...filesOf(image), { path: "a.tar", link: "b.tar" }, { path: "b.tar", link: "a.tar" }],
        "LAYOUT_INVALID",
        /links lead on and on/,
      ],
      "an archive without images": [[{ path: "manifest.json", content: "[]" }], "CONTENT_UNKNOWN", /it holds no image/],
      "one name of two images": [
        [{ path: "a.tar", content: base }, ...filesOf(image, saved([base], ["a.tar"], ["web:1"], { os: "windows" }))],
        "REFERENCE_INVALID",
        /may be any of/,
      ],
    };
  for (const [what, [files, code, message]] of Object.entries(unresolved)) {
    test(what, async (t) => {
      await using archive = await openDockerArchive(await archiveOf(t, files));
      await assert.rejects(archive.resolve(""), { code, message });
    });
  }

  test("two entries of one name, sizes that lie, names that lead out", async (t) => {
    for (const bytes of [
      archived({ path: "manifest.json", content: "[]" }, { path: "manifest.json", content: "[]" }),
      archived({ path: "manifest.json", content: "[]", size: 100_000 }),
      archived({ path: "manifest.json", content: "[]" }, { path: "../a" }),
    ]) {
      await assert.rejects(openDockerArchive(await tarFile(t, bytes)), { code: "ARCHIVE_INVALID" });
    }
  });

  test("compressed archives, saying what to do", async (t) => {
    const bytes = await readFile(await archiveOf(t, dockerSave));
    const zstd = Buffer.from("28b52ffd04", "hex");
    for (const [compressed, hint] of [
      [gzipSync(bytes), /gzip; unpack it with gunzip first/],
      [zstd, /zstd; unpack it with unzstd first/],
      [Buffer.from("BZh91AY"), /bunzip2/],
      [Buffer.from("fd377a585a0000", "hex"), /unxz/],
    ] as const) {
      await assert.rejects(openDockerArchive(await tarFile(t, compressed)), { code: "ARCHIVE_INVALID", message: hint });
    }
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
