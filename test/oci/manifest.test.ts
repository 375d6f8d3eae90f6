import assert from "node:assert/strict";
import { test } from "node:test";
import { childrenOf, mediaTypes, parseManifest } from "../../lib/oci/index.ts";
import { sniffMediaType } from "../../lib/oci/manifest.ts";

const descriptor = { mediaType: "application/x", digest: `sha256:${"a".repeat(64)}`, size: 1 };
const image = { schemaVersion: 2, config: descriptor, layers: [descriptor] };
const index = { schemaVersion: 2, manifests: [descriptor] };
const parse = (value: unknown, mediaType: string) => parseManifest(Buffer.from(JSON.stringify(value)), mediaType);
const { ociManifest, ociIndex, dockerManifest, dockerIndex } = mediaTypes;

test("parseManifest() tells images from indexes, OCI's and Docker's", () => {
  assert.equal(parse(image, ociManifest).kind, "image");
  assert.equal(parse(image, dockerManifest).kind, "image");
  assert.equal(parse(index, ociIndex).kind, "index");
  assert.equal(parse(index, dockerIndex).kind, "index");
});

test("childrenOf() is what must be pushed before: config and layers, or manifests", () => {
  assert.equal(childrenOf(parse(image, ociManifest)).length, 2);
  assert.equal(childrenOf(parse(index, ociIndex)).length, 1);
});

for (const [what, value, mediaType] of [
  ["a document that is image and index at once (CVE-2021-41190)", { ...image, ...index }, ociManifest],
  ["an index with layers", { ...index, layers: [] }, ociIndex],
  ["a media type inside that differs", { ...image, mediaType: dockerManifest }, ociManifest],
  ["schema 1", { ...image, schemaVersion: 1 }, dockerManifest],
  ["a size below zero", { ...image, config: { ...descriptor, size: -1 } }, ociManifest],
  ["a size that is no integer", { ...image, config: { ...descriptor, size: 1.5 } }, ociManifest],
  ["a digest of another kind", { ...image, config: { ...descriptor, digest: "sha512:00" } }, ociManifest],
  ["a digest that climbs", { ...image, config: { ...descriptor, digest: `sha256:../${"a".repeat(61)}` } }, ociManifest],
  ["a media type that is no manifest's", image, "application/json"],
  ["a list", [], ociManifest],
  ["null", null, ociIndex],
] as const) {
  test(`parseManifest() refuses ${what}`, () => {
    assert.throws(() => parse(value, mediaType), { code: "MANIFEST_INVALID", disposition: "reject" });
  });
}

test("parseManifest() refuses what is no UTF-8, no JSON, or larger than 4 MiB", () => {
  for (const bytes of [Buffer.from([0xff, 0xfe]), Buffer.from("{"), Buffer.alloc(4 * 1024 * 1024 + 1, " ")]) {
    assert.throws(() => parseManifest(bytes, ociManifest), { code: "MANIFEST_INVALID" });
  }
});

test("sniffMediaType() reads the type, else tells an index by its manifests", () => {
  const sniff = (value: unknown) => sniffMediaType(Buffer.from(JSON.stringify(value)));
  assert.equal(sniff({ mediaType: dockerIndex }), dockerIndex);
  assert.equal(sniff(index), ociIndex);
  assert.equal(sniff(image), ociManifest);
  assert.throws(() => sniffMediaType(Buffer.from("{")), { code: "MANIFEST_INVALID" });
});
