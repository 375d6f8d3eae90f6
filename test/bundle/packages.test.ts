import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { readRelease } from "../../lib/bundle/index.ts";
import { openStore } from "../../lib/store/index.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { filesBelow, HOST, openWorkshop, type Workshop } from "./workshop.ts";

const run = promisify(execFile);
let shop: Workshop;
before(async () => {
  shop = await openWorkshop([HOST, "harbor.caicloud.xyz", "cargo-infra.caicloud.xyz"]);
  await shop.push("devops_release/release:v2.7.1", "the release", ["linux/amd64"]);
  for (const name of ["release/lantern:v0.8.1", "library/nginx:1.14", "demo/web:1", "demo/db:1"]) await shop.push(name);
  for (const name of ["compass-plugins-lantern", "compass-plugins-lantern-agent"]) {
    await shop.push(`release/${name}:v0.1.1`, name, ["linux/amd64"]);
  }
});
after(() => shop[Symbol.asyncDispose]());

const example = async (name: string) => readRelease(await readFile(`examples/packages/${name}.yaml`, "utf8"));
const examples = () => openStore(`file:${process.cwd()}/examples/packages`);

test("OEM-26, OEM-15, OEM-24, OEM-T15: the package of a product has exactly its five files, in a directory of its name", async () => {
  const directory = await shop.unpacked(await example("compass"), { files: await examples() });
  assert.deepEqual(await filesBelow(directory), [
    "755 compass-component-v2.7.1/cadm",
    "644 compass-component-v2.7.1/config.sample",
    "644 compass-component-v2.7.1/image/release.tar.gz",
    "755 compass-component-v2.7.1/install.sh",
    "644 compass-component-v2.7.1/pangolin-deploy-images.tar.gz",
  ]);
});

test("OEM-28, ST-9: what is called tar.gz is gzip", async () => {
  const { bytes } = await shop.build(await example("compass"), { files: await examples() });
  assert.deepEqual([...bytes.subarray(0, 2)], [0x1f, 0x8b]);
  const directory = await shop.unpacked(await example("compass"), { files: await examples() });
  for (const name of ["image/release.tar.gz", "pangolin-deploy-images.tar.gz"]) {
    await run("gzip", ["-t", join(directory, "compass-component-v2.7.1", name)]);
  }
});

test("OEM-W9: the release image is saved under its plain name", async () => {
  const directory = await shop.unpacked(await example("compass"), { files: await examples() });
  const file = join(directory, "compass-component-v2.7.1/image/release.tar.gz");
  const { stdout } = await run("tar", ["-xOf", file, "manifest.json"]);
  // docker calls what is of docker.io/library by its last name
  assert.deepEqual(JSON.parse(stdout)[0].RepoTags, ["docker.io/library/release:v2.7.1"]);
});

test(
  "OEM-W11: the tree of a registry is served by the real one, and holds every image of the list and nothing else",
  requiring("docker-registry", "skopeo"),
  async () => {
    const directory = await shop.unpacked(await example("compass"), { files: await examples() });
    const data = join(directory, "data");
    await mkdir(data);
    const file = join(directory, "compass-component-v2.7.1/pangolin-deploy-images.tar.gz");
    await run("tar", ["-xf", file, "-C", data]);
    await using registry = await startDockerRegistry({ directory: data });
    const catalog = await (await fetch(`http://${registry.host}/v2/_catalog`)).json();
    assert.deepEqual(catalog, { repositories: ["library/nginx", "release/lantern"] });
    for (const image of ["library/nginx:1.14", "release/lantern:v0.8.1"]) {
      const target = `oci:${join(directory, "copied")}:${image.replaceAll(/[/:]/g, "-")}`;
      await run("skopeo", [
        ...["--insecure-policy", "copy", "--all", "--quiet", "--src-tls-verify=false"],
        ...[`docker://${registry.host}/${image}`, target],
      ]);
    }
  },
);

test("PP-2, PP-T7, PP-W3: the package of a plugin has an archive for each image and its yaml, plus nothing", async () => {
  const directory = await shop.unpacked(await example("lantern"), { files: await examples() });
  assert.deepEqual(await filesBelow(directory), [
    "644 compass-plugins-lantern-agent-v0.1.1-image.tar.gz",
    "644 compass-plugins-lantern-lantern-v0.1.1-image.tar.gz",
    "644 compass-plugins-lantern.yaml",
  ]);
});

