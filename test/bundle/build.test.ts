import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildBundle, checkRelease, verifyBundle } from "../../lib/bundle/index.ts";
import { openHelmRenderer, type Renderer } from "../../lib/helm/index.ts";
import { buildImage, buildIndex, buildLayer, openImageArchive } from "../../lib/oci/index.ts";
import { openStore, readObject, type Store } from "../../lib/store/index.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { ensureHelm, openHelm } from "../real/helm.ts";
import { requiring } from "../real/programs.ts";
import { bundleOf } from "./workshop.ts";

const HOST = "registry.example.com";
const work = await mkdtemp(join(tmpdir(), "stowage-bundle-"));
const registry = await startEmbeddedRegistry();
after(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});
const { signal } = new AbortController();
let renderer: Renderer;

const chart = { name: "web", version: "0.1.0" };
const layerOf = (content: string) => buildLayer([{ path: "content", content }]);

before(async () => {
  renderer = await openHelmRenderer(await ensureHelm());
  const base = await layerOf("shared");
  const image = async (name: string) => {
    const own = await layerOf(name);
    return buildIndex(["linux/amd64", "linux/arm64"].map((platform) => buildImage({ platform, layers: [base, own] })));
  };
  for (const name of ["hello", "guestbook"]) await registry.push(`demo/${name}`, "1.0.0", await image(name));
  const directory = await writeChart(work, chart, { "templates/pod.yaml": podOf(`${HOST}/demo/hello:1.0.0`) });
  await using helm = await openHelm();
  await helm.run("package", directory, "--destination", work);
  const archive = await readFile(join(work, "web-0.1.0.tgz"));
  await registry.push("charts/web", "0.1.0", chartArtifact(chart, { archive }));
});

const release = (more: object = {}) =>
  checkRelease({
    name: "harbour",
    version: "1.0.0",
    charts: [`oci://${HOST}/charts/web:0.1.0`],
    images: [`${HOST}/demo/guestbook:1.0.0`],
    ...more,
  });
const build = (store: Store, given = release()) =>
  buildBundle(given, { store, registries: registry.registries, renderer }, signal);
const bytesOf = async (store: Store, key: string) => readObject(store, key, 100_000_000);
const verify = async (bytes: Uint8Array) => verifyBundle(bundleOf(bytes));

test("a bundle holds the charts, their images and those that were named, and verifies", async () => {
  const store = await openStore("memory:");
  const built = await build(store);
  assert.equal(built.key, "releases/harbour/1.0.0/harbour-1.0.0.tar.gz");
  assert.equal(built.images, 2);
  const bytes = await bytesOf(store, built.key);
  assert.equal(built.size, bytes.byteLength);
  assert.equal(built.sha256, createHash("sha256").update(bytes).digest("hex"));
  assert.deepEqual(await verify(bytes), {
    ok: true,
    files: 6,
    images: [`${HOST}/demo/guestbook:1.0.0`, `${HOST}/demo/hello:1.0.0`],
    problems: [],
  });
});

