import assert from "node:assert/strict";
import { test } from "node:test";
import { ArchiveCheck } from "../../lib/oci/archive-check.ts";
import { type Descriptor, mediaTypes } from "../../lib/oci/descriptor.ts";
import { imageFixture, inChunks, indexPiece, layerPiece, type Piece, piece } from "../contracts/image-fixture.ts";
import { type ArchivedFile, fileOf, indexJson, layoutFile } from "./image-tars.ts";

/** What is found in an archive of these files. */
async function check(files: readonly ArchivedFile[]) {
  const problems: string[] = [];
  const archive = new ArchiveCheck(problems);
  for (const file of files) {
    const bytes = Buffer.from("content" in file ? file.content : "");
    await archive.take({ path: file.path, size: bytes.byteLength, body: inChunks(bytes, 100) });
  }
  return { images: archive.finish(), problems };
}

const [web, db] = [imageFixture("web"), imageFixture("db")];
const index = indexPiece([web.manifest, db.manifest]);
const named = ({ descriptor }: Piece, name: string): Descriptor => ({
  ...descriptor,
  annotations: { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": "1" },
});
const path = ({ descriptor }: Piece): string => fileOf({ descriptor, bytes: Buffer.alloc(0) }).path;
const sound = [layoutFile, indexJson([named(web.manifest, "docker.io/acme/web:1")]), ...web.pieces.map(fileOf)];
const manifestJson = (content: unknown): ArchivedFile => ({ path: "manifest.json", content: JSON.stringify(content) });
const item = { Config: path(web.config), RepoTags: ["acme/web:1"], Layers: web.layers.map(path) };

test("a sound archive has no problems, and the names of its images are told", async () => {
  assert.deepEqual(await check([...sound, manifestJson([item])]), { images: ["docker.io/acme/web:1"], problems: [] });
});

test("platforms may be left out of an index, and layers that nobody may pass on", async () => {
  const sparse = [layoutFile, indexJson([index.descriptor]), fileOf(index), ...web.pieces.map(fileOf)];
  assert.deepEqual(await check(sparse), { images: [index.descriptor.digest], problems: [] });
  const foreign = piece("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "elsewhere");
  const image = piece(
    mediaTypes.ociManifest,
    JSON.stringify({ schemaVersion: 2, config: web.config.descriptor, layers: [foreign.descriptor] }),
  );
  const files = [layoutFile, indexJson([image.descriptor]), fileOf(image), fileOf(web.config)];
  assert.deepEqual((await check(files)).problems, []);
});

const [layer] = web.layers as [Piece];
const without = (left: Piece) => sound.filter((file) => file.path !== path(left));
const broken: Readonly<Record<string, readonly [files: readonly ArchivedFile[], problem: RegExp]>> = {
  "no oci-layout": [sound.slice(1), /^oci-layout is missing$/],
  "no index.json": [[layoutFile], /^index\.json is missing$/],
  "an index.json that is none": [[layoutFile, { path: "index.json", content: "{" }], /^index\.json: .*not JSON/],
  "a layer that is not there": [without(layer), /is missing, which blobs\/sha256\/.* refers to/],
  "a manifest that is not there": [[layoutFile, indexJson([web.manifest.descriptor])], /which index\.json refers to/],
  "an index without any of its images": [
    [layoutFile, indexJson([index.descriptor]), fileOf(index)],
    /is an index of which no image is there/,
  ],
  "a blob with other bytes": [
    [...without(layer), { path: path(layer), content: Buffer.alloc(1000) }],
    /does not have the digest of its name/,
  ],
  "a size that lies": [
    [layoutFile, indexJson([{ ...web.manifest.descriptor, size: 1 }]), ...web.pieces.map(fileOf)],
    /bytes, index\.json says 1$/,
  ],
  "a manifest that is none": [
    [layoutFile, indexJson([{ ...layer.descriptor, mediaType: mediaTypes.ociManifest }]), fileOf(layer)],
    /is no manifest, but index\.json says so/,
  ],
  "a blob that nobody asks for": [[...sound, fileOf(layerPiece("stray"))], /is referred to by nothing/],
  "a manifest.json that is none": [[...sound, manifestJson({})], /^manifest\.json: /],
  "a manifest.json with a layer that is not there": [
    [...sound, manifestJson([{ ...item, Layers: ["a.tar"] }])],
    /^a\.tar is missing, which manifest\.json refers to$/,
  ],
  "metadata that is too large": [
    [...sound, { path: "repositories", content: Buffer.alloc(4 * 1024 * 1024 + 1) }],
    /more than metadata can have/,
  ],
};
for (const [what, [files, problem]] of Object.entries(broken)) {
  test(`${what} is a problem`, async () => {
    const { problems } = await check(files);
    assert.ok(
      problems.some((found) => problem.test(found)),
      problems.join("\n"),
    );
  });
}
