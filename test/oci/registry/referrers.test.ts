import assert from "node:assert/strict";
import { test } from "node:test";
import { type Descriptor, digestOf, mediaTypes } from "../../../lib/oci/descriptor.ts";
import { referrersTag } from "../../../lib/oci/referrers.ts";
import { imageFixture, piece, putAll, referrerFixture } from "../../contracts/image-fixture.ts";
import { type FakeRegistryOptions, type Misbehaviour, refuse, startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "./opened-registry.ts";

const image = imageFixture("subject");
const subject = image.manifest.descriptor.digest;
const tag = referrersTag(subject);
const referrers = ["a", "b", "c"].map((seed) => referrerFixture(seed, image.manifest));
const [first, second] = referrers as [(typeof referrers)[0], (typeof referrers)[0]];

async function openImage(options: FakeRegistryOptions = {}) {
  const fake = await startFakeRegistry(options);
  const opened = await openForTest();
  const target = opened.registries.repository(fake.host, "a/b");
  await putAll(target, image.pieces);
  fake.requests.length = 0;
  return {
    fake,
    target,
    list: (tags?: ReadonlySet<string>) => Array.fromAsync(target.referrers!(subject, { tags })),
    /** What the fallback tag names now. */
    kept: () => {
      const { tags, manifests } = fake.repository("a/b");
      const bytes = manifests.get(tags.get(tag) ?? "")?.bytes;
      return bytes && (JSON.parse(bytes.toString()).manifests as readonly Descriptor[]);
    },
    lines: () => fake.requests.map(({ method, path }) => `${method} ${path.replace("/v2/a/b", "")}`),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

const digests = (listed: readonly Descriptor[] = []) => listed.map(({ digest }) => digest).sort();
const all = digests(referrers.map(({ manifest }) => manifest.descriptor));

test("a registry that lists referrers itself is asked, page by page, and nothing else is", async () => {
  await using place = await openImage({ referrers: true, pageSize: 2 });
  for (const { pieces } of referrers) await putAll(place.target, pieces);
  assert.equal(place.kept(), undefined);
  place.fake.requests.length = 0;
  assert.deepEqual(digests(await place.list()), all);
  assert.deepEqual(place.lines(), [`GET /referrers/${subject}`, `GET /referrers/${subject}?token=2`]);
});

test("where it does not, the list under the tag is kept and read, with type and annotations", async () => {
  await using place = await openImage();
  for (const { pieces } of referrers) await putAll(place.target, pieces);
  assert.deepEqual(
    place.kept(),
    referrers.map(({ listed }) => listed),
  );
  assert.deepEqual(
    await place.list(),
    referrers.map(({ listed }) => listed),
  );
});

test("that it does not is found out once, and tags that are known spare looking for the list", async () => {
  await using place = await openImage();
  await place.list();
  await place.list();
  await place.list(new Set(["v1"]));
  await place.list(new Set(["v1", tag]));
  assert.deepEqual(place.lines(), [
    `GET /referrers/${subject}`,
    `GET /manifests/${tag}`,
    `GET /manifests/${tag}`,
    `GET /manifests/${tag}`,
  ]);
});

test("however a registry says that it does not know the API, the list is read", async () => {
  const ways: readonly Misbehaviour[] = [
    (_, response) => refuse(response, 400, "UNSUPPORTED"),
    (_, response) => refuse(response, 403, "DENIED"),
    (_, response) => refuse(response, 404, "NOT_FOUND"),
    (_, response) => refuse(response, 405, "UNSUPPORTED"),
    (_, response) => response.writeHead(404).end("404 page not found"),
    (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
  ];
  for (const way of ways) {
    await using place = await openImage();
    await putAll(place.target, first.pieces);
    place.fake.misbehave("/referrers/", way, 9);
    assert.deepEqual(await place.list(), [first.listed]);
  }
});

test("a repository that is not known does not mean that the API is not", async () => {
  await using place = await openImage({ referrers: true });
  await putAll(place.target, first.pieces);
  place.fake.misbehave("/referrers/", (_, response) => refuse(response, 404, "NAME_UNKNOWN"));
  assert.deepEqual(await place.list(), []);
  assert.deepEqual(digests(await place.list()), [first.manifest.descriptor.digest]);
});

test("a registry that is down is not taken for one that has nothing", async () => {
  await using place = await openImage();
  place.fake.misbehave("/referrers/", (_, response) => response.writeHead(503).end(), 9);
  await assert.rejects(place.list(), { code: "REGISTRY_UNAVAILABLE" });
});

test("a list that another client has written meanwhile is not written over", async () => {
  await using place = await openImage();
  await putAll(place.target, second.pieces.slice(0, 2));
  // somebody else's list arrives between our reading and our writing: the registry heeds If-Match
  const other = imageFixture("other");
  const theirs = piece(
    mediaTypes.ociIndex,
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [other.manifest.descriptor] }),
  );
  const store = () => {
    const { manifests, tags } = place.fake.repository("a/b");
    manifests.set(theirs.descriptor.digest, { type: mediaTypes.ociIndex, bytes: Buffer.from(theirs.bytes) });
    tags.set(tag, theirs.descriptor.digest);
  };
  await putAll(place.target, first.pieces);
  place.fake.misbehave(`PUT /v2/a/b/manifests/${tag}`, async (_, __, proceed) => {
    store();
    await proceed();
  });
  await putAll(place.target, second.pieces);
  assert.deepEqual(digests(place.kept()), digests([other.manifest.descriptor, second.manifest.descriptor]));
});

test("where the registry does not heed that, what was lost is written again", async () => {
  await using place = await openImage();
  place.fake.misbehave(`PUT /v2/a/b/manifests/${tag}`, (request, response) => {
    // taken, and written over by somebody else before anybody looks
    request.resume();
    response.writeHead(201).end();
  });
  await putAll(place.target, first.pieces);
  assert.deepEqual(place.kept(), [first.listed]);
});

test("a list that others keep changing is given up for now", async () => {
  await using place = await openImage();
  const taken: Misbehaviour = (request, response) => {
    request.resume();
    response.writeHead(201).end();
  };
  place.fake.misbehave(`PUT /v2/a/b/manifests/${tag}`, taken, 99);
  await assert.rejects(putAll(place.target, first.pieces), {
    code: "REGISTRY_UNAVAILABLE",
    message: /others keep changing the list$/,
  });
});

test("a tag that somebody uses for something else is no list, and stays", async () => {
  await using place = await openImage();
  await place.target.tag(tag, image.manifest.descriptor);
  assert.deepEqual(await place.list(), []);
  await assert.rejects(putAll(place.target, first.pieces), { code: "MANIFEST_INVALID" });
  assert.equal((await place.target.resolve(tag)).digest, subject);
});

test("a list that is none is refused", async () => {
  await using place = await openImage({ referrers: true });
  const digest = digestOf("x");
  for (const body of ["", "{}", "[]", JSON.stringify({ schemaVersion: 2, manifests: [{ digest }] })]) {
    place.fake.misbehave("/referrers/", (_, response) =>
      response.writeHead(200, { "content-type": mediaTypes.ociIndex }).end(body),
    );
    await assert.rejects(place.list(), { code: "MANIFEST_INVALID" }, body);
  }
});
