import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import { hexOf, mediaTypes } from "../../lib/oci/descriptor.ts";
import { inTreeOrder, openTree, type Tree } from "../../lib/oci/tree.ts";
import { blobPath, repositoryPaths } from "../../lib/oci/tree-paths.ts";
import { imageFixture, inChunks, indexPiece, layerPiece, piece, putAll, read } from "../contracts/image-fixture.ts";
import { testTarget } from "../contracts/target.ts";

testTarget("A repository of a registry storage tree", async () => {
  const root = await mkdtemp(join(tmpdir(), "stowage-tree-"));
  return { target: openTree(root).repository("a/b"), close: () => rm(root, { recursive: true }) };
});

interface Opened extends AsyncDisposable {
  readonly root: string;
  readonly tree: Tree;
}

async function open(): Promise<Opened> {
  const root = await mkdtemp(join(tmpdir(), "stowage-tree-"));
  return { root, tree: openTree(root), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

const rejects = (code: string) => (error: unknown) => error instanceof RejectedError && error.code === code;
const image = imageFixture("image");
const blob = layerPiece("blob", 100_000);

test("an image is kept exactly as distribution keeps it", async () => {
  await using opened = await open();
  const index = indexPiece([image.manifest]);
  const repository = opened.tree.repository("a/b");
  await putAll(repository, [...image.pieces, index]);
  await repository.tag("v1", image.manifest.descriptor);
  await repository.tag("v1", index.descriptor);

  const files = new Map<string, string>();
  const base = join(opened.root, "docker/registry/v2");
  for (const entry of await readdir(base, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(base.length + 1), await readFile(path, "latin1"));
  }
  const expected = new Map<string, string>();
  const link = (path: string, { descriptor: { digest } }: typeof index) =>
    expected.set(`repositories/a/b/${path.replace("HEX", hexOf(digest))}/link`, digest);
  for (const { descriptor, bytes } of [...image.pieces, index]) {
    const hex = hexOf(descriptor.digest);
    expected.set(`blobs/sha256/${hex.slice(0, 2)}/${hex}/data`, Buffer.from(bytes).toString("latin1"));
  }
  for (const part of [image.config, ...image.layers]) link("_layers/sha256/HEX", part);
  for (const manifest of [image.manifest, index]) {
    link("_manifests/revisions/sha256/HEX", manifest);
    link("_manifests/tags/v1/index/sha256/HEX", manifest);
  }
  link("_manifests/tags/v1/current", index);
  assert.deepEqual(new Map([...files].sort()), new Map([...expected].sort()));
});

test("a tree that is not there is empty, and asking it makes nothing", async () => {
  await using opened = await open();
  const root = join(opened.root, "absent");
  const tree = openTree(root);
  assert.deepEqual(await Array.fromAsync(tree.repositories()), []);
  assert.equal(await tree.repository("a").exists(), false);
  await tree.repository("a").remove("v1");
  await assert.rejects(tree.repository("a").resolve("v1"), rejects("CONTENT_UNKNOWN"));
  assert.deepEqual(await readdir(opened.root), []);
});

test("repositories are listed component by component, without what never held a manifest", async () => {
  await using opened = await open();
  const names = ["a", "a/b", "a/b/c", "a-b", "a.b/c", "a0", "b"];
  for (const name of names.toReversed()) await putAll(opened.tree.repository(name), image.pieces);
  await putAll(opened.tree.repository("only/blobs"), image.layers);
  assert.deepEqual(await Array.fromAsync(opened.tree.repositories()), names);
  assert.deepEqual(names.toSorted(inTreeOrder), names);
});

test("a name that is none opens no repository", async () => {
  await using opened = await open();
  for (const name of ["", "A", "..", "a/../b", "/a", "a/", "a//b", "_uploads", "a/_layers", "a\0", "a".repeat(256)]) {
    assert.throws(() => opened.tree.repository(name), rejects("REFERENCE_INVALID"), JSON.stringify(name));
  }
});

test("a blob belongs to one repository until another takes it from there", async () => {
  await using opened = await open();
  const [first, second] = [opened.tree.repository("a"), opened.tree.repository("b")];
  await putAll(first, [blob]);
  assert.equal(await second.has(blob.descriptor), false);
  await assert.rejects(second.open(blob.descriptor), rejects("CONTENT_UNKNOWN"));
  const never = () => assert.fail("opened");
  assert.equal(await second.put(blob.descriptor, never, { from: "a" }), "mounted");
  assert.deepEqual(await read(second, blob.descriptor), blob.bytes);
  await first.removeBlob(blob.descriptor.digest);
  assert.equal(await first.has(blob.descriptor), false);
  assert.deepEqual(await read(second, blob.descriptor), blob.bytes);
});

test("a blob that is not where it should be taken from is taken from its source", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  assert.equal(await repository.put(blob.descriptor, async () => inChunks(blob.bytes), { from: "b" }), "written");
  await assert.rejects(repository.put(layerPiece("x").descriptor, async () => inChunks(blob.bytes), { from: "../b" }));
});

test("a blob is forgotten by several at once, and what never was is forgotten as well", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  await putAll(repository, [blob]);
  await Promise.all([1, 2, 3, 4].map(() => repository.removeBlob(blob.descriptor.digest)));
  assert.equal(await repository.has(blob.descriptor), false);
  await repository.removeBlob(blob.descriptor.digest);
});