test("PP-W6: an image of a plugin carries its full name", async () => {
  const directory = await shop.unpacked(await example("lantern"), { files: await examples() });
  const file = join(directory, "compass-plugins-lantern-agent-v0.1.1-image.tar.gz");
  const { stdout } = await run("tar", ["-xOf", file, "manifest.json"]);
  assert.deepEqual(JSON.parse(stdout)[0].RepoTags, [
    "harbor.caicloud.xyz/release/compass-plugins-lantern-agent:v0.1.1",
  ]);
});

const images = [`${HOST}/demo/web:1`, `${HOST}/demo/db:1`];
const common = ["644 b-1/SHA256SUMS", "644 b-1/bundle.json"];

test("each form has its own tree", async () => {
  const trees = {
    archive: [...common, "644 b-1/images.list", "644 b-1/images.tar", "755 b-1/install.sh"],
    "per-image": [
      ...[...common, "644 b-1/images.list", "644 b-1/images/demo-db-1.tar", "644 b-1/images/demo-web-1.tar"],
      "755 b-1/install.sh",
    ],
  };
  for (const [form, expected] of Object.entries(trees)) {
    const directory = await shop.unpacked({ name: "b", version: "1", images, form });
    const found = (await filesBelow(directory)).toSorted((a, b) => (a.slice(4) < b.slice(4) ? -1 : 1));
    assert.deepEqual(found, expected);
  }
  const directory = await shop.unpacked({ name: "b", version: "1", images, form: "registry-tree" });
  const found = await filesBelow(directory);
  assert.ok(found.includes("644 b-1/registry/docker/registry/v2/repositories/demo/db/_manifests/tags/1/current/link"));
  await run("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: join(directory, "b-1") });
});

test("the registry tree is byte for byte what the real registry writes", requiring("docker-registry"), async () => {
  const { copy } = await import("../../lib/oci/index.ts");
  const directory = await shop.unpacked({ name: "b", version: "1", images, form: "registry-tree" });
  await using registry = await startDockerRegistry();
  for (const name of ["demo/web", "demo/db"]) {
    await copy(shop.registries.repository(HOST, name), "1", shop.registries.repository(registry.host, name));
  }
  const { stdout } = await run("diff", [
    ...["-r", "--exclude=_uploads", registry.directory],
    join(directory, "b-1/registry"),
  ]);
  assert.equal(stdout, "");
});

test("only the platforms that are asked for are taken, and the index keeps its digest unless it is to be rewritten", async () => {
  const bill = async (more: object) => {
    const directory = await shop.unpacked({ name: "b", version: "1", images: [images[0]], ...more });
    return JSON.parse(await readFile(join(directory, "b-1/bundle.json"), "utf8")).images[0];
  };
  const all = await bill({});
  const one = await bill({ platforms: ["linux/arm64"] });
  const rewritten = await bill({ platforms: ["linux/arm64"], rewriteIndex: true });
  assert.deepEqual(all.platforms, ["linux/amd64", "linux/arm64"]);
  assert.deepEqual([one.platforms, rewritten.platforms], [["linux/arm64"], ["linux/arm64"]]);
  assert.equal(one.digest, all.digest);
  assert.notEqual(rewritten.digest, all.digest);
  assert.ok(one.size < all.size);
});

test("a platform that only the config of an image names is in the bill", async () => {
  const directory = await shop.unpacked({ name: "b", version: "1", images: [`${HOST}/devops_release/release:v2.7.1`] });
  const { images: listed } = JSON.parse(await readFile(join(directory, "b-1/bundle.json"), "utf8"));
  assert.deepEqual(listed[0].platforms, ["linux/amd64"]);
});

test(
  "long names and directories are unpacked by GNU tar, busybox and bsdtar alike",
  requiring("busybox", "bsdtar"),
  async () => {
    await shop.write("a file", "content");
    const path = `${"directory/".repeat(12)}${"n".repeat(200)} ü.txt`;
    const { bytes } = await shop.build({ name: "b", version: "1", files: [{ path, from: "a file", mode: "600" }] });
    const file = join(shop.directory, "long.tar.gz");
    await writeFile(file, bytes);
    for (const [position, tar] of [["tar"], ["busybox", "tar"], ["bsdtar"]].entries()) {
      const [program = "", ...rest] = tar;
      const target = join(shop.directory, `long-${position}`);
      await mkdir(target);
      await run(program, [...rest, "-xzf", file, "-C", target]);
      assert.equal(await readFile(join(target, "b-1", path), "utf8"), "content");
    }
  },
);

const web = { image: images[0] };
for (const [what, more, message] of [
  [
    "a path that leaves the package",
    { files: [{ path: "../x", from: "a" }] },
    /files\.0: path "\.\.\/x": it has a part/,
  ],
  ["an absolute path", { files: [{ path: "/x", from: "a" }] }, /files\.0: path "\/x": it is absolute/],
  [
    "a name of more than 255 bytes",
    { files: [{ path: "n".repeat(256), from: "a" }] },
    /files\.0: .*more than 255 bytes/,
  ],
  ["a line break in a path", { files: [{ path: "a\nb", from: "a" }] }, /files\.0: .*control character/],
  [
    "the same path twice",
    {
      files: [
        { path: "x", from: "a" },
        { path: "x", from: "a" },
      ],
    },
    /files\.1: path "x" is that of files\.0/,
  ],
  [
    "a path below a file",
    {
      files: [
        { path: "x", from: "a" },
        { path: "x/y", from: "a" },
      ],
    },
    /files\.1: path "x\/y" lies in "x"/,
  ],
  [
    "a name of the bundle itself",
    { files: [{ path: "bundle.json", from: "a" }] },
    /"bundle\.json" belongs to the bundle/,
  ],
  [
    "files that are not there, all of them",
    {
      files: [
        { path: "x", from: "no" },
        { path: "y", from: "nor" },
      ],
    },
    /files\.0\.from: .*"no".*files\.1\.from: .*"nor"/,
  ],
  ["a file outside", { files: [{ path: "x", from: "../a" }] }, /files\.0\.from: /],
  [
    "a mode that is none",
    { files: [{ path: "x", from: "a", mode: "rwx" }] },
    /files\.0\.mode: must be three octal digits/,
  ],
  [
    "a template that nothing fills",
    { files: [{ path: "{nme}", from: "a" }] },
    /files\.0: \{nme\} stands for nothing, only \{name\}, \{version\}/,
  ],
  ["a package of an ending that is none", { package: { name: "x.zip" } }, /package\.name: it ends neither/],
  ["a package in a directory", { package: { name: "x/y.tar" } }, /package\.name: it has a slash/],
  ["a directory outside", { package: { directory: ".." } }, /package\.directory: /],
  ["an empty set", { sets: [{ path: "a.tar" }] }, /sets\.0: names neither images nor lists/],
  [
    "a list that is empty",
    { sets: [{ path: "a.tar", lists: [{ list: "empty.list" }] }] },
    /sets\.0\.lists\.0\.list: .*leaves the run without any image/,
  ],
  ["a list that is not there", { lists: [{ list: "no.list" }] }, /lists\.0\.list: .*"no\.list"/],
  [
    "a list of projects without registry",
    { lists: [{ list: "a", form: "project" }] },
    /lists\.0: the form project needs a registry/,
  ],
  ["the same image twice", { images: [images[0], images[0]] }, /images\.1: .* is images\.0 already/],
  [
    "the same image twice in a set",
    { sets: [{ path: "a.tar", images: [web, web] }] },
    /sets\.0\.images\.1: .* is sets\.0\.images\.0 already/,
  ],
  [
    "an image without tag",
    { sets: [{ path: "a.tar", images: [{ image: `${HOST}/demo/web` }] }] },
    /sets\.0\.images\.0\.image: .*neither tag nor digest/,
  ],
  [
    "archives of two images at one path",
    { sets: [{ path: "a.tar", form: "per-image", images: [web, { image: images[1] }] }] },
    /sets\.0: path "a\.tar" is that of sets\.0/,
  ],
  [
    "a path for an image among others",
    { sets: [{ path: "a.tar", images: [{ ...web, path: "b" }] }] },
    /sets\.0\.images\.0\.path: is for the form per-image/,
  ],
  [
    "two images of one name",
    { sets: [{ path: "a.tar", images: [web, { image: images[1], as: images[0] }] }] },
    /sets\.0\.images\.1: .* is sets\.0\.images\.0 already/,
  ],
  [
    "two images of one name in a tree",
    {
      sets: [
        {
          path: "a.tar",
          form: "registry-tree",
          images: [web, { image: images[1], as: "other.example.com/demo/web:1" }],
        },
      ],
    },
    /sets\.0: .* would both be demo\/web:1/,
  ],
  ["a field that nobody knows", { files: [{ path: "x", from: "a", owner: "me" }] }, /files\.0: .*owner/],
  ["a size that is none", { split: "lots" }, /split: must be a size/],
] as const) {
  test(`a description with ${what} is refused, and told where`, async () => {
    await shop.write("a", "a");
    await shop.write("empty.list", "# nothing\n");
    const given = {
      name: "b",
      version: "1",
      ...("images" in more ? {} : { images: [images[1]!.replace("db", "web")] }),
      ...more,
    };
    await assert.rejects(async () => shop.build(given), { code: "RELEASE_INVALID", message });
  });
}
