import assert from "node:assert/strict";
import { test } from "node:test";
import { type Descriptor, digestOf, mediaTypes } from "../../../lib/oci/descriptor.ts";
import { MAX_MANIFEST_BYTES } from "../../../lib/oci/manifest.ts";
import {
  dockerImageFixture,
  imageFixture,
  indexPiece,
  layerPiece,
  type Piece,
  piece,
} from "../../contracts/image-fixture.ts";
import { eventually, type Reply, type Served, serve } from "./serving.ts";

const image = imageFixture("image");
const { digest } = image.manifest.descriptor;
const outcome = ({ status, codes }: Reply) => [status, ...codes];

const put = (registry: Served, reference: string, { descriptor, bytes }: Piece, type = descriptor.mediaType) =>
  registry.send("PUT", `/v2/a/b/manifests/${reference}`, { headers: { "content-type": type }, body: bytes });

const manifestOf = (config: Descriptor, layers: readonly Descriptor[] = [], extra: object = {}): Piece =>
  piece(
    mediaTypes.ociManifest,
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers, ...extra }),
  );

test("a manifest is given by tag and by digest, byte for byte, as what it was pushed as", async () => {
  await using registry = await serve();
  const docker = dockerImageFixture("docker");
  const index = indexPiece([image.manifest]);
  const bare = imageFixture("helm", { bare: true });
  await registry.push("a/b", image.pieces, "oci");
  await registry.push("a/b", [index], "index");
  await registry.push("a/b", docker.pieces, "docker");
  await registry.push("a/b", bare.pieces, "bare");
  const pushed = { oci: image.manifest, index, docker: docker.manifest, bare: bare.manifest };
  for (const [tag, { descriptor, bytes }] of Object.entries(pushed)) {
    for (const reference of [tag, descriptor.digest, descriptor.digest.replace(":", "%3A")]) {
      const { status, headers, body } = await registry.send("GET", `/v2/a/b/manifests/${reference}`);
      assert.equal(status, 200);
      assert.deepEqual(body, bytes);
      assert.equal(headers["content-type"], descriptor.mediaType);
      assert.equal(headers["content-length"], String(descriptor.size));
      assert.equal(headers["docker-content-digest"], descriptor.digest);
      assert.equal(headers.etag, `"${descriptor.digest}"`);
      const head = await registry.send("HEAD", `/v2/a/b/manifests/${reference}`);
      assert.deepEqual({ ...head.headers, date: "" }, { ...headers, date: "" });
      assert.equal(head.body.byteLength, 0);
    }
  }
});

test("a client that has the manifest is told so", async () => {
  await using registry = await serve();
  await registry.push("a/b", image.pieces, "v1");
  const { status, body } = await registry.send("GET", "/v2/a/b/manifests/v1", {
    headers: { "if-none-match": `"${digest}"` },
  });
  assert.deepEqual([status, body.byteLength], [304, 0]);
});

test("what is not there is unknown: a tag, a digest, a repository, and what cannot be a tag", async () => {
  await using registry = await serve();
  await registry.push("a/b", image.pieces, "v1");
  for (const path of [
    "/v2/a/b/manifests/v2",
    `/v2/a/b/manifests/${digestOf("x")}`,
    "/v2/a/c/manifests/v1",
    `/v2/a/c/manifests/${digest}`,
    "/v2/a/b/manifests/.v1",
    "/v2/a/b/manifests/%2e%2e%2fv1",
    `/v2/a/b/manifests/${image.config.descriptor.digest}`,
  ]) {
    assert.deepEqual(outcome(await registry.send("GET", path)), [404, "MANIFEST_UNKNOWN"], path);
    assert.equal((await registry.send("HEAD", path)).status, 404);
  }
  assert.deepEqual(outcome(await registry.send("GET", "/v2/a/b/manifests/sha256:1")), [400, "DIGEST_INVALID"]);
});

test("a push answers with the digest, and where the manifest is to be found", async () => {
  await using registry = await serve();
  await registry.push("a/b", [...image.layers, image.config]);
  const { status, headers } = await put(registry, "v1", image.manifest, `${mediaTypes.ociManifest}; charset=utf-8`);
  assert.equal(status, 201);
  assert.equal(headers["docker-content-digest"], digest);
  assert.deepEqual((await registry.send("GET", headers.location!)).body, image.manifest.bytes);
});