test("a blob whose bytes were lost is put again", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  await putAll(repository, [blob]);
  await unlink(blobPath(opened.root, blob.descriptor.digest));
  assert.equal(await repository.has(blob.descriptor), false);
  assert.equal(await repository.put(blob.descriptor, async () => inChunks(blob.bytes)), "written");
});

test("an index may be kept without its children", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  const sparse = indexPiece([image.manifest]);
  await putAll(repository, [sparse]);
  await repository.tag("v1", sparse.descriptor);
  assert.equal((await repository.resolve("v1")).digest, sparse.descriptor.digest);
});

test("a manifest that would not be known again is refused", async () => {
  await using opened = await open();
  const { bytes } = imageFixture("a", { bare: true }).manifest;
  const nameless = piece(mediaTypes.dockerManifest, bytes);
  await assert.rejects(putAll(opened.tree.repository("a"), [nameless]), rejects("MANIFEST_INVALID"));
});

test("only what is a tag is listed as one", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  await putAll(repository, image.pieces);
  await repository.tag("v1", image.manifest.descriptor);
  const { tags } = repositoryPaths(opened.root, "a");
  await writeFile(join(tags, "stray"), "");
  await mkdir(join(tags, ".hidden/current"), { recursive: true });
  await mkdir(join(tags, "cut-short/index"), { recursive: true });
  assert.deepEqual(await Array.fromAsync(repository.tags()), ["v1"]);
});

test("a link that holds anything but its digest is damage", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  await putAll(repository, image.pieces);
  await repository.tag("v1", image.manifest.descriptor);
  const paths = repositoryPaths(opened.root, "a");
  const { digest } = image.manifest.descriptor;
  for (const text of ["", `${digest}\n`, digest.slice(0, -1), "sha256:../../../../etc/passwd"]) {
    await writeFile(paths.current("v1"), text);
    await assert.rejects(repository.resolve("v1"), rejects("TREE_INVALID"), JSON.stringify(text));
  }
  await repository.tag("v1", image.manifest.descriptor);
  assert.equal((await repository.resolve("v1")).digest, digest);
  await writeFile(paths.revision(digest), image.config.descriptor.digest);
  await assert.rejects(repository.resolve("v1"), rejects("TREE_INVALID"));
});

