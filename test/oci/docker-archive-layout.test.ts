import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { copy } from "../../lib/oci/copy.ts";
import { describe, mediaTypes } from "../../lib/oci/descriptor.ts";
import { openDockerArchive } from "../../lib/oci/docker-archive.ts";
import { readManifest } from "../../lib/oci/manifest.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { imageFixture, indexPiece, type Piece, read } from "../contracts/image-fixture.ts";
import { base, filesOf, saved } from "./docker-save.ts";
import { type ArchivedFile, archiveOf, fileOf, indexJson, layoutFile } from "./image-tars.ts";

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