test("a manifest may be pushed again", async () => {
  await using registry = await serve();
  for (const _ of [1, 2]) await registry.push("a/b", image.pieces, "v1");
  assert.deepEqual((await registry.send("GET", "/v2/a/b/manifests/v1")).body, image.manifest.bytes);
});

test("a manifest is refused while blobs of it are missing, and all of them are named", async () => {
  await using registry = await serve();
  await registry.push("a/c", image.pieces);
  await registry.push("a/b", [image.layers[0]!]);
  const refused = await put(registry, "v1", image.manifest);
  assert.deepEqual(outcome(refused), [400, "MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"]);
  const { errors } = JSON.parse(refused.body.toString()) as { errors: { detail: { digest: string } }[] };
  assert.deepEqual(
    errors.map(({ detail }) => detail.digest),
    [image.config, image.layers[1]!].map(({ descriptor }) => descriptor.digest),
  );
  assert.equal((await registry.send("GET", "/v2/a/b/manifests/v1")).status, 404);
  assert.equal((await registry.send("GET", `/v2/a/b/manifests/${digest}`)).status, 404);
});

test("an index is refused while manifests of it are missing", async () => {
  await using registry = await serve();
  const absent = imageFixture("absent");
  await registry.push("a/b", [...image.pieces, ...absent.layers, absent.config]);
  const sparse = indexPiece([image.manifest, absent.manifest]);
  assert.deepEqual(outcome(await put(registry, "v1", sparse)), [400, "MANIFEST_BLOB_UNKNOWN"]);
  await registry.push("a/b", [absent.manifest]);
  assert.equal((await put(registry, "v1", sparse)).status, 201);
});

test("an index that lies in the tree without some of its children is served", async () => {
  await using registry = await serve();
  const sparse = indexPiece([image.manifest, imageFixture("absent").manifest]);
  await registry.push("a/b", image.pieces);
  const { descriptor, bytes } = sparse;
  await registry.tree.repository("a/b").put(descriptor, async () => new Blob([Buffer.from(bytes)]).stream());
  await registry.tree.repository("a/b").tag("v1", descriptor);
  assert.deepEqual((await registry.send("GET", "/v2/a/b/manifests/v1")).body, sparse.bytes);
});

test("layers that are never distributed need not be there", async () => {
  await using registry = await serve();
  const elsewhere = [
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  ].map((mediaType) => ({ ...layerPiece("foreign").descriptor, mediaType }));
  const windows = manifestOf(image.config.descriptor, elsewhere);
  await registry.push("a/b", [image.config]);
  assert.equal((await put(registry, "v1", windows)).status, 201);
});

test("a manifest that lies about the size of a blob is refused", async () => {
  await using registry = await serve();
  await registry.push("a/b", image.pieces);
  const lying = manifestOf({ ...image.config.descriptor, size: 1 });
  assert.deepEqual(outcome(await put(registry, "v1", lying)), [400, "MANIFEST_BLOB_UNKNOWN"]);
});

test("what is no manifest is refused", async () => {
  await using registry = await serve();
  await registry.push("a/b", [image.config]);
  const { ociManifest, ociIndex, dockerManifest } = mediaTypes;
  const json = (value: unknown) => piece(ociManifest, JSON.stringify(value));
  const cases: readonly (readonly [string, Piece, string])[] = [
    ["nothing", piece(ociManifest, ""), ociManifest],
    ["no JSON", piece(ociManifest, "{"), ociManifest],
    ["no object", json(null), ociManifest],
    ["other JSON", json({ schemaVersion: 2 }), ociManifest],
    ["schema 1", json({ schemaVersion: 1, fsLayers: [] }), "application/vnd.docker.distribution.manifest.v1+json"],
    ["an unknown type", manifestOf(image.config.descriptor), "application/json"],
    ["a manifest sent as an index", manifestOf(image.config.descriptor), ociIndex],
    ["a type that will not be known again", imageFixture("a", { bare: true, layers: [] }).manifest, dockerManifest],
    [
      "a digest that is none",
      manifestOf({ ...image.config.descriptor, digest: "sha256:../../x" as never }),
      ociManifest,
    ],
  ];
  await registry.push("a/b", [imageFixture("a", { layers: [] }).config]);
  for (const [what, sent, type] of cases) {
    assert.deepEqual(outcome(await put(registry, "v1", sent, type)), [400, "MANIFEST_INVALID"], what);
  }
  assert.deepEqual(registry.changes, []);
});

