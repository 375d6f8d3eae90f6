import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { copy } from "../../../lib/oci/copy.ts";
import { mediaTypes } from "../../../lib/oci/descriptor.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import type { RegistrySettings } from "../../../lib/oci/registry/endpoint.ts";
import { createTransfer } from "../../../lib/oci/transfer.ts";
import {
  imageFixture,
  inChunks,
  indexPiece,
  layerPiece,
  type Piece,
  piece,
  putAll,
  read,
  referrerFixture,
} from "../../contracts/image-fixture.ts";
import { type Misbehaviour, refuse } from "../../fakes/registry.ts";
import { credentialsFor, type RegistryKind, registryKinds, startRegistryLike } from "../../fakes/registry-kinds.ts";
import { openForTest } from "./opened-registry.ts";

/** Two platforms that share a layer, a signature by cosign's tag and one by OCI's referrers, each image for itself. */
function release() {
  const shared = layerPiece("shared", 50_000);
  const images = ["a", "b"].map((seed) => imageFixture(seed, { layers: [shared, layerPiece(seed)] }));
  const index = indexPiece(images.map(({ manifest }) => manifest));
  const signature = imageFixture("signature");
  const statement = referrerFixture("statement", index);
  const image = [...images.flatMap(({ pieces }) => pieces), index];
  const signatureTag = `${index.descriptor.digest.replace(":", "-")}.sig`;
  return { image, index, signature, signatureTag, statement, layer: shared };
}

