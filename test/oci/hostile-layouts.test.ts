import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { StowageError } from "../../lib/errors.ts";
import { openImageArchive } from "../../lib/oci/archive.ts";
import type { Source } from "../../lib/oci/content.ts";
import { copy } from "../../lib/oci/copy.ts";
import { type Descriptor, hexOf, mediaTypes } from "../../lib/oci/descriptor.ts";
import { openDockerArchive } from "../../lib/oci/docker-archive.ts";
import { openLayout } from "../../lib/oci/layout.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { archived, type Raw } from "../archive/raw.ts";
import { imageFixture, indexPiece, layerPiece, type Piece, piece } from "../contracts/image-fixture.ts";
import { type ArchivedFile, archiveOf, fileOf, indexJson, layoutFile, tarFile } from "./image-tars.ts";
import { temporaryDirectory } from "./temporary.ts";

const image = imageFixture("web");
const named = (descriptor: Descriptor): ArchivedFile =>
  indexJson([{ ...descriptor, annotations: { "org.opencontainers.image.ref.name": "1" } }]);
/** What makes a layout a `docker save` as well. */
const manifestJson: ArchivedFile = {
  path: "manifest.json",
  content: JSON.stringify([
    {
      Config: `blobs/sha256/${hexOf(image.config.descriptor.digest)}`,
      RepoTags: ["web:1"],
      Layers: image.layers.map(({ descriptor }) => `blobs/sha256/${hexOf(descriptor.digest)}`),
    },
  ]),
};

/** Under a digest that is not its own. */
const forged = (at: Descriptor, bytes: Uint8Array | string): ArchivedFile => ({
  path: `blobs/sha256/${hexOf(at.digest)}`,
  content: bytes,
});
const manifestOf = (config: Descriptor, layers: readonly Descriptor[]): Piece =>
  piece(mediaTypes.ociManifest, JSON.stringify({ schemaVersion: 2, config, layers }));

const [layer, upper] = image.layers as [Piece, Piece];
const absent = layerPiece("absent").descriptor;
const selfish = indexPiece([{ descriptor: { ...absent, mediaType: mediaTypes.ociIndex }, bytes: Buffer.alloc(0) }]);
const huge = piece(mediaTypes.ociManifest, `{"schemaVersion":2${" ".repeat(4 * 1024 * 1024)}}`);
const liesAboutLayer = manifestOf(image.config.descriptor, [
  { ...layer.descriptor, size: layer.descriptor.size - 1 },
  upper.descriptor,
]);
const twoThings = manifestOf(image.config.descriptor, [
  layer.descriptor,
  { ...layer.descriptor, size: layer.descriptor.size + 1 },
]);

/** Files besides oci-layout, and what the copy must fail with. */
const hostile: Readonly<Record<string, readonly [files: readonly ArchivedFile[], code: string, why: RegExp]>> = {
  "an index that names itself": [
    [
      named({ ...selfish.descriptor, digest: absent.digest }),
      forged(absent, selfish.bytes),
      ...image.pieces.map(fileOf),
    ],
    "CONTENT_MISMATCH",
    /the bytes have digest/,
  ],
  "a manifest of more than 4 MiB": [
    [named(huge.descriptor), fileOf(huge), ...image.pieces.map(fileOf)],
    "MANIFEST_INVALID",
    /more than 4194304/,
  ],
  "an index.json that lies about a size": [
    [named({ ...image.manifest.descriptor, size: 7 }), ...image.pieces.map(fileOf)],
    "CONTENT_MISMATCH",
    /instead of 7 bytes/,
  ],
  "a manifest that lies about a size": [
    [named(liesAboutLayer.descriptor), fileOf(liesAboutLayer), ...image.pieces.map(fileOf)],
    "CONTENT_MISMATCH",
    /it has 1000 instead of 999 bytes/,
  ],
  "a manifest that says two things of one layer": [
    [named(twoThings.descriptor), fileOf(twoThings), ...image.pieces.map(fileOf)],
    "MANIFEST_INVALID",
    /it is said to be a blob of/,
  ],
  "a layer with other bytes": [
    [
      named(image.manifest.descriptor),
      ...image.pieces.filter((one) => one !== layer).map(fileOf),
      forged(layer.descriptor, Buffer.alloc(1000)),
    ],
    "CONTENT_MISMATCH",
    /the bytes have digest/,
  ],
  "a layer that is not there": [
    [named(image.manifest.descriptor), ...image.pieces.filter((one) => one !== layer).map(fileOf)],
    "CONTENT_UNKNOWN",
    /it is not there/,
  ],
  "a digest of another kind": [
    [{ path: "index.json", content: '{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"md5:x","size":1}]}' }],
    "LAYOUT_INVALID",
    /sha256/,
  ],
  "a digest that leads out of the layout": [
    [
      {
        path: "index.json",
        content: `{"schemaVersion":2,"manifests":[{"mediaType":"${mediaTypes.ociManifest}","digest":"sha256:../../../secret","size":1}]}`,
      },
    ],
    "LAYOUT_INVALID",
    /sha256/,
  ],
};

