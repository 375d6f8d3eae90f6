import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { copy } from "../../lib/oci/copy.ts";
import { hexOf } from "../../lib/oci/descriptor.ts";
import { openLayout } from "../../lib/oci/layout.ts";
import { imageFixture, inChunks, indexPiece, layerPiece, putAll, read } from "../contracts/image-fixture.ts";
import { testTarget } from "../contracts/target.ts";
import { requiring } from "../real/programs.ts";
import { temporaryDirectory } from "./temporary.ts";

const run = promisify(execFile);

testTarget("an OCI layout", async () => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-layout-"));
  return {
    target: await openLayout(directory, { create: true }),
    close: () => rm(directory, { recursive: true, force: true }),
  };
});

/** A layout that holds one image called v1. */
async function layoutWithImage(t: TestContext) {
  const directory = join(await temporaryDirectory(t), "layout");
  const target = await openLayout(directory, { create: true });
  const image = imageFixture("a");
  await putAll(target, image.pieces);
  await target.tag("v1", image.manifest.descriptor);
  const blobOf = (digest: `sha256:${string}`) => join(directory, "blobs", "sha256", hexOf(digest));
  return { directory, target, image, blobOf };
}

const isInvalid = { code: "LAYOUT_INVALID", disposition: "reject" };