async function openLike(kind: RegistryKind, settings: Partial<RegistrySettings> = {}) {
  const fake = await startRegistryLike(kind);
  const opened = await openForTest({ [fake.host]: credentialsFor(kind) }, [{ host: fake.host, ...settings }]);
  return {
    fake,
    registries: opened.registries,
    waits: opened.waits,
    repository: (name: string) => opened.registries.repository(fake.host, name),
    lines: (match: string) =>
      fake.requests.map(({ method, path }) => `${method} ${path}`).filter((line) => line.includes(match)),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

suite("a release with its signatures goes to each kind of registry, and comes back as it was", () => {
  for (const kind of registryKinds) {
    test(kind, async () => {
      await using place = await openLike(kind);
      const { image, index, signature, signatureTag, statement } = release();
      const source = openMemory();
      await putAll(source, [...image, ...signature.pieces, ...statement.pieces]);
      await source.tag("v1", index.descriptor);
      await source.tag(signatureTag, signature.manifest.descriptor);

      const there = place.repository("team/app");
      const up = await copy(source, "v1", there);
      assert.equal(up.attached, 2);
      const back = openMemory();
      const down = await copy(place.repository("team/app"), "v1", back);
      assert.equal(down.attached, 2);
      for (const { descriptor, bytes } of [...image, ...signature.pieces, ...statement.pieces]) {
        assert.deepEqual(await read(back, descriptor), bytes);
      }
      assert.deepEqual((await Array.fromAsync(back.tags())).sort(), [signatureTag, "v1"].sort());

      // nothing has changed: one HEAD for the tag at each side, of the index, and nothing else
      place.fake.requests.length = 0;
      await createTransfer().copy(place.repository("team/app"), "v1", back, { recheck: "nothing" });
      const asked = place.fake.requests.filter(({ path }) => !path.startsWith("/token"));
      assert.deepEqual(
        [...new Set(asked.map(({ method, path }) => `${method} ${path}`))],
        ["HEAD /v2/team/app/manifests/v1"],
      );
    });
  }
});

suite("the same layer in a second repository", () => {
  const mounting: Readonly<Record<RegistryKind, "mounted" | "written">> = {
    "docker-hub": "mounted",
    ghcr: "mounted",
    // its blobs can be mounted once a manifest has them
    ecr: "mounted",
    google: "mounted",
    acr: "mounted",
    aliyun: "mounted",
    harbor: "mounted",
    quay: "mounted",
    artifactory: "written",
    "distribution-2.8": "mounted",
    "distribution-3": "mounted",
  };
  for (const [kind, outcome] of Object.entries(mounting)) {
    test(`is ${outcome} at ${kind}`, async () => {
      await using place = await openLike(kind as RegistryKind);
      const { image, index, layer } = release();
      const source = openMemory();
      await putAll(source, image);
      await source.tag("v1", index.descriptor);
      const transfer = createTransfer();
      await transfer.copy(source, "v1", place.repository("team/one"));
      const { blobs } = await transfer.copy(source, "v1", place.repository("team/two"));
      assert.deepEqual(
        blobs,
        outcome === "mounted" ? { moved: 0, mounted: 5, present: 0 } : { moved: 5, mounted: 0, present: 0 },
      );
      assert.deepEqual(await read(place.repository("team/two"), layer.descriptor), layer.bytes);
    });
  }
});

suite("what single registries do in their own way", () => {
  const blob = layerPiece("deviation", 50_000);
  const bytes = async () => inChunks(blob.bytes);

  test("Docker Hub: a mount has the scopes of both repositories, and no origin", async () => {
    await using place = await openLike("docker-hub");
    await putAll(place.repository("library/base"), [blob]);
    const target = place.repository("team/app");
    assert.equal(await target.put(blob.descriptor, bytes, { from: "library/base" }), "mounted");
    assert.ok(place.lines("mount=").every((line) => !line.includes("origin")));
  });

  test("Docker Hub: manifests are counted, so a tag costs a HEAD, and a manifest one GET for all targets", async () => {
    await using place = await openLike("docker-hub");
    const { image, index } = release();
    const source = place.repository("team/app");
    await putAll(source, image);
    await source.tag("v1", index.descriptor);
    place.fake.requests.length = 0;
    const transfer = createTransfer();
    await transfer.copy(source, "v1", openMemory("one:"));
    await transfer.copy(source, "v1", openMemory("two:"));
    assert.equal(place.lines("HEAD /v2/team/app/manifests/v1").length, 1);
    assert.equal(place.lines("GET /v2/team/app/manifests/sha256:").length, 3);
  });

  test("Docker Hub, GHCR: there is no catalogue", async () => {
    for (const [kind, code] of [
      ["docker-hub", "REGISTRY_DENIED"],
      ["ghcr", "CONTENT_UNKNOWN"],
      ["harbor", "REGISTRY_DENIED"],
    ] as const) {
      await using place = await openLike(kind);
      await assert.rejects(Array.fromAsync(place.registries.repositories(place.fake.host)), { code }, kind);
    }
  });

  test("Google, Quay: a page of the catalogue may not be large, each refuses in its way", async () => {
    for (const kind of ["google", "quay"] as const) {
      await using place = await openLike(kind);
      await putAll(place.repository("team/app"), [blob]);
      assert.deepEqual(await Array.fromAsync(place.registries.repositories(place.fake.host)), ["team/app"], kind);
      assert.equal(place.lines("n=1000").length >= 1 && place.lines("n=100").length >= 1, true);
    }
  });

  test("ECR: Basic credentials and no token service", async () => {
    await using place = await openLike("ecr");
    await putAll(place.repository("team/app"), [blob]);
    assert.deepEqual(place.lines("/token"), []);
    assert.ok(place.fake.requests.at(-1)?.headers["authorization"]?.startsWith("Basic "));
  });

  test("ECR: a repository must be there", async () => {
    await using place = await openLike("ecr");
    await assert.rejects(place.repository("missing/app").put(blob.descriptor, bytes), {
      code: "CONTENT_UNKNOWN",
      message: /NAME_UNKNOWN/,
    });
  });

  test("ECR: what no manifest has yet is not mounted but moved", async () => {
    await using place = await openLike("ecr");
    await putAll(place.repository("team/one"), [blob]);
    const target = place.repository("team/two");
    assert.equal(await target.put(blob.descriptor, bytes, { from: "team/one" }), "written");
  });

  test("ECR: the last part goes with the PUT, which is never empty", async () => {
    await using place = await openLike("ecr", { maxUploadBytes: 25_000 });
    assert.equal(await place.repository("team/app").put(blob.descriptor, bytes), "written");
    assert.equal(place.lines("PATCH").length, 1);
  });

  test("Google: there are no parts, and none are sent", async () => {
    await using place = await openLike("google");
    assert.equal(await place.repository("team/app").put(blob.descriptor, bytes), "written");
    assert.deepEqual(place.lines("PATCH"), []);
  });

  test("ACR: the refresh token is exchanged, and stands in no address", async () => {
    await using place = await openLike("acr");
    await putAll(place.repository("team/app"), [blob]);
    assert.ok(place.lines("POST /token").length >= 1);
    assert.ok(place.fake.requests.every(({ path }) => !path.includes("refresh")));
  });

  test("Aliyun: a temporary user gets a token, and a new one when that ends in the middle of a run", async () => {
    await using place = await openLike("aliyun");
    const target = place.repository("team/app");
    await putAll(target, [blob]);
    place.fake.revokeTokens();
    assert.deepEqual(await read(target, blob.descriptor), blob.bytes);
  });

  test("Aliyun: a token that ends while a layer is on its way is replaced when the transfer goes on", async () => {
    await using place = await openLike("aliyun");
    const target = place.repository("team/app");
    await putAll(target, [blob]);
    place.fake.misbehave("GET /v2/team/app/blobs/", (_, response) => {
      place.fake.revokeTokens();
      response.writeHead(200, { "content-length": blob.bytes.byteLength });
      response.write(blob.bytes.subarray(0, 20_000), () => response.destroy());
    });
    assert.deepEqual(await read(target, blob.descriptor), blob.bytes);
    const ranges = place.fake.requests.flatMap(({ headers: { range } }) => range ?? []);
    // the second time with the new token
    assert.equal(ranges.length, 2);
    assert.match(ranges[0]!, /^bytes=[1-9]\d*-49999$/);
  });

  test("Harbor: a mount from a project that is not there is 401, and becomes an upload", async () => {
    await using place = await openLike("harbor");
    const target = place.repository("team/app");
    assert.equal(await target.put(blob.descriptor, bytes, { from: "missing/app" }), "written");
  });

  test("Harbor: a project that is not there has no tags and no referrers, and the others still have theirs", async () => {
    await using place = await openLike("harbor");
    const { image, index, statement } = release();
    assert.deepEqual(await Array.fromAsync(place.repository("missing/app").tags()), []);
    assert.deepEqual(await Array.fromAsync(place.repository("missing/app").referrers!(index.descriptor.digest)), []);
    const target = place.repository("team/app");
    await putAll(target, [...image, ...statement.pieces]);
    assert.equal((await Array.fromAsync(target.referrers!(index.descriptor.digest))).length, 1);
  });

  test("Harbor: nginx in front of it lets only so much through", async () => {
    await using place = await openLike("harbor");
    const large = layerPiece("large", 5 * 1024 * 1024);
    const target = place.repository("team/app");
    assert.equal(await target.put(large.descriptor, async () => inChunks(large.bytes)), "written");
    assert.ok(place.lines("PATCH").length >= 1);
    assert.deepEqual(await read(target, large.descriptor), large.bytes);
  });

  test("Harbor, Quay, distribution 3: tags come in small pages", async () => {
    for (const kind of ["harbor", "quay", "distribution-3"] as const) {
      await using place = await openLike(kind);
      const target = place.repository("team/app");
      const { config, layers, manifest } = imageFixture("many");
      await putAll(target, [config, ...layers, manifest]);
      const tags = ["1", "2", "3", "4", "5"];
      for (const tag of tags) await target.tag(tag, manifest.descriptor);
      assert.deepEqual((await Array.fromAsync(target.tags())).sort(), tags);
    }
  });

  test("Quay: nothing is mounted without saying from where", async () => {
    await using place = await openLike("quay");
    await place.repository("team/app").put(blob.descriptor, bytes);
    assert.deepEqual(place.lines("mount="), []);
  });

  test("Artifactory: a mount that is refused becomes an upload", async () => {
    await using place = await openLike("artifactory");
    await putAll(place.repository("team/one"), [blob]);
    const target = place.repository("team/two");
    assert.equal(await target.put(blob.descriptor, bytes, { from: "team/one" }), "written");
  });

  test("distribution, Docker Hub, GHCR: a manifest with a subject is listed under a tag, and others ask for it", async () => {
    for (const kind of ["distribution-2.8", "distribution-3", "docker-hub", "ghcr"] as const) {
      await using place = await openLike(kind);
      const subject = piece(mediaTypes.ociManifest, "not there");
      const statement = referrerFixture("statement", subject);
      const target = place.repository("team/app");
      await putAll(target, statement.pieces);
      assert.deepEqual(await Array.fromAsync(target.tags()), [subject.descriptor.digest.replace(":", "-")], kind);
      assert.deepEqual(await Array.fromAsync(target.referrers!(subject.descriptor.digest)), [statement.listed], kind);
    }
  });

  test("ECR, ACR, Harbor, Quay: a manifest with a subject is listed by the registry, and no tag is made for it", async () => {
    for (const kind of ["ecr", "acr", "harbor", "quay"] as const) {
      await using place = await openLike(kind);
      const subject = piece(mediaTypes.ociManifest, "not there");
      const statement = referrerFixture("statement", subject);
      const target = place.repository("team/app");
      await putAll(target, statement.pieces);
      assert.deepEqual(await Array.fromAsync(target.tags()), [], kind);
      assert.deepEqual(await Array.fromAsync(target.referrers!(subject.descriptor.digest)), [statement.listed], kind);
    }
  });

  test("GHCR: parts are no larger than the configuration says", async () => {
    await using place = await openLike("ghcr", { maxUploadBytes: 20_000 });
    assert.equal(await place.repository("team/app").put(blob.descriptor, bytes), "written");
    const sizes = place.fake.requests.map(({ headers }) => Number(headers["content-length"] ?? 0));
    assert.equal(place.lines("PATCH").length, 2);
    assert.equal(Math.max(...sizes), 20_000);
  });
});

suite("a registry that limits how often it is asked", () => {
  const { pieces, manifest } = imageFixture("limited");
  const limited =
    (message: string, retryAfter?: string): Misbehaviour =>
    (_, response) => {
      if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
      refuse(response, 429, "TOOMANYREQUESTS", message);
    };

  test("Docker Hub: who has pulled too often is told so in its own words, after three tries", async () => {
    await using place = await openLike("docker-hub");
    const message = "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading";
    place.fake.misbehave("HEAD /v2/library/nginx/", (_, response) => response.writeHead(429).end(), 3);
    place.fake.misbehave("GET /v2/library/nginx/", limited(message), 3);
    await assert.rejects(place.repository("library/nginx").resolve("1"), { code: "REGISTRY_UNAVAILABLE" });
    await assert.rejects(read(place.repository("library/nginx"), manifest.descriptor), {
      code: "REGISTRY_UNAVAILABLE",
      message: /429 \(TOOMANYREQUESTS: You have reached your pull rate limit\./,
    });
    assert.equal(place.lines("/library/nginx/").length, 6);
  });

  test("GHCR: its wait of microseconds stands in no header, and the usual one is kept", async () => {
    await using place = await openLike("ghcr");
    place.fake.misbehave("PUT /v2/team/app/", limited("retry-after: 880.351µs, allowed: 44000/minute"));
    await putAll(place.repository("team/app"), pieces);
    assert.equal(place.waits.length, 1);
    assert.ok(place.waits[0]! >= 200 && place.waits[0]! <= 400);
  });

  test("ECR: ten manifests a second are taken, and the eleventh is sent again", async () => {
    await using place = await openLike("ecr");
    place.fake.misbehave("PUT /v2/team/app/manifests/", limited("Rate exceeded"), 2);
    await putAll(place.repository("team/app"), pieces);
    assert.equal(place.lines("PUT /v2/team/app/manifests/").length, 3);
  });

  test("ACR: a throttle says how long it lasts, and is heeded by all requests", async () => {
    await using place = await openLike("acr");
    const target = place.repository("team/app");
    await putAll(target, pieces);
    place.fake.misbehave("HEAD /v2/team/app/blobs/", limited("throttled", "3"));
    await Promise.all(pieces.map(({ descriptor }) => target.has(descriptor)));
    assert.ok(place.waits.includes(3000));
  });

  test("Quay: nginx answers 429 with a page, which is worth another try as well", async () => {
    await using place = await openLike("quay");
    const target = place.repository("team/app");
    await putAll(target, pieces);
    place.fake.misbehave("GET /v2/team/app/blobs/", (_, response) =>
      response.writeHead(429, { "content-type": "text/html" }).end("<h1>429 Too Many Requests</h1>"),
    );
    const [{ descriptor, bytes }] = pieces as [Piece];
    assert.deepEqual(await read(target, descriptor), bytes);
  });
});