test("a manifest without Content-Type is what it says it is", async () => {
  await using registry = await serve();
  await registry.push("a/b", [...image.layers, image.config]);
  const { status } = await registry.send("PUT", "/v2/a/b/manifests/v1", { body: image.manifest.bytes });
  assert.equal(status, 201);
});

test("a manifest of 4 MiB is taken and a larger one is not", async () => {
  await using registry = await serve();
  await registry.push("a/b", [image.config]);
  const sized = (size: number): Piece => {
    const empty = manifestOf(image.config.descriptor, [], { annotations: { filler: "" } }).bytes.byteLength;
    return manifestOf(image.config.descriptor, [], { annotations: { filler: "x".repeat(size - empty) } });
  };
  assert.equal((await put(registry, "large", sized(MAX_MANIFEST_BYTES))).status, 201);
  const larger = sized(MAX_MANIFEST_BYTES + 1);
  assert.deepEqual(outcome(await put(registry, "larger", larger)), [413, "MANIFEST_INVALID"]);
});

test("the name a manifest is pushed by must be a tag or its own digest", async () => {
  await using registry = await serve();
  await registry.push("a/b", [...image.layers, image.config]);
  assert.deepEqual(outcome(await put(registry, digestOf("x"), image.manifest)), [400, "DIGEST_INVALID"]);
  assert.deepEqual(outcome(await put(registry, "sha256:x", image.manifest)), [400, "DIGEST_INVALID"]);
  for (const tag of [".hidden", "-x", "a".repeat(129), "%2e%2e%2f%2e%2e%2fx", "a%00b"]) {
    assert.deepEqual(outcome(await put(registry, tag, image.manifest)), [400, "TAG_INVALID"], tag);
  }
  assert.equal((await put(registry, "a".repeat(128), image.manifest)).status, 201);
});

test("deleting a tag leaves the manifest and the other tags", async () => {
  await using registry = await serve();
  await registry.push("a/b", image.pieces, "v1");
  await registry.push("a/b", image.pieces, "v2");
  assert.equal((await registry.send("DELETE", "/v2/a/b/manifests/v1")).status, 202);
  const status = async (reference: string) => (await registry.send("GET", `/v2/a/b/manifests/${reference}`)).status;
  assert.deepEqual([await status("v1"), await status("v2"), await status(digest)], [404, 200, 200]);
});

test("deleting a manifest takes the tags that name it along", async () => {
  await using registry = await serve();
  const other = imageFixture("other");
  await registry.push("a/b", image.pieces, "v1");
  await registry.push("a/b", image.pieces, "v2");
  await registry.push("a/b", other.pieces, "v3");
  assert.equal((await registry.send("DELETE", `/v2/a/b/manifests/${digest}`)).status, 202);
  const { tags } = JSON.parse((await registry.send("GET", "/v2/a/b/tags/list")).body.toString());
  assert.deepEqual(tags, ["v3"]);
  assert.equal((await registry.send("GET", `/v2/a/b/manifests/${digest}`)).status, 404);
});

test("every push and deletion is announced, with what is known of it", async () => {
  await using registry = await serve();
  const chartConfig = piece(mediaTypes.helmConfig, '{"name":"nginx","version":"1.2.3"}');
  const chart = manifestOf(chartConfig.descriptor);
  const signatureConfig = piece("application/vnd.example.signature", "{}");
  const signature = manifestOf(signatureConfig.descriptor);
  const index = indexPiece([signature, image.manifest]);
  const docker = dockerImageFixture("docker");

  await registry.push("a/chart", [chartConfig, chart], "1.2.3");
  await registry.push("a/b", image.pieces, "v1");
  await registry.push("a/b", [signatureConfig, signature]);
  await registry.push("a/b", [index], "all");
  await registry.push("a/b", docker.pieces, "docker");
  await registry.push("a/b", [indexPiece([signature])], "signatures");
  await registry.send("DELETE", "/v2/a/chart/manifests/1.2.3");
  await registry.send("DELETE", `/v2/a/b/manifests/${index.descriptor.digest}`);

  const told = ({ descriptor: { digest, mediaType } }: Piece) => ({ digest, mediaType });
  const pushed = { action: "pushed", repository: "a/b" };
  assert.deepEqual(registry.changes, [
    { action: "pushed", repository: "a/chart", tag: "1.2.3", ...told(chart), artifactKind: "chart" },
    { ...pushed, tag: "v1", ...told(image.manifest), artifactKind: "image" },
    { ...pushed, ...told(signature), artifactKind: "unknown" },
    { ...pushed, tag: "all", ...told(index), artifactKind: "image" },
    { ...pushed, tag: "docker", ...told(docker.manifest), artifactKind: "image" },
    { ...pushed, tag: "signatures", ...told(indexPiece([signature])), artifactKind: "unknown" },
    { action: "deleted", repository: "a/chart", tag: "1.2.3", ...told(chart), artifactKind: "chart" },
    { action: "deleted", repository: "a/b", ...told(index), artifactKind: "image" },
  ]);
});