test("a manifest on disk that is no manifest, or too large for one, is not resolved", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  await putAll(repository, image.pieces);
  const { digest } = image.manifest.descriptor;
  for (const bytes of ["{", "null", '{"mediaType":"text/html\\r\\nx: y"}', Buffer.alloc(4 * 1024 * 1024 + 1, " ")]) {
    await writeFile(blobPath(opened.root, digest), bytes);
    await assert.rejects(repository.resolve(digest), rejects("MANIFEST_INVALID"));
  }
});

test("symbolic links do not lead out of the tree, neither to read nor to write", async () => {
  await using opened = await open();
  await using outside = await open();
  await putAll(outside.tree.repository("a"), [...image.pieces, blob]);
  await outside.tree.repository("a").tag("v1", image.manifest.descriptor);
  const [here, there] = [repositoryPaths(opened.root, "a"), repositoryPaths(outside.root, "a")];
  const before = await readdir(outside.root, { recursive: true });
  await putAll(opened.tree.repository("b"), [blob]);

  await mkdir(dirname(here.layers), { recursive: true });
  await symlink(there.manifests, here.manifests);
  await symlink(there.layers, here.layers);
  await symlink(there.uploads, here.uploads);
  const repository = opened.tree.repository("a");
  const { descriptor } = image.manifest;
  await assert.rejects(repository.resolve("v1"), rejects("TREE_INVALID"));
  await assert.rejects(repository.open(blob.descriptor), rejects("TREE_INVALID"));
  await assert.rejects(Array.fromAsync(repository.tags()), rejects("TREE_INVALID"));
  await assert.rejects(repository.tag("v2", descriptor), rejects("TREE_INVALID"));
  await assert.rejects(repository.remove("v1"), rejects("TREE_INVALID"));
  await assert.rejects(repository.removeBlob(blob.descriptor.digest), rejects("TREE_INVALID"));
  await assert.rejects(repository.mount(blob.descriptor.digest, "b"), rejects("TREE_INVALID"));
  await assert.rejects(repository.startUpload(), rejects("TREE_INVALID"));
  await assert.rejects(putAll(repository, [layerPiece("new")]), rejects("TREE_INVALID"));
  assert.deepEqual(await readdir(outside.root, { recursive: true }), before);

  const data = blobPath(opened.root, blob.descriptor.digest);
  await unlink(data);
  await symlink(blobPath(outside.root, blob.descriptor.digest), data);
  await assert.rejects(opened.tree.repository("b").open(blob.descriptor), rejects("TREE_INVALID"));
});

test("the root of a tree may be a symbolic link", async () => {
  await using opened = await open();
  await putAll(opened.tree.repository("a"), [blob]);
  const alias = `${opened.root}-alias`;
  await symlink(opened.root, alias);
  try {
    assert.deepEqual(await read(openTree(alias).repository("a"), blob.descriptor), blob.bytes);
  } finally {
    await unlink(alias);
  }
});

test("an upload goes on in another process where it ended", async () => {
  await using opened = await open();
  const { digest } = blob.descriptor;
  using first = await opened.tree.repository("a").startUpload();
  await first.append(inChunks(blob.bytes.subarray(0, 60_000)));
  assert.equal(first.size, 60_000);

  const restarted = openTree(opened.root).repository("a");
  assert.equal(await restarted.uploadSize(first.id), 60_000);
  const second = (await restarted.takeUpload(first.id))!;
  await second.append(inChunks(blob.bytes.subarray(60_000)));
  assert.equal(await restarted.has(blob.descriptor), false);
  await second.finish(digest);
  second[Symbol.dispose]();
  assert.deepEqual(await read(restarted, blob.descriptor), blob.bytes);
  assert.equal(await restarted.takeUpload(first.id), undefined);
});

test("an upload keeps what came before its bytes broke", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  using upload = await repository.startUpload();
  async function* breaking() {
    yield blob.bytes.subarray(0, 30_000);
    throw new Error("gone");
  }
  await assert.rejects(upload.append(breaking()), /gone/);
  assert.equal(upload.size, 30_000);
  await upload.append(inChunks(blob.bytes.subarray(30_000)));
  await upload.finish(blob.descriptor.digest);
  assert.deepEqual(await read(repository, blob.descriptor), blob.bytes);
});