async function directoryOf(t: TestContext, files: readonly ArchivedFile[]): Promise<string> {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, "blobs", "sha256"), { recursive: true });
  for (const file of files) {
    await mkdir(dirname(join(root, file.path)), { recursive: true });
    if ("link" in file) await symlink(file.link, join(root, file.path));
    else await writeFile(join(root, file.path), file.content);
  }
  return root;
}

const openers: Readonly<
  Record<string, (t: TestContext, files: readonly ArchivedFile[]) => Promise<Source & Partial<AsyncDisposable>>>
> = {
  oci: async (t, files) => openLayout(await directoryOf(t, files)),
  "oci-archive": async (t, files) => openImageArchive(await archiveOf(t, files)),
  "docker-archive": async (t, files) => openDockerArchive(await archiveOf(t, [...files, manifestJson])),
};

async function copyOf(t: TestContext, files: readonly ArchivedFile[], open: (typeof openers)[string]): Promise<void> {
  const source = await open(t, files);
  try {
    for await (const name of source.tags()) await copy(source, name, openMemory(), { as: "1" });
  } finally {
    await source[Symbol.asyncDispose]?.();
  }
}

for (const [transport, open] of Object.entries(openers)) {
  suite(`a copy from ${transport} refuses`, () => {
    for (const [what, [files, code, why]] of Object.entries(hostile)) {
      test(what, async (t) => {
        await assert.rejects(copyOf(t, [layoutFile, ...files], open), (error) => {
          assert.ok(error instanceof StowageError, String(error));
          assert.equal(error.code, code);
          assert.match(error.message, why);
          return true;
        });
      });
    }

    const whole = [layoutFile, named(image.manifest.descriptor), ...image.pieces.map(fileOf)];
    test("links to what lies outside", async (t) => {
      for (const link of ["/etc/passwd", "../../../secret"]) {
        const files = whole.map((file) => (file === whole.at(-2) ? { path: file.path, link } : file));
        await assert.rejects(copyOf(t, files, open), (error) => {
          assert.ok(error instanceof StowageError);
          assert.match(error.code, transport === "oci" ? /LAYOUT_INVALID/ : /ARCHIVE_INVALID/);
          return true;
        });
      }
    });

    test("nothing of an image that is sound", async (t) => copyOf(t, whole, open));
  });
}

suite("archives that mean two things are refused by both readers", () => {
  const rest: readonly Raw[] = [
    { path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: "index.json", content: '{"schemaVersion":2,"manifests":[]}' },
    { path: "manifest.json", content: "[]" },
  ];
  for (const [what, entries] of Object.entries({
    "two entries of one name": [...rest, { path: "./index.json", content: "{}" }],
    "a name that leads out": [...rest, { path: "blobs/../../x" }],
    "an absolute name": [...rest, { path: "/x" }],
    "a size that leads beyond the end": [...rest, { path: "x", size: 1_000_000 }],
    "a device": [...rest, { flag: "3", path: "x" }],
  } satisfies Record<string, Raw[]>)) {
    test(what, async (t) => {
      const file = await tarFile(t, archived(...entries));
      for (const open of [openImageArchive, openDockerArchive])
        await assert.rejects(open(file), { code: "ARCHIVE_INVALID" });
    });
  }

  test("links that an archive of docker may hold, an OCI archive may not", async (t) => {
    const file = await tarFile(t, archived(...rest, { flag: "2", path: "x", target: "index.json" }));
    await assert.rejects(openImageArchive(file), { code: "ARCHIVE_INVALID", message: /links are not allowed/ });
    await (await openDockerArchive(file))[Symbol.asyncDispose]();
  });
});