suite("openLayout", () => {
  test("makes a layout only when asked to, and leaves one that is there as it is", async (t) => {
    const { directory, image } = await layoutWithImage(t);
    await assert.rejects(openLayout(join(directory, "absent")), isInvalid);
    const again = await openLayout(directory, { create: true });
    assert.equal((await again.resolve("v1")).digest, image.manifest.descriptor.digest);
  });

  test("writes what the image-spec says, and leaves no other files", async (t) => {
    const { directory, image } = await layoutWithImage(t);
    assert.deepEqual((await readdir(directory)).sort(), ["blobs", "index.json", "oci-layout"]);
    assert.equal(await readFile(join(directory, "oci-layout"), "utf8"), '{"imageLayoutVersion":"1.0.0"}');
    assert.deepEqual(JSON.parse(await readFile(join(directory, "index.json"), "utf8")), {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ ...image.manifest.descriptor, annotations: { "org.opencontainers.image.ref.name": "v1" } }],
    });
    assert.deepEqual(
      (await readdir(join(directory, "blobs", "sha256"))).sort(),
      image.pieces.map(({ descriptor }) => hexOf(descriptor.digest)).sort(),
    );
  });

  test("leaves no private file behind when a put fails", async (t) => {
    const { directory, target } = await layoutWithImage(t);
    const { descriptor } = layerPiece("other");
    await assert.rejects(target.put(descriptor, async () => inChunks(Buffer.from("not these"))));
    await assert.rejects(
      target.put(descriptor, () => Promise.reject(new Error("no source"))),
      /no source/,
    );
    assert.deepEqual((await readdir(directory)).sort(), ["blobs", "index.json", "oci-layout"]);
  });

  test("refuses a directory that is not there, and makes none", async (t) => {
    const directory = join(await temporaryDirectory(t), "none");
    await assert.rejects(openLayout(directory), { code: "LAYOUT_INVALID", message: /there is no such directory$/ });
    await assert.rejects(access(directory), { code: "ENOENT" });
  });

  const damage: Readonly<Record<string, (directory: string) => Promise<unknown>>> = {
    "no oci-layout": (directory) => rm(join(directory, "oci-layout")),
    "an oci-layout of another version": (directory) =>
      writeFile(join(directory, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}'),
    "an oci-layout that is no JSON": (directory) => writeFile(join(directory, "oci-layout"), "{"),
    "no index.json": (directory) => rm(join(directory, "index.json")),
    "an index.json that is no JSON": (directory) => writeFile(join(directory, "index.json"), "{"),
    "an index.json that is no index": (directory) => writeFile(join(directory, "index.json"), "[]"),
    "an index.json with a digest that is none": (directory) =>
      writeFile(
        join(directory, "index.json"),
        '{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:../../etc/passwd","size":1}]}',
      ),
    "an index.json of more than 4 MiB": (directory) => truncate(join(directory, "index.json"), 4 * 1024 * 1024 + 1),
    "an index.json that is a symbolic link": async (directory) => {
      await rename(join(directory, "index.json"), join(directory, "other.json"));
      await symlink("other.json", join(directory, "index.json"));
    },
    "an index.json that is a directory": async (directory) => {
      await rm(join(directory, "index.json"));
      await mkdir(join(directory, "index.json"));
    },
    "an index.json that is a pipe": async (directory) => {
      await rm(join(directory, "index.json"));
      await run("mkfifo", [join(directory, "index.json")]);
    },
    "no blobs": (directory) => rename(join(directory, "blobs"), join(directory, "away")),
    "blobs that are a symbolic link": async (directory) => {
      await rename(join(directory, "blobs"), join(directory, "away"));
      await symlink("away", join(directory, "blobs"));
    },
  };
  for (const [what, make] of Object.entries(damage)) {
    test(`refuses a directory with ${what}`, async (t) => {
      const { directory } = await layoutWithImage(t);
      await make(directory);
      await assert.rejects(openLayout(directory), isInvalid);
    });
  }

  test("refuses blobs that are no regular files", async (t) => {
    const { target, image, blobOf, directory } = await layoutWithImage(t);
    const { descriptor, bytes } = image.config;
    const path = blobOf(descriptor.digest);
    const makers = [
      () => symlink(join(directory, "copy"), path),
      () => symlink("nowhere", path),
      () => mkdir(path),
      () => run("mkfifo", [path]),
    ];
    await writeFile(join(directory, "copy"), bytes);
    for (const make of makers) {
      await rm(path, { recursive: true });
      await make();
      await assert.rejects(target.has(descriptor), isInvalid);
      await assert.rejects(read(target, descriptor), isInvalid);
      await assert.rejects(
        target.put(descriptor, async () => inChunks(bytes)),
        isInvalid,
      );
    }
  });

  test("does not give out a blob that was changed on disk, and lets one that was cut off be put again", async (t) => {
    const { target, image, blobOf } = await layoutWithImage(t);
    const { descriptor, bytes } = image.layers[0]!;
    await writeFile(blobOf(descriptor.digest), Buffer.alloc(descriptor.size));
    await assert.rejects(read(target, descriptor), { code: "CONTENT_MISMATCH" });
    await truncate(blobOf(descriptor.digest), 10);
    await assert.rejects(read(target, descriptor), { code: "CONTENT_MISMATCH" });
    assert.equal(await target.has(descriptor), false);
    assert.equal(await target.put(descriptor, async () => inChunks(bytes)), "written");
    assert.deepEqual(await read(target, descriptor), bytes);
  });

  test("keeps what others wrote into index.json", async (t) => {
    const { directory, target, image } = await layoutWithImage(t);
    const foreign = {
      ...image.manifest.descriptor,
      data: "e30=",
      annotations: { "io.containerd.image.name": "docker.io/library/a:1", "org.opencontainers.image.ref.name": "1" },
    };
    const file = join(directory, "index.json");
    const index = JSON.parse(await readFile(file, "utf8")) as { manifests: unknown[] };
    const own = index.manifests[0];
    await writeFile(file, JSON.stringify({ ...index, manifests: [foreign, own], annotations: { by: "others" } }));
    await target.tag("v2", image.manifest.descriptor);
    await target.remove("v1");
    const after = JSON.parse(await readFile(file, "utf8")) as { manifests: unknown[]; annotations: unknown };
    assert.deepEqual(after.manifests[0], foreign);
    assert.deepEqual(after.annotations, { by: "others" });
    assert.deepEqual(await Array.fromAsync(target.tags()), ["docker.io/library/a:1", "v2"]);
    assert.equal((await target.resolve("docker.io/library/a:1")).digest, image.manifest.descriptor.digest);
    assert.equal((await target.resolve("1")).digest, image.manifest.descriptor.digest);
  });

  test("does not choose between images of one name", async (t) => {
    const { directory, target, image } = await layoutWithImage(t);
    const other = imageFixture("other");
    await putAll(target, other.pieces);
    assert.equal((await target.resolve("")).digest, image.manifest.descriptor.digest);
    await target.tag("v2", other.manifest.descriptor);
    await assert.rejects(target.resolve(""), { code: "REFERENCE_INVALID" });
    const file = join(directory, "index.json");
    await writeFile(file, (await readFile(file, "utf8")).replace('"v2"', '"v1"'));
    await assert.rejects(target.resolve("v1"), { code: "REFERENCE_INVALID" });
  });

  test("tags of two openings of one directory do not get lost", async (t) => {
    const { directory, target, image } = await layoutWithImage(t);
    const again = await openLayout(join(directory, "..", "layout"));
    const tags = Array.from({ length: 10 }, (_, number) => `t${number}`);
    const { descriptor } = image.manifest;
    await Promise.all(tags.map((tag, number) => (number % 2 ? target : again).tag(tag, descriptor)));
    assert.deepEqual((await Array.fromAsync(target.tags())).sort(), [...tags, "v1"]);
  });

  test("forgets a name whose manifest is gone already", async (t) => {
    const { target, image, blobOf } = await layoutWithImage(t);
    await rm(blobOf(image.manifest.descriptor.digest));
    await target.remove(image.manifest.descriptor.digest);
    assert.deepEqual(await Array.fromAsync(target.tags()), []);
  });

  test("a disk that cannot be written is worth another try", async (t) => {
    const { directory, target } = await layoutWithImage(t);
    const { descriptor, bytes } = layerPiece("late");
    await rename(join(directory, "blobs"), join(directory, "away"));
    await assert.rejects(
      target.put(descriptor, async () => inChunks(bytes)),
      { code: "DISK_UNAVAILABLE", disposition: "retry" },
    );
  });
});

