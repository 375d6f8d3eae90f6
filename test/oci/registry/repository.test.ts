import assert from "node:assert/strict";
import { test } from "node:test";
import { StowageError } from "../../../lib/errors.ts";
import { digestOf, mediaTypes } from "../../../lib/oci/descriptor.ts";
import { imageFixture, inChunks, layerPiece, putAll, read } from "../../contracts/image-fixture.ts";
import { type FakeRegistryOptions, type Misbehaviour, refuse, startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "./opened-registry.ts";

const image = imageFixture("repository");
const { descriptor, bytes } = image.manifest;
const named = { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
const other = digestOf("other");

async function openImage(options: FakeRegistryOptions = {}) {
  const fake = await startFakeRegistry(options);
  const opened = await openForTest();
  const target = opened.registries.repository(fake.host, "a/b");
  await putAll(target, image.pieces);
  await target.tag("v1", descriptor);
  fake.requests.length = 0;
  return {
    fake,
    target,
    registries: opened.registries,
    methods: () => fake.requests.map(({ method }) => method),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

const isMismatch = (error: unknown): boolean => error instanceof StowageError && error.code === "CONTENT_MISMATCH";

test("a tag is resolved by a HEAD that accepts every kind of manifest", async () => {
  await using place = await openImage();
  assert.deepEqual(await place.target.resolve("v1"), named);
  assert.deepEqual(place.methods(), ["HEAD"]);
  assert.equal(
    place.fake.requests[0]?.headers["accept"],
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
      "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json",
  );
});

test("where a HEAD does not say everything, the manifest itself is read", async () => {
  const heads: readonly Misbehaviour[] = [
    (_, response) => response.writeHead(200, { "content-type": descriptor.mediaType, "content-length": 5 }).end(),
    (_, response) => response.writeHead(200, { "content-length": 5, "docker-content-digest": descriptor.digest }).end(),
    (_, response) =>
      response
        .writeHead(200, {
          "content-type": descriptor.mediaType,
          "content-length": 5,
          "docker-content-digest": `sha512:${"0".repeat(128)}`,
        })
        .end(),
    (_, response) => response.writeHead(405).end(),
  ];
  for (const head of heads) {
    await using place = await openImage();
    place.fake.misbehave("HEAD", head);
    assert.deepEqual(await place.target.resolve("v1"), named);
    assert.deepEqual(place.methods(), ["HEAD", "GET"]);
  }
});

test("a manifest without a telling media type is read for it", async () => {
  for (const type of ["application/json", "application/octet-stream", "text/plain; charset=utf-8"]) {
    await using place = await openImage();
    place.fake.misbehave("HEAD", (_, response) => response.writeHead(405).end());
    place.fake.misbehave("GET", (_, response) => response.writeHead(200, { "content-type": type }).end(bytes));
    assert.deepEqual(await place.target.resolve("v1"), named);
  }
});

test("what is no manifest is not taken for one", async () => {
  for (const [type, body, code] of [
    ["text/html; charset=utf-8", "<html>Sign in</html>", "REGISTRY_REFUSED"],
    ["application/vnd.docker.distribution.manifest.v1+prettyjws", "{}", "REGISTRY_REFUSED"],
    ["application/json", "<html>", "MANIFEST_INVALID"],
    ["application/json", '{"mediaType":"text/html"}', "REGISTRY_REFUSED"],
    [descriptor.mediaType, " ".repeat(4 * 1024 * 1024 + 1), "REGISTRY_REFUSED"],
  ] as const) {
    await using place = await openImage();
    const answer: Misbehaviour = (_, response) => response.writeHead(200, { "content-type": type }).end(body);
    place.fake.misbehave("/manifests/", answer, 2);
    await assert.rejects(place.target.resolve("v1"), { code }, type);
  }
});

test("a login page that answers everything is not taken for content that is there", async () => {
  await using place = await openImage();
  const page: Misbehaviour = (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>");
  place.fake.misbehave("HEAD", page, 2);
  await assert.rejects(place.target.has(descriptor), { code: "REGISTRY_REFUSED" });
  const unopened = async () => assert.fail("opened");
  await assert.rejects(place.target.put(layerPiece("x").descriptor, unopened), { code: "REGISTRY_REFUSED" });
});

test("a digest that is not the one of the bytes is a mismatch", async () => {
  await using place = await openImage();
  const claim = (digest: string): Misbehaviour => {
    const headers = { "content-type": descriptor.mediaType, "content-length": bytes.byteLength };
    return (request, response) =>
      response
        .writeHead(200, { ...headers, "docker-content-digest": digest })
        .end(request.method === "HEAD" ? undefined : bytes);
  };
  place.fake.misbehave("HEAD", claim(other));
  await assert.rejects(place.target.resolve(descriptor.digest), isMismatch);
  place.fake.misbehave("HEAD", (_, response) => response.writeHead(405).end());
  place.fake.misbehave("GET", claim(other));
  await assert.rejects(place.target.resolve("v1"), isMismatch);
  place.fake.misbehave("PUT", (_, response) => response.writeHead(201, { "docker-content-digest": other }).end());
  await assert.rejects(place.target.tag("v2", descriptor), isMismatch);
});

test("a manifest that arrives changed breaks the stream", async () => {
  await using place = await openImage();
  for (const body of [Buffer.from(bytes).fill("x", 5, 6), bytes.subarray(1), Buffer.concat([bytes, bytes])]) {
    place.fake.misbehave("GET", (_, response) => response.end(body));
    await assert.rejects(read(place.target, descriptor), isMismatch);
  }
});

test("a part of a manifest is cut from the whole, verified one", async () => {
  await using place = await openImage();
  const part = Buffer.from(bytes.subarray(3, 8));
  assert.deepEqual(await read(place.target, descriptor, { start: 3, end: 7 }), part);
  place.fake.misbehave("GET", (_, response) => response.end(Buffer.alloc(bytes.byteLength)));
  await assert.rejects(read(place.target, descriptor, { start: 3, end: 7 }), isMismatch);
});

test("a manifest that was just put is tagged without reading it back, any other is read first", async () => {
  await using place = await openImage();
  await place.target.tag("v2", descriptor);
  assert.deepEqual(place.methods(), ["PUT"]);
  const again = place.registries.repository(place.fake.host, "a/b");
  await again.tag("v3", descriptor);
  assert.deepEqual(place.methods(), ["PUT", "GET", "PUT"]);
  assert.equal(place.fake.requests[2]?.headers["content-type"], descriptor.mediaType);
  assert.deepEqual((await Array.fromAsync(again.tags())).sort(), ["v1", "v2", "v3"]);
});

test("a manifest that was removed is not brought back by a tag", async () => {
  await using place = await openImage();
  await place.target.remove(descriptor.digest);
  await assert.rejects(place.target.tag("v2", descriptor), { code: "CONTENT_UNKNOWN" });
});

test("only so many manifests are remembered, the last ones", async () => {
  await using place = await openImage();
  const large = (seed: string) => {
    const manifest = JSON.stringify({ ...JSON.parse(Buffer.from(bytes).toString()), seed });
    const padded = Buffer.from(manifest.padEnd(3 * 1024 * 1024));
    return { descriptor: { mediaType: mediaTypes.ociManifest, digest: digestOf(padded), size: padded.length }, padded };
  };
  const [first, second] = [large("1"), large("2")];
  for (const { descriptor, padded } of [first, second])
    await place.target.put(descriptor, async () => inChunks(padded));
  place.fake.requests.length = 0;
  await place.target.tag("second", second.descriptor);
  await place.target.tag("first", first.descriptor);
  assert.deepEqual(place.methods(), ["PUT", "GET", "PUT"]);
});

test("what is no manifest, or too large for one, is neither put nor tagged", async () => {
  await using place = await openImage();
  const huge = { ...descriptor, size: 4 * 1024 * 1024 + 1, digest: other };
  const unopened = async () => assert.fail("opened");
  await assert.rejects(place.target.put(huge, unopened), { code: "MANIFEST_INVALID" });
  await assert.rejects(place.target.tag("v2", layerPiece("x").descriptor), { code: "MANIFEST_INVALID" });
});

test("a manifest whose parts are missing is refused in the registry's words", async () => {
  await using place = await openImage();
  const { manifest } = imageFixture("without parts");
  place.fake.misbehave("PUT", (_, response) => refuse(response, 400, "MANIFEST_BLOB_UNKNOWN", "blob unknown"));
  await assert.rejects(
    place.target.put(manifest.descriptor, async () => inChunks(manifest.bytes)),
    { code: "REGISTRY_REFUSED", message: /MANIFEST_BLOB_UNKNOWN/ },
  );
});

test("a registry that does not delete says so; what is gone already is no error", async () => {
  await using place = await openImage();
  place.fake.misbehave("DELETE", (_, response) => refuse(response, 405, "UNSUPPORTED"));
  await assert.rejects(place.target.remove("v1"), { code: "REGISTRY_REFUSED", message: /405 \(UNSUPPORTED/ });
  await place.target.remove("v1");
  await place.target.remove("v1");
  await assert.rejects(place.target.resolve("v1"), { code: "CONTENT_UNKNOWN" });
});

test("names that cannot be right are refused before anything is asked", async () => {
  await using place = await openImage();
  const { target, registries, fake } = place;
  const wrong = { code: "REFERENCE_INVALID" };
  for (const reference of ["", "a b", "../x", "v1?x", "sha256:abc", "x".repeat(129)]) {
    await assert.rejects(target.resolve(reference), wrong, reference);
    await assert.rejects(target.remove(reference), wrong, reference);
    await assert.rejects(target.tag(reference, descriptor), wrong, reference);
  }
  for (const name of ["", "A", "a//b", "../a", "a?b", "a".repeat(256)]) {
    assert.throws(() => registries.repository(fake.host, name), wrong, name);
  }
  const { descriptor: blob, bytes: content } = layerPiece("x");
  await assert.rejects(
    target.put(blob, async () => inChunks(content), { from: "../x&y" }),
    wrong,
  );
  assert.deepEqual(fake.requests, []);
});
