import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { buildImage, buildIndex, buildLayer, type FileEntry, type Layer, openBuilt } from "../../lib/oci/build.ts";
import { copy } from "../../lib/oci/copy.ts";
import { digestOf, mediaTypes } from "../../lib/oci/descriptor.ts";
import { readManifest } from "../../lib/oci/manifest.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { noise, read } from "../contracts/image-fixture.ts";
import { requiring } from "../real/programs.ts";
import { temporaryDirectory, temporaryLayout } from "./temporary.ts";

const run = promisify(execFile);

const bytesOf = async (layer: Layer): Promise<Buffer> => Buffer.concat(await Array.fromAsync(layer.bytes()));

const files: readonly FileEntry[] = [
  { path: "etc/app/config.yaml", content: "a: 1\n" },
  { path: "bin/app", content: noise("app", 5000), mode: 0o755 },
  { path: "bin/link", link: "app" },
  { path: "var", directory: true, mode: 0o1777, mtime: 1_700_000_000 },
  { path: `${"deep/".repeat(30)}grün`, content: "green" },
];

suite("buildLayer", () => {
  test("describes the bytes it gives, each time", async () => {
    const layer = await buildLayer(files);
    for (const bytes of [await bytesOf(layer), await bytesOf(layer)]) {
      const { digest, size, mediaType } = layer.descriptor;
      assert.deepEqual([digestOf(bytes), bytes.byteLength, mediaType], [digest, size, mediaTypes.ociLayerGzip]);
      assert.equal(digestOf(gunzipSync(bytes)), layer.diffId);
    }
  });

  test("does not depend on the order of the files, nor on time or machine", async () => {
    const [layer, turned] = [await buildLayer(files), await buildLayer(files.toReversed())];
    assert.deepEqual(layer.descriptor, turned.descriptor);
    // magic, deflate, no flags, no time, default speed, unknown system
    assert.equal((await bytesOf(layer)).subarray(0, 10).toString("hex"), "1f8b08000000000000ff");
  });

  test("takes files from disk as if their bytes had been given", async (t) => {
    const file = join(await temporaryDirectory(t), "large");
    const content = noise("large", 700_000);
    await writeFile(file, content);
    const [given, read] = [await buildLayer([{ path: "f", content }]), await buildLayer([{ path: "f", file }])];
    assert.deepEqual(read.descriptor, given.descriptor);
  });

  test("does not shrink what it is told not to", async () => {
    const layer = await buildLayer([{ path: "zeros", content: Buffer.alloc(100_000) }], { level: 0 });
    assert.ok(layer.descriptor.size > 100_000);
    assert.equal(digestOf(gunzipSync(await bytesOf(layer))), layer.diffId);
  });

  test("gives no complete bytes of a file that has changed since", async (t) => {
    const file = join(await temporaryDirectory(t), "changing");
    await writeFile(file, "before");
    const layer = await buildLayer([{ path: "f", file }]);
    const image = buildImage({ layers: [layer], platform: "linux/amd64" });
    for (const content of ["after!", "longer than before"]) {
      await writeFile(file, content);
      await assert.rejects(copy(openBuilt({ v1: image }), "v1", openMemory()), { code: "CONTENT_MISMATCH" });
    }
  });

  test("stops when it is aborted", async () => {
    await assert.rejects(buildLayer(files, { signal: AbortSignal.abort() }), { name: "AbortError" });
  });

  const refused: Readonly<Record<string, readonly FileEntry[]>> = {
    "an absolute path": [{ path: "/etc/passwd", content: "" }],
    "a path that leads out": [{ path: "a/../../b", content: "" }],
    "a path with .": [{ path: "./a", content: "" }],
    "an empty path": [{ path: "", content: "" }],
    "a path that ends with /": [{ path: "a/", directory: true }],
    "a path with a NUL": [{ path: "a\0b", content: "" }],
    "a path that means a deletion": [{ path: "etc/.wh.passwd", content: "" }],
    "a path given twice": [
      { path: "a", content: "1" },
      { path: "a", content: "2" },
    ],
    "a file in a file": [
      { path: "a", content: "" },
      { path: "a/b", content: "" },
    ],
    "a file behind a link": [
      { path: "a/b/c", content: "" },
      { path: "a", link: "/etc" },
    ],
    "a link to nothing": [{ path: "a", link: "" }],
    "a mode that is none": [{ path: "a", content: "", mode: 0o10000 }],
    "a time that is none": [{ path: "a", content: "", mtime: -1 }],
    "a time with fractions": [{ path: "a", content: "", mtime: 1.5 }],
    "a file that is not there": [{ path: "a", file: "/nowhere/at/all" }],
    "a directory for a file": [{ path: "a", file: "/" }],
  };
  for (const [what, entries] of Object.entries(refused)) {
    test(`refuses ${what}`, () => assert.rejects(buildLayer(entries), { code: "IMAGE_INVALID" }));
  }

  test("does not follow a symbolic link out of what was given", async (t) => {
    const link = join(await temporaryDirectory(t), "link");
    await symlink("/etc/passwd", link);
    await assert.rejects(buildLayer([{ path: "a", file: link }]), { code: "IMAGE_INVALID" });
  });

  for (const program of ["tar", "bsdtar"]) {
    test(`${program} unpacks it as it was meant`, requiring(program), async (t) => {
      const directory = await temporaryDirectory(t);
      const root = join(directory, "root");
      await mkdir(root);
      await writeFile(join(directory, "layer.tgz"), await bytesOf(await buildLayer(files)));
      await run(program, ["-xpzf", join(directory, "layer.tgz"), "-C", root]);
      for (const entry of files) {
        const path = join(root, entry.path);
        if ("content" in entry) assert.deepEqual(await readFile(path), Buffer.from(entry.content));
        if ("link" in entry) assert.equal(await readlink(path), entry.link);
      }
      const { stdout } = await run("stat", ["-c", "%a %Y", "bin", "bin/app", "etc/app/config.yaml", "var"], {
        cwd: root,
      });
      assert.deepEqual(stdout.trim().split("\n"), ["755 0", "755 0", "644 0", "1777 1700000000"]);
    });
  }
});