test("a push is answered only once it was announced, and 503 when it could not be; a repetition makes up for it", async () => {
  const { promise: release, resolve } = Promise.withResolvers<void>();
  let refuse = true;
  await using registry = await serve({
    onChange: async () => {
      await release;
      if (refuse) throw new Error("the broker is full");
    },
  });
  await registry.push("a/b", [...image.layers, image.config]);
  let answered = false;
  const first = put(registry, "v1", image.manifest).finally(() => {
    answered = true;
  });
  // everything but the announcement has happened once the tag can be read
  await eventually(async () => (await registry.send("GET", "/v2/a/b/manifests/v1")).status === 200);
  assert.equal(answered, false);
  resolve();
  const refused = await first;
  assert.deepEqual([...outcome(refused), refused.headers["retry-after"]], [503, "UNAVAILABLE", "1"]);
  refuse = false;
  assert.equal((await put(registry, "v1", image.manifest)).status, 201);
  assert.equal(registry.changes.length, 2);
  assert.deepEqual(registry.changes[0], registry.changes[1]);
});

test("a deletion that could not be announced is announced when it is tried again", async () => {
  let refuse = false;
  await using registry = await serve({
    onChange: async () => {
      if (refuse) throw new Error("the broker is full");
    },
  });
  await registry.push("a/b", image.pieces, "v1");
  refuse = true;
  for (const reference of ["v1", digest]) {
    const path = `/v2/a/b/manifests/${reference}`;
    refuse = true;
    assert.deepEqual(outcome(await registry.send("DELETE", path)), [503, "UNAVAILABLE"]);
    refuse = false;
    assert.deepEqual(outcome(await registry.send("DELETE", path)), [404, "MANIFEST_UNKNOWN"]);
  }
  const [, , tag, , manifest] = registry.changes;
  assert.deepEqual(tag, { action: "deleted", repository: "a/b", tag: "v1", artifactKind: "unknown" });
  assert.deepEqual(manifest, { action: "deleted", repository: "a/b", digest, artifactKind: "unknown" });
});

test("deleting from a repository that is not known announces nothing", async () => {
  await using registry = await serve();
  assert.deepEqual(outcome(await registry.send("DELETE", "/v2/a/b/manifests/v1")), [404, "NAME_UNKNOWN"]);
  assert.deepEqual(outcome(await registry.send("DELETE", "/v2/a/b/manifests/sha256:x")), [400, "DIGEST_INVALID"]);
  assert.deepEqual(registry.changes, []);
});

test("images that share blobs are pushed by twenty clients at once, and all of them can be pulled", async () => {
  await using registry = await serve();
  const shared = [layerPiece("base", 100_000), layerPiece("middle", 50_000)];
  const images = Array.from({ length: 20 }, (_, number) =>
    imageFixture(`app/${number}`, { layers: [...shared, layerPiece(`own/${number}`, 5000)] }),
  );
  await Promise.all(images.map(({ pieces }, number) => registry.push(`apps/${number % 4}`, pieces, `v${number}`)));
  for (const [number, { manifest, layers }] of images.entries()) {
    const repository = `apps/${number % 4}`;
    const { body } = await registry.send("GET", `/v2/${repository}/manifests/v${number}`);
    assert.deepEqual(body, manifest.bytes);
    for (const { descriptor, bytes } of layers) {
      assert.deepEqual((await registry.send("GET", `/v2/${repository}/blobs/${descriptor.digest}`)).body, bytes);
    }
  }
  assert.equal(registry.changes.length, 20);
});
