import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { digestOf, hexOf, manifestMediaTypes, mediaTypes } from "../../../lib/oci/descriptor.ts";
import { childrenOf, parseManifest } from "../../../lib/oci/manifest.ts";
import {
  dockerImageFixture,
  imageFixture,
  indexPiece,
  noise,
  type Piece,
  piece,
} from "../../contracts/image-fixture.ts";
import { startDockerRegistry } from "../../real/docker-registry.ts";
import { openHelm } from "../../real/helm.ts";
import { requiring } from "../../real/programs.ts";
import { pushTo, sendTo, serve } from "./serving.ts";

// skopeo compresses a layer that is not, which would change it
const gzipped = (seed: string): Piece => piece(mediaTypes.ociLayerGzip, gzipSync(noise(seed, 20_000)));
const shared = gzipped("shared");
const amd64 = imageFixture("amd64", { layers: [shared, gzipped("amd64")] });
const arm64 = imageFixture("arm64", { layers: [shared, gzipped("arm64")] });
const index = indexPiece([amd64.manifest, arm64.manifest]);

/** Run with a directory of its own, removed afterwards. */
async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-clients-"));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const skopeo = (...args: readonly string[]) =>
  promisify(execFile)("skopeo", ["--insecure-policy", ...args]).then(({ stdout }) => stdout);
const push = (layout: string, host: string, name: string) =>
  skopeo("copy", "--all", "--dest-tls-verify=false", `oci:${layout}`, `docker://${host}/${name}`);

async function writeLayout(directory: string, tag: string, pieces: readonly Piece[]): Promise<void> {
  await mkdir(join(directory, "blobs/sha256"), { recursive: true });
  for (const { descriptor, bytes } of pieces) {
    await writeFile(join(directory, "blobs/sha256", hexOf(descriptor.digest)), bytes);
  }
  const annotations = { "org.opencontainers.image.ref.name": tag };
  const manifests = [{ ...pieces.at(-1)!.descriptor, annotations }];
  await writeFile(join(directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  await writeFile(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

async function readLayout(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const blobs = join(directory, "blobs/sha256");
  const names = (await readdir(blobs)).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(blobs, name))] as const)));
}

/** Every file of a storage tree but uploads, and every directory, which a registry may have left empty. */
async function readTree(root: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (path.includes("/_uploads")) continue;
    found.set(path.slice(root.length), entry.isFile() ? await readFile(path, "latin1") : "directory");
  }
  return new Map([...found].sort());
}

/** Everything a registry gives, found out from its catalogue downwards. */
async function readRegistry(host: string): Promise<ReadonlyMap<string, unknown>> {
  const found = new Map<string, unknown>();
  const accept = manifestMediaTypes.join(", ");
  const get = async (path: string) => {
    const { status, headers, body, codes } = await sendTo(host, "GET", path, { headers: { accept } });
    const { "content-type": type, "content-length": length, "docker-content-digest": digest, etag } = headers;
    found.set(path, status === 200 ? { type, length, digest, etag, body: digestOf(body) } : { status, codes });
    const head = await sendTo(host, "HEAD", path, { headers: { accept } });
    assert.deepEqual([head.status, head.headers["content-length"]], [status, length], path);
    return { type: type!, body };
  };
  const list = async (path: string, field: string) => {
    const { body } = await sendTo(host, "GET", path);
    const entries = (JSON.parse(body.toString())[field] as string[]).sort();
    found.set(path, entries);
    return entries;
  };
  const graph = async (name: string, reference: string): Promise<void> => {
    const { type, body } = await get(`/v2/${name}/manifests/${reference}`);
    const manifest = parseManifest(body, type);
    for (const { digest } of childrenOf(manifest)) {
      if (manifest.kind === "index") await graph(name, digest);
      else await get(`/v2/${name}/blobs/${digest}`);
    }
  };
  for (const name of await list("/v2/_catalog", "repositories")) {
    for (const tag of await list(`/v2/${name}/tags/list`, "tags")) await graph(name, tag);
    await get(`/v2/${name}/blobs/${shared.descriptor.digest}`);
  }
  return found;
}

/** What the two registries are given: an index, images with shared layers, a moved tag, Docker's form, a bare manifest. */
async function fill(host: string): Promise<void> {
  const docker = dockerImageFixture("docker");
  const helm = imageFixture("helm", { bare: true });
  await pushTo(host, "library/app", [...amd64.pieces, ...arm64.pieces, index], "v1");
  await pushTo(host, "library/app", amd64.pieces, "v1-amd64");
  await pushTo(host, "library/app", amd64.pieces, "moved");
  await pushTo(host, "library/app", arm64.pieces, "moved");
  await pushTo(host, "library/app/nested", docker.pieces, "latest");
  await pushTo(host, "library/app-2", helm.pieces, "1.2.3_build.5");
}