test("an upload that was changed behind the registry's back is noticed", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  using upload = await repository.startUpload();
  await upload.append(inChunks(blob.bytes.subarray(0, 30_000)));
  await writeFile(join(repositoryPaths(opened.root, "a").uploads, upload.id), "other");
  await upload.append(inChunks(blob.bytes.subarray(30_000)));
  await assert.rejects(upload.finish(blob.descriptor.digest), rejects("CONTENT_MISMATCH"));
  assert.equal(await repository.has(blob.descriptor), false);
});

test("an upload is in one hand at a time", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  const upload = await repository.startUpload();
  await assert.rejects(repository.takeUpload(upload.id), TransientError);
  upload[Symbol.dispose]();
  const taken = await Promise.allSettled([1, 2, 3].map(() => repository.takeUpload(upload.id)));
  assert.deepEqual(
    taken.map(({ status }) => status),
    ["fulfilled", "rejected", "rejected"],
  );
});

test("uploads that nobody has touched for a day are removed, with whatever else was left there", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a/b");
  const { uploads } = repositoryPaths(opened.root, "a/b");
  using old = await repository.startUpload();
  using fresh = await repository.startUpload();
  await mkdir(join(uploads, "removed-tag/current"), { recursive: true });
  const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
  for (const name of [old.id, "removed-tag"]) await utimes(join(uploads, name), yesterday, yesterday);

  const restarted = openTree(opened.root).repository("a/c");
  using _ = await restarted.startUpload();
  assert.deepEqual(await readdir(uploads), [fresh.id]);
});

test("there are 1,000 uploads at most, those of earlier processes included", async () => {
  await using opened = await open();
  const repository = opened.tree.repository("a");
  for (let number = 0; number < 999; number++) (await repository.startUpload())[Symbol.dispose]();
  const restarted = openTree(opened.root).repository("b");
  const last = await restarted.startUpload();
  await assert.rejects(restarted.startUpload(), TransientError);
  await last.cancel();
  await (await restarted.startUpload()).cancel();
});

test("after any sequence of puts, tags and removals, tags and manifests are those that were not removed", async () => {
  const images = ["a", "b", "c"].map((seed) => imageFixture(seed, { layers: [layerPiece("shared")] }));
  const position = fc.nat(images.length - 1);
  const tag = fc.constantFrom("v1", "v2", "latest");
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ act: fc.constant("push" as const), position, tag }) },
    fc.record({ act: fc.constant("untag" as const), position, tag }),
    fc.record({ act: fc.constant("remove" as const), position, tag }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using opened = await open();
      const tags = new Map<string, number>();
      const held = new Set<number>();
      for (const { act, position, tag } of steps) {
        const { pieces, manifest } = images[position]!;
        // each step on a tree opened anew: nothing is known but what is on disk
        const repository = openTree(opened.root).repository("a/b");
        if (act === "push") {
          await putAll(repository, pieces);
          await repository.tag(tag, manifest.descriptor);
          tags.set(tag, position);
          held.add(position);
        } else if (act === "untag") {
          await repository.remove(tag);
          tags.delete(tag);
        } else {
          await repository.remove(manifest.descriptor.digest);
          held.delete(position);
          for (const [name, at] of tags) if (at === position) tags.delete(name);
        }
      }
      const repository = opened.tree.repository("a/b");
      assert.deepEqual((await Array.fromAsync(repository.tags())).sort(), [...tags.keys()].sort());
      for (const [name, at] of tags) {
        assert.equal((await repository.resolve(name)).digest, images[at]!.manifest.descriptor.digest);
      }
      const digests = [...held].map((at) => images[at]!.manifest.descriptor.digest);
      assert.deepEqual(await Array.fromAsync(repository.manifests()), digests.sort());
    }),
    { numRuns: 20 },
  );
});
