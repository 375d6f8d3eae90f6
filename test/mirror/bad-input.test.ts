import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { listOfLines, readLists } from "../../lib/images/index.ts";
import { mirror } from "../../lib/mirror/mirror.ts";
import { type Descriptor, mediaTypes } from "../../lib/oci/descriptor.ts";
import { imageFixture, indexPiece, layerPiece, type Piece, piece } from "../contracts/image-fixture.ts";
import { type FakeRepository, startFakeRegistry } from "../fakes/registry.ts";
import { openClients } from "./pair.ts";

const image = imageFixture("web");
const [layer] = image.layers as [Piece];
const absent = layerPiece("absent").descriptor;
const manifestOf = (layers: readonly Descriptor[]): Piece =>
  piece(mediaTypes.ociManifest, JSON.stringify({ schemaVersion: 2, config: image.config.descriptor, layers }));
const selfish = indexPiece([{ descriptor: { ...absent, mediaType: mediaTypes.ociIndex }, bytes: Buffer.of() }]);

/** Put what a good client never would: under digests that may not be those of the bytes. */
function store({ blobs, manifests, tags }: FakeRepository, pieces: readonly Piece[]): void {
  for (const { descriptor, bytes } of pieces) {
    const type = descriptor.mediaType;
    if (type.includes("manifest") || type.includes("index")) {
      manifests.set(descriptor.digest, { type, bytes: Buffer.from(bytes) });
      tags.set("v1", descriptor.digest);
    } else blobs.set(descriptor.digest, Buffer.from(bytes));
  }
}

/** The pieces of an image that is none, and what is said of it. */
const bad: Readonly<Record<string, readonly [pieces: readonly Piece[], code: string, says: RegExp]>> = {
  "a manifest that lies about the size of a layer": [
    [...image.pieces, manifestOf([{ ...layer.descriptor, size: 999 }])],
    "CONTENT_MISMATCH",
    /it has 1000 bytes instead of the promised 999$/,
  ],
  "a manifest that lies about the digest of a layer": [
    [...image.pieces, { ...layer, descriptor: absent }, manifestOf([absent])],
    "CONTENT_MISMATCH",
    /the bytes have digest sha256:/,
  ],
  "a manifest under a digest that is not its own": [
    [...image.pieces, { ...image.manifest, descriptor: { ...absent, mediaType: mediaTypes.ociManifest } }],
    "CONTENT_MISMATCH",
    /the bytes have digest sha256:/,
  ],
  "an index that contains itself": [
    [{ ...selfish, descriptor: { ...absent, mediaType: mediaTypes.ociIndex } }],
    "CONTENT_MISMATCH",
    /the bytes have digest sha256:/,
  ],
  "a manifest with more layers than anybody has": [
    [
      ...image.pieces,
      manifestOf(
        Array.from({ length: 21_000 }, (_, number) => ({
          mediaType: "a/b",
          digest: `sha256:${number.toString(16).padStart(64, "0")}`,
          size: 1,
        })),
      ),
    ],
    "MANIFEST_INVALID",
    /there are more than 20000 parts$/,
  ],
  "a manifest of more than 4 MiB": [
    [...image.pieces, piece(mediaTypes.ociManifest, `{"schemaVersion":2${" ".repeat(4 * 1024 * 1024)}}`)],
    "MANIFEST_INVALID",
    /more than 4194304/,
  ],
  "a manifest that is a page": [
    [piece(mediaTypes.ociManifest, "<!doctype html><title>Sign in</title>")],
    "MANIFEST_INVALID",
    /JSON/,
  ],
};

/** A host that has nothing to do with images and answers everything with a page. */
async function startPages() {
  const server = createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end(request.method === "HEAD" ? undefined : "<!doctype html><title>Welcome</title>");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

suite("what a source offers that is no image fails alone, with its reason; the rest of the run is unharmed", () => {
  const never = new AbortController().signal;

  /** Mirror full references. */
  async function mirrored(lines: readonly string[], to: string) {
    const rules = { form: "reference", projects: ["*"] } as const;
    const list = await readLists([listOfLines("images.list", lines)], rules);
    return mirror({ list, to }, { registries: openClients(), sleep: async () => {} }, never);
  }

  for (const [what, [pieces, code, says]] of Object.entries(bad)) {
    test(what, async () => {
      await using source = await startFakeRegistry();
      await using target = await startFakeRegistry();
      for (const [name, content] of Object.entries({ bad: pieces, one: image.pieces, two: image.pieces })) {
        store(source.repository(`app/${name}`), content);
      }
      const { host } = source;
      const { complete, images } = await mirrored(
        ["one", "bad", "two"].map((name) => `${host}/app/${name}:v1`),
        target.host,
      );
      assert.equal(complete, false);
      assert.deepEqual(
        images.map(({ status, side, code }) => [status, side, code]),
        [
          ["copied", null, null],
          ["failed", "source", code],
          ["copied", null, null],
        ],
      );
      assert.match(images[1]?.error ?? "", says);
      assert.deepEqual([...target.repository("app/bad").tags], []);
      for (const name of ["one", "two"]) {
        assert.deepEqual([...target.repository(`app/${name}`).tags], [["v1", image.manifest.descriptor.digest]]);
      }
    });
  }

  test("a host that answers HTML with 200, as source and as target", async () => {
    await using pages = await startPages();
    await using source = await startFakeRegistry();
    await using target = await startFakeRegistry();
    store(source.repository("app/one"), image.pieces);
    const lines = [`${pages.host}/app/page:v1`, `${source.host}/app/one:v1`];
    const { images } = await mirrored(lines, target.host);
    assert.deepEqual(
      images.map(({ status, side, code }) => [status, side, code]),
      [
        ["failed", "source", "REGISTRY_REFUSED"],
        ["copied", null, null],
      ],
    );
    assert.match(images[0]?.error ?? "", /the registry answered text\/html, which is neither OCI nor Docker schema 2$/);

    const nowhere = await mirrored([`${source.host}/app/one:v1`], pages.host);
    assert.deepEqual(
      nowhere.images.map(({ status, side, code }) => [status, side, code]),
      [["failed", "target", "REGISTRY_REFUSED"]],
    );
  });
});