test("skopeo pushes and pulls an image of several platforms", requiring("skopeo"), () =>
  inDirectory(async (directory) => {
    await using registry = await serve();
    const [out, back] = [join(directory, "out"), join(directory, "back")];
    await writeLayout(out, "v1", [...amd64.pieces, ...arm64.pieces, index]);
    await push(`${out}:v1`, registry.host, "library/app:v1");
    const shown = await skopeo("inspect", "--raw", "--tls-verify=false", `docker://${registry.host}/library/app:v1`);
    assert.equal(shown, index.bytes.toString());
    const tags = await skopeo("list-tags", "--tls-verify=false", `docker://${registry.host}/library/app`);
    assert.deepEqual(JSON.parse(tags).Tags, ["v1"]);
    await skopeo(
      "copy",
      "--all",
      "--src-tls-verify=false",
      `docker://${registry.host}/library/app:v1`,
      `oci:${back}:v1`,
    );
    assert.deepEqual(await readLayout(back), await readLayout(out));
    assert.deepEqual(
      registry.changes.map(({ tag, artifactKind }) => ({ tag, artifactKind })),
      [undefined, undefined, "v1"]
        .map((tag) => ({ ...(tag && { tag }), artifactKind: "image" }))
        .map((change) => ({
          tag: undefined,
          ...change,
        })),
    );
    await skopeo("delete", "--tls-verify=false", `docker://${registry.host}/library/app:v1`);
    assert.equal((await registry.send("GET", "/v2/library/app/manifests/v1")).status, 404);
  }),
);

test("skopeo copies from one repository to another", requiring("skopeo"), () =>
  inDirectory(async (directory) => {
    await using registry = await serve();
    await writeLayout(directory, "v1", amd64.pieces);
    await push(`${directory}:v1`, registry.host, "first:v1");
    const [from, to] = [`docker://${registry.host}/first:v1`, `docker://${registry.host}/second/app:v2`];
    await skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false", from, to);
    const { body } = await registry.send("GET", "/v2/second/app/manifests/v2");
    assert.deepEqual(body, amd64.manifest.bytes);
  }),
);

test("what skopeo pushes lies on disk as distribution keeps it", requiring("skopeo", "docker-registry"), () =>
  inDirectory(async (directory) => {
    await using ours = await serve();
    await using theirs = await startDockerRegistry();
    await writeLayout(directory, "v1", [...amd64.pieces, ...arm64.pieces, index]);
    for (const host of [ours.host, theirs.host]) {
      await push(`${directory}:v1`, host, "library/app:v1");
      await push(`${directory}:v1`, host, "library/app:v2");
      await push(`${directory}:v1`, host, "other:v1");
    }
    assert.deepEqual(await readTree(ours.root), await readTree(theirs.directory));
  }),
);

test("distribution serves a tree of ours, and we serve one of its", requiring("docker-registry"), async () => {
  await using ours = await serve();
  await fill(ours.host);
  await using theirReader = await startDockerRegistry({ directory: ours.root });
  assert.deepEqual(await readRegistry(theirReader.host), await readRegistry(ours.host));

  await using theirs = await startDockerRegistry();
  await fill(theirs.host);
  await using ourReader = await serve({ root: theirs.directory });
  assert.deepEqual(await readRegistry(ourReader.host), await readRegistry(theirs.host));
});

test("a push that distribution refuses is refused alike", requiring("docker-registry"), async () => {
  await using ours = await serve();
  await using theirs = await startDockerRegistry();
  const { manifest } = imageFixture("incomplete");
  for (const { descriptor, bytes } of [manifest, indexPiece([manifest]), { ...manifest, bytes: Buffer.from("{") }]) {
    const sent = { headers: { "content-type": descriptor.mediaType }, body: bytes };
    const answer = async (host: string) => {
      const { status, codes } = await sendTo(host, "PUT", "/v2/a/b/manifests/v1", sent);
      return { status, codes };
    };
    assert.deepEqual(await answer(ours.host), await answer(theirs.host));
  }
});

test("helm pushes a chart, finds its versions and pulls it", () =>
  inDirectory(async (directory) => {
    await using helm = await openHelm();
    await using registry = await serve();
    const chart = join(directory, "demo");
    await mkdir(join(chart, "templates"), { recursive: true });
    await writeFile(join(chart, "templates/empty.yaml"), "");
    for (const version of ["1.2.3", "1.3.0+build.5"]) {
      await writeFile(join(chart, "Chart.yaml"), `apiVersion: v2\nname: demo\nversion: ${version}\n`);
      await helm.run("package", chart, "--destination", directory);
      await helm.run("push", join(directory, `demo-${version}.tgz`), `oci://${registry.host}/charts`, "--plain-http");
    }
    // helm pushes a manifest by its digest first, then by its tag
    assert.deepEqual(
      registry.changes.map(({ repository, tag, artifactKind }) => [repository, tag, artifactKind]),
      [undefined, "1.2.3", undefined, "1.3.0_build.5"].map((tag) => ["charts/demo", tag, "chart"]),
    );
    const back = join(directory, "back");
    await mkdir(back);
    // no version asks for the newest, which helm finds in the list of tags
    await helm.run("pull", `oci://${registry.host}/charts/demo`, "--plain-http", "--destination", back);
    assert.deepEqual(await readdir(back), ["demo-1.3.0+build.5.tgz"]);
    const [sent, got] = [directory, back].map((place) => readFile(join(place, "demo-1.3.0+build.5.tgz")));
    assert.deepEqual(await got, await sent);
  }));