const config = {
  entrypoint: ["/bin/app"],
  cmd: ["serve"],
  env: { PATH: "/bin", MODE: "a=b" },
  labels: { "sealos.io.type": "application", app: "web" },
  workingDir: "/srv",
  user: "1000:1000",
  exposedPorts: ["8080", "53/udp"],
};

suite("buildImage", () => {
  test("writes manifest and config as the image-spec says", async () => {
    const layer = await buildLayer(files);
    const image = buildImage({ layers: [layer], config, platform: "linux/arm64/v8" });
    const source = openBuilt({ "1.0": image });
    const { manifest } = await readManifest(source, await source.resolve("1.0"));
    assert.ok(manifest.kind === "image");
    assert.deepEqual(manifest.layers, [layer.descriptor]);
    assert.deepEqual(JSON.parse((await read(source, manifest.config)).toString()), {
      created: "1970-01-01T00:00:00Z",
      os: "linux",
      architecture: "arm64",
      variant: "v8",
      config: {
        User: "1000:1000",
        ExposedPorts: { "53/udp": {}, "8080/tcp": {} },
        Env: ["PATH=/bin", "MODE=a=b"],
        Entrypoint: ["/bin/app"],
        Cmd: ["serve"],
        WorkingDir: "/srv",
        Labels: { app: "web", "sealos.io.type": "application" },
      },
      rootfs: { type: "layers", diff_ids: [layer.diffId] },
      history: [{ created: "1970-01-01T00:00:00Z", created_by: "stowage" }],
    });
  });

  test("builds the same image from the same things", async () => {
    const build = async () =>
      buildImage({ layers: [await buildLayer(files)], config, platform: "linux/amd64" }).descriptor;
    assert.deepEqual(await build(), await build());
  });

  test("adds to a base: its layers come first, and its config is what is not said again", async () => {
    const base = buildImage({
      layers: [await buildLayer([{ path: "base", content: "" }])],
      config,
      platform: "linux/amd64",
    });
    const own = await buildLayer([{ path: "own", content: "" }]);
    const image = buildImage({
      base,
      layers: [own],
      config: { entrypoint: ["/bin/other"], env: { MODE: "c" }, labels: { app: "db" } },
      platform: "linux/amd64",
    });
    assert.deepEqual(image.layers, [...base.layers, own]);
    assert.deepEqual(image.config, {
      ...config,
      entrypoint: ["/bin/other"],
      cmd: undefined,
      env: { PATH: "/bin", MODE: "c" },
      labels: { "sealos.io.type": "application", app: "db" },
    });
    assert.throws(() => buildImage({ base, layers: [], platform: "linux/arm64" }), { code: "IMAGE_INVALID" });
  });

  test("refuses variables and ports that are none", () => {
    for (const config of [{ env: { "A=B": "" } }, { env: { "": "" } }, { exposedPorts: ["http"] }]) {
      assert.throws(() => buildImage({ layers: [], config, platform: "linux/amd64" }), { code: "IMAGE_INVALID" });
    }
  });
});

