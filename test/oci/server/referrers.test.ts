import assert from "node:assert/strict";
import { test } from "node:test";
import { type Descriptor, digestOf, mediaTypes } from "../../../lib/oci/descriptor.ts";
import { imageFixture, type Piece, piece } from "../../contracts/image-fixture.ts";
import { serve } from "./serving.ts";

const image = imageFixture("image");
const subject = image.manifest.descriptor;
const config = piece("application/vnd.example.config", "{}");

const referrer = (fields: object): Piece =>
  piece(
    mediaTypes.ociManifest,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: config.descriptor,
      layers: [],
      subject,
      ...fields,
    }),
  );
const signature = referrer({ annotations: { by: "me" } });
const sbom = referrer({ artifactType: "application/vnd.example.sbom" });
const list = piece(
  mediaTypes.ociIndex,
  JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], subject }),
);

const inOrder = (descriptors: readonly Descriptor[]) => descriptors.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));

test("what refers to a manifest is listed with its type and annotations", async () => {
  await using registry = await serve();
  // referrers may come before what they refer to
  await registry.push("a/b", [config, signature, sbom, list, ...image.pieces]);
  const { status, headers, body } = await registry.send("GET", `/v2/a/b/referrers/${subject.digest}`);
  assert.equal(status, 200);
  assert.equal(headers["content-type"], mediaTypes.ociIndex);
  assert.equal(headers["oci-filters-applied"], undefined);
  assert.deepEqual(JSON.parse(body.toString()), {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: inOrder([
      { ...signature.descriptor, artifactType: config.descriptor.mediaType, annotations: { by: "me" } },
      { ...sbom.descriptor, artifactType: "application/vnd.example.sbom" },
      list.descriptor,
    ]),
  });
});

test("referrers are filtered by type, and the answer says so", async () => {
  await using registry = await serve();
  await registry.push("a/b", [config, signature, sbom, list]);
  const ask = async (type: string) => {
    const path = `/v2/a/b/referrers/${subject.digest}?artifactType=${encodeURIComponent(type)}`;
    const { headers, body } = await registry.send("GET", path);
    assert.equal(headers["oci-filters-applied"], "artifactType");
    return JSON.parse(body.toString()).manifests.map(({ digest }: Descriptor) => digest);
  };
  assert.deepEqual(await ask("application/vnd.example.sbom"), [sbom.descriptor.digest]);
  assert.deepEqual(await ask(config.descriptor.mediaType), [signature.descriptor.digest]);
  assert.deepEqual(await ask("application/other"), []);
});

test("a push of a referrer is answered with its subject, any other is not", async () => {
  await using registry = await serve();
  await registry.push("a/b", [config, ...image.pieces]);
  const put = async ({ descriptor, bytes }: Piece) => {
    const headers = { "content-type": descriptor.mediaType };
    return (await registry.send("PUT", `/v2/a/b/manifests/${descriptor.digest}`, { headers, body: bytes })).headers;
  };
  assert.equal((await put(signature))["oci-subject"], subject.digest);
  assert.equal((await put(image.manifest))["oci-subject"], undefined);
});

test("a deleted referrer is no longer listed", async () => {
  await using registry = await serve();
  await registry.push("a/b", [config, signature, sbom]);
  await registry.send("DELETE", `/v2/a/b/manifests/${signature.descriptor.digest}`);
  const { body } = await registry.send("GET", `/v2/a/b/referrers/${subject.digest}`);
  assert.deepEqual(
    JSON.parse(body.toString()).manifests.map(({ digest }: Descriptor) => digest),
    [sbom.descriptor.digest],
  );
});

test("nothing refers to what nobody knows, and that is no error", async () => {
  await using registry = await serve();
  const { status, body } = await registry.send("GET", `/v2/a/b/referrers/${digestOf("x")}`);
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(body.toString()).manifests, []);
  const malformed = await registry.send("GET", "/v2/a/b/referrers/latest");
  assert.deepEqual([malformed.status, malformed.codes], [400, ["DIGEST_INVALID"]]);
});
