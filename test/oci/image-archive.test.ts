import assert from "node:assert/strict";
import { test } from "node:test";
import { readTar } from "../../lib/archive/index.ts";
import { mediaTypes, type Platform } from "../../lib/oci/descriptor.ts";
import { readGraph } from "../../lib/oci/graph.ts";
import { type ArchivedImage, contentSegment, imageArchive } from "../../lib/oci/image-archive.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { parseReference } from "../../lib/oci/reference.ts";
import {
  type ImageFixture,
  imageFixture,
  indexPiece,
  layerPiece,
  type Piece,
  piece,
  putAll,
} from "../contracts/image-fixture.ts";

/** An image as it is planned: everything below a manifest or index. */
async function planned(
  root: Piece,
  pieces: readonly Piece[],
  names: Pick<ArchivedImage, "reference" | "name"> = {},
  platforms?: readonly string[],
): Promise<ArchivedImage> {
  const source = openMemory();
  await putAll(source, pieces);
  return { source, root: root.descriptor, graph: await readGraph(source, root.descriptor, { platforms }), ...names };
}

async function filesOf(images: readonly ArchivedImage[]): Promise<Map<string, string>> {
  const archive = imageArchive(images);
  const files = new Map<string, string>();
  for await (const { path, type, body } of readTar(archive.read(0, archive.size), { entries: 100, bytes: 1e6 })) {
    files.set(path, type === "file" ? Buffer.concat(await Array.fromAsync(body)).toString("latin1") : "");
  }
  return files;
}
const json = (files: ReadonlyMap<string, string>, path: string) => JSON.parse(files.get(path) ?? "");
const path = ({ descriptor }: Piece): string => `blobs/sha256/${descriptor.digest.slice(7)}`;
const tags = (files: ReadonlyMap<string, string>) =>
  json(files, "manifest.json").map(({ Config, RepoTags }: Record<string, unknown>) => [Config, RepoTags]);

const [web, db] = [imageFixture("web"), imageFixture("db")];

test("metadata comes first, then every blob once, in the order of their digests", async () => {
  const shared = layerPiece("shared");
  const [one, two] = [imageFixture("1", { layers: [shared] }), imageFixture("2", { layers: [shared] })];
  const files = await filesOf([await planned(one.manifest, one.pieces), await planned(two.manifest, two.pieces)]);
  const blobs = [...new Set([...one.pieces, ...two.pieces].map(path))].sort();
  assert.equal(blobs.length, 5);
  assert.deepEqual([...files.keys()], ["oci-layout", "index.json", "manifest.json", "blobs", "blobs/sha256", ...blobs]);
  for (const each of [...one.pieces, ...two.pieces]) {
    assert.equal(files.get(path(each)), Buffer.from(each.bytes).toString("latin1"));
  }
});

test("the full name is for docker and containerd, the tag for OCI tools", async () => {
  const reference = parseReference("web:1");
  const files = await filesOf([
    await planned(web.manifest, web.pieces, { reference }),
    await planned(web.manifest, web.pieces, { reference: parseReference("quay.io/acme/web"), name: "stable" }),
    await planned(db.manifest, db.pieces, { name: "plain" }),
    await planned(db.manifest, db.pieces),
  ]);
  const entries = json(files, "index.json").manifests;
  assert.deepEqual(
    entries.map(({ annotations }: { annotations?: object }) => annotations),
    [
      { "io.containerd.image.name": "docker.io/library/web:1", "org.opencontainers.image.ref.name": "1" },
      { "io.containerd.image.name": "quay.io/acme/web", "org.opencontainers.image.ref.name": "stable" },
      { "org.opencontainers.image.ref.name": "plain" },
      undefined,
    ],
  );
  assert.deepEqual(tags(files), [
    [path(web.config), ["docker.io/library/web:1"]],
    [path(db.config), []],
  ]);
});

test("a name with tag and digest is one that docker could not give, so it gets the tag", async () => {
  const reference = parseReference(`web:1@${web.manifest.descriptor.digest}`);
  const files = await filesOf([await planned(web.manifest, web.pieces, { reference })]);
  assert.deepEqual(tags(files), [[path(web.config), ["docker.io/library/web:1"]]]);
});

const index = (images: readonly { image: ImageFixture; platform: Platform }[]): Piece =>
  piece(
    mediaTypes.ociIndex,
    JSON.stringify({
      schemaVersion: 2,
      manifests: images.map(({ image, platform }) => ({ ...image.manifest.descriptor, platform })),
    }),
  );

test("docker gets linux/amd64 where it is, else what there is, and only what is in the archive", async () => {
  const [arm, windows] = [
    { image: web, platform: { os: "linux", architecture: "arm64" } },
    { image: db, platform: { os: "windows", architecture: "amd64" } },
  ];
  const other = imageFixture("other");
  const amd = { image: other, platform: { os: "linux", architecture: "amd64" } };
  const all = [windows, arm, amd];
  const whole = index(all);
  const pieces = [...all.flatMap(({ image }) => image.pieces), whole];
  const chosen = async (platforms?: readonly string[]) =>
    tags(await filesOf([await planned(whole, pieces, {}, platforms)]));
  assert.deepEqual(await chosen(), [[path(other.config), []]]);
  assert.deepEqual(await chosen(["linux/arm64"]), [[path(web.config), []]]);
  assert.deepEqual(await chosen(["windows/amd64", "linux/arm64"]), [[path(web.config), []]]);
  const nested = indexPiece([index([windows])]);
  assert.deepEqual(tags(await filesOf([await planned(nested, [...db.pieces, index([windows]), nested])])), [
    [path(db.config), []],
  ]);
});

test("docker does not see what it could not load", async () => {
  const layer = layerPiece("layer");
  const manifestOf = (config: Piece, layers: readonly Piece[]): Piece =>
    piece(
      mediaTypes.ociManifest,
      JSON.stringify({
        schemaVersion: 2,
        config: config.descriptor,
        layers: layers.map(({ descriptor }) => descriptor),
      }),
    );
  const chart = piece(mediaTypes.helmConfig, "{}");
  const attestation = piece("application/vnd.in-toto+json", "{}");
  const foreign = piece("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "elsewhere");
  for (const [config, layers] of [
    [chart, [layer]],
    [web.config, [attestation]],
    [web.config, [layer, foreign]],
  ] as const) {
    const manifest = manifestOf(config, layers);
    const files = await filesOf([await planned(manifest, [config, ...layers, manifest])]);
    assert.deepEqual(json(files, "manifest.json"), []);
    assert.equal(json(files, "index.json").manifests.length, 1);
  }
});

test("content that is not what its descriptor says breaks the archive", async () => {
  const image = await planned(web.manifest, web.pieces);
  const { size } = imageArchive([image]);
  const broken = imageArchive([image], (source, descriptor) => {
    const content = contentSegment(source, descriptor);
    return { size: content.size, read: (start, end) => content.read(start, Math.max(start, end - 1)) };
  });
  await assert.rejects(Array.fromAsync(broken.read(0, size)), { code: "ARCHIVE_INVALID", message: /blobs\/sha256/ });
});