test("the same release gives the same bytes, and is not built twice in one store", async () => {
  const [one, other] = [await openStore("memory:"), await openStore("memory:")];
  const first = await build(one);
  assert.ok(first.moved > 0);
  assert.equal((await build(other)).sha256, first.sha256);
  const requests = registry.requests.length;
  const again = await build(one);
  assert.deepEqual([again.sha256, again.moved, again.reused], [first.sha256, 0, first.size]);
  const blobs = registry.requests.slice(requests).filter((line) => /^GET .*\/blobs\//.test(line));
  assert.ok(blobs.length <= 1, `a rebuild reads no layer: ${blobs.join(", ")}`);
});

test("a layer that images share is moved once", async () => {
  const start = registry.requests.length;
  await build(await openStore("memory:"));
  const blobs = registry.requests
    .slice(start)
    .filter((line) => /^GET .*\/demo\/.*\/blobs\//.test(line))
    .map((line) => line.replace(/.*sha256:/, ""));
  // two images for two platforms: one shared layer, two of their own, and four configs
  assert.equal(blobs.length, 7);
  assert.equal(new Set(blobs).size, 7);
});

test("all images that are missing are named at once, before any layer moves", async () => {
  const start = registry.requests.length;
  const given = release({ images: [`${HOST}/demo/no:1`, `${HOST}/demo/hello:9`, `${HOST}/demo/guestbook:1.0.0`] });
  const store = await openStore("memory:");
  await assert.rejects(build(store, given), (error: Error & { code: string }) => {
    assert.equal(error.code, "IMAGES_MISSING");
    assert.match(error.message, /^Cannot bundle 2 of 4 images: .*demo\/hello:9.*demo\/no:1/);
    return true;
  });
  assert.equal(await store.stat("releases/harbour/1.0.0/harbour-1.0.0.tar.gz"), undefined);
  assert.ok(
    !registry.requests
      .slice(start)
      .some((line) => line.includes("/blobs/") && line.startsWith("GET") && line.includes("demo/")),
  );
});

test("a chart whose images are not known stops the bundle with the reason", async () => {
  const archive = Buffer.from("no archive");
  await registry.push("charts/broken", "1.0.0", chartArtifact({ name: "broken", version: "1.0.0" }, { archive }));
  const given = release({ charts: [`oci://${HOST}/charts/broken:1.0.0`] });
  await assert.rejects(build(await openStore("memory:"), given), { code: "CHART_UNRENDERABLE" });
});

test("two charts of one file name are refused, naming both", async () => {
  await registry.push(
    "other/web",
    "0.1.0",
    chartArtifact(chart, { archive: await readFile(join(work, "web-0.1.0.tgz")) }),
  );
  const given = release({ charts: [`oci://${HOST}/charts/web:0.1.0`, `oci://${HOST}/other/web:0.1.0`] });
  await assert.rejects(build(await openStore("memory:"), given), {
    code: "RELEASE_INVALID",
    message: /charts\.1: path "charts\/web-0\.1\.0\.tgz" is that of charts\.0 already/,
  });
});

test("a flipped bit anywhere in a bundle is found, and named", async () => {
  const store = await openStore("memory:");
  const { key } = await build(store);
  const bytes = await bytesOf(store, key);
  for (let i = 0; i < 60; i++) {
    const at = Math.floor((i * bytes.byteLength) / 60) + 11;
    const damaged = Buffer.from(bytes);
    damaged[at] = damaged[at]! ^ 0x10;
    const { ok, problems } = await verify(damaged);
    assert.equal(ok, false, `byte ${at} of ${bytes.byteLength}`);
    assert.ok(problems.length > 0);
  }
});

test("a bundle that is cut off is found", async () => {
  const store = await openStore("memory:");
  const bytes = await bytesOf(store, (await build(store)).key);
  for (const length of [0, 1, 100, 1024, bytes.byteLength >> 1, bytes.byteLength - 9, bytes.byteLength - 1]) {
    assert.equal((await verify(bytes.subarray(0, length))).ok, false, `${length} of ${bytes.byteLength} bytes`);
  }
});

/** The bundle on disk, unpacked by the system's tar. */
async function unpacked(): Promise<{ directory: string; file: string }> {
  const store = await openStore("memory:");
  const { key } = await build(store);
  const directory = await mkdtemp(join(work, "unpacked-"));
  const file = join(directory, "bundle.tar.gz");
  await writeFile(file, await bytesOf(store, key));
  execFileSync("tar", ["-xzf", file, "-C", directory]);
  return { directory: join(directory, "harbour-1.0.0"), file };
}

test("tar unpacks a bundle, and sha256sum agrees with SHA256SUMS", async () => {
  const { directory } = await unpacked();
  execFileSync("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: directory });
  assert.equal(
    await readFile(join(directory, "images.list"), "utf8"),
    `${HOST}/demo/guestbook:1.0.0\n${HOST}/demo/hello:1.0.0\n`,
  );
  const bill = JSON.parse(await readFile(join(directory, "bundle.json"), "utf8"));
  assert.deepEqual(bill.images[0].platforms, ["linux/amd64", "linux/arm64"]);
  assert.equal(bill.charts[0].source, `oci://${HOST}/charts/web:0.1.0`);
});

test("skopeo reads every image of a bundle, as OCI and as docker archive", requiring("skopeo"), async () => {
  const { directory } = await unpacked();
  const archive = join(directory, "images.tar");
  const inspect = (place: string) =>
    JSON.parse(execFileSync("skopeo", ["inspect", "--config", place], { encoding: "utf8" }));
  for (const name of ["hello", "guestbook"]) {
    assert.equal(inspect(`docker-archive:${archive}:${HOST}/demo/${name}:1.0.0`).architecture, "amd64");
  }
  const raw = execFileSync("skopeo", ["inspect", "--raw", `docker-archive:${archive}:${HOST}/demo/hello:1.0.0`], {
    encoding: "utf8",
  });
  assert.ok(raw.length > 0);
  execFileSync("skopeo", [
    "copy",
    "--quiet",
    `oci-archive:${archive}:${HOST}/demo/hello:1.0.0`,
    `dir:${join(directory, "dir")}`,
  ]);
});

test("our own archive reader finds every image of a bundle by its full name", async () => {
  const { directory } = await unpacked();
  await using archive = await openImageArchive(join(directory, "images.tar"));
  const source = registry.registries.repository(HOST, "demo/hello");
  assert.equal((await archive.resolve(`${HOST}/demo/hello:1.0.0`)).digest, (await source.resolve("1.0.0")).digest);
});

for (const [what, given] of [
  ["an unknown field", { name: "a", version: "1", images: ["a:1"], extra: 1 }],
  ["neither charts nor images", { name: "a", version: "1" }],
  ["a name that escapes", { name: "../a", version: "1", images: ["a:1"] }],
  ["a version that escapes", { name: "a", version: "../1", images: ["a:1"] }],
  ["a chart that is no reference", { name: "a", version: "1", charts: ["https://x/y.tgz"] }],
  ["a list", []],
  ["nothing", undefined],
] as const) {
  test(`checkRelease() refuses ${what}`, () => assert.throws(() => checkRelease(given), { code: "RELEASE_INVALID" }));
}