suite("an OCI layout and other programs", () => {
  test("skopeo reads what stowage wrote, index and all", requiring("skopeo"), async (t) => {
    const { directory, target, image } = await layoutWithImage(t);
    const inspected = JSON.parse((await run("skopeo", ["inspect", `oci:${directory}:v1`])).stdout) as {
      Digest: string;
    };
    assert.equal(inspected.Digest, image.manifest.descriptor.digest);
    const index = indexPiece([image.manifest]);
    await putAll(target, [index]);
    await target.tag("all", index.descriptor);
    const away = join(directory, "..", "away");
    await run("skopeo", ["copy", "--all", "--preserve-digests", `oci:${directory}:all`, `oci:${away}:all`]);
    const copied = await openLayout(away);
    assert.equal((await copied.resolve("all")).digest, index.descriptor.digest);
    for (const { descriptor, bytes } of image.pieces) assert.deepEqual(await read(copied, descriptor), bytes);
  });

  test("umoci lists the tags, and stowage reads and extends what umoci wrote", requiring("umoci"), async (t) => {
    const directory = join(await temporaryDirectory(t), "umoci");
    await run("umoci", ["init", "--layout", directory]);
    const target = await openLayout(directory);
    assert.deepEqual(await Array.fromAsync(target.tags()), []);
    await run("umoci", ["new", "--image", `${directory}:own`]);
    const { image, target: other } = await layoutWithImage(t);
    await copy(other, "v1", target, { as: "v2" });
    const { stdout } = await run("umoci", ["list", "--layout", directory]);
    assert.deepEqual(stdout.trim().split("\n").sort(), ["own", "v2"]);
    const own = await target.resolve("own");
    assert.ok((await read(target, own)).byteLength > 0);
    assert.deepEqual(await read(target, image.manifest.descriptor), image.manifest.bytes);
    await assert.rejects(target.resolve("v1"), { code: "CONTENT_UNKNOWN" });
  });
});