suite("buildIndex", () => {
  test("names each image with its platform, and a layer of both travels once", async () => {
    const shared = await buildLayer([{ path: "shared", content: noise("shared", 10_000) }]);
    const images = await Promise.all(
      ["linux/amd64", "linux/arm64"].map(async (platform) =>
        buildImage({ layers: [shared, await buildLayer([{ path: platform, content: "" }])], platform }),
      ),
    );
    const index = buildIndex(images);
    const target = openMemory();
    const { blobs, descriptor } = await copy(openBuilt({ "1.0": index, amd64: images[0]! }), "1.0", target);
    assert.equal(blobs.moved, 5);
    const { manifest } = await readManifest(target, descriptor);
    assert.ok(manifest.kind === "index");
    assert.deepEqual(
      manifest.manifests.map(({ platform }) => platform),
      [
        { os: "linux", architecture: "amd64" },
        { os: "linux", architecture: "arm64" },
      ],
    );
  });
});

suite("what was built and other programs", () => {
  test("skopeo inspects and copies it, umoci unpacks it", requiring("skopeo", "umoci"), async (t) => {
    const layout = await temporaryLayout(t);
    const layer = await buildLayer(files);
    const image = buildImage({ layers: [layer], config, platform: "linux/amd64" });
    await copy(openBuilt({ v1: buildIndex([image]), single: image }), "v1", layout);
    await copy(openBuilt({ v1: buildIndex([image]), single: image }), "single", layout);
    const { stdout } = await run("skopeo", ["inspect", `${layout.name}:single`]);
    const inspected = JSON.parse(stdout) as Record<string, unknown>;
    assert.equal(inspected["Digest"], image.descriptor.digest);
    assert.deepEqual(inspected["Labels"], config.labels);
    assert.deepEqual(inspected["Env"], ["PATH=/bin", "MODE=a=b"]);

    // a docker-archive holds plain tars named by their digests: skopeo has checked diffIDs on the way
    const directory = await temporaryDirectory(t);
    await run("skopeo", ["copy", `${layout.name}:single`, `docker-archive:${join(directory, "d.tar")}:web:1`]);
    const bundle = join(directory, "bundle");
    await run("umoci", ["unpack", "--rootless", "--image", `${layout.name.slice(4)}:single`, bundle]);
    const unpacked = await readFile(join(bundle, "rootfs", "bin", "app"));
    assert.equal(createHash("sha256").update(unpacked).digest("hex"), digestOf(noise("app", 5000)).slice(7));
  });
});
