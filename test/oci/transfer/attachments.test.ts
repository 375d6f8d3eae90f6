import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RejectedError, TransientError } from "../../../lib/errors.ts";
import type { Source, Target } from "../../../lib/oci/content.ts";
import { type Descriptor, mediaTypes } from "../../../lib/oci/descriptor.ts";
import { openLayout } from "../../../lib/oci/layout.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { type CopyOptions, createTransfer } from "../../../lib/oci/transfer.ts";
import { openTree } from "../../../lib/oci/tree.ts";
import {
  type ImageFixture,
  imageFixture,
  indexPiece,
  type Piece,
  piece,
  putAll,
  read,
  referrerFixture,
} from "../../contracts/image-fixture.ts";
import { startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "../registry/opened-registry.ts";
import { temporaryDirectory } from "../temporary.ts";

const cosign = ({ descriptor }: Piece, ending: string): string => `${descriptor.digest.replace(":", "-")}.${ending}`;

const images = ["amd64", "arm64"].map((seed) => imageFixture(seed));
const [amd64, arm64] = images as [ImageFixture, ImageFixture];
const index = indexPiece(images.map(({ manifest }) => manifest));

/** What belongs to the index, to one of its images, and to one of these in turn; by name, and by subject. */
const signature = imageFixture("signature of the index");
const attestation = imageFixture("attestation of amd64");
const sbom = referrerFixture("SBOM of arm64", arm64.manifest);
const statement = referrerFixture("signature of the SBOM", sbom.manifest);
const named: Readonly<Record<string, ImageFixture>> = {
  [cosign(index, "sig")]: signature,
  [cosign(amd64.manifest, "att")]: attestation,
};
const release = [...images.flatMap(({ pieces }) => pieces), index];
const attached = [signature, attestation, sbom, statement];

async function fill(target: Target): Promise<Target> {
  await putAll(target, [...release, ...attached.flatMap(({ pieces }) => pieces)]);
  for (const [tag, { manifest }] of Object.entries(named)) await target.tag(tag, manifest.descriptor);
  await target.tag("v1", index.descriptor);
  return target;
}

const copied = async (target: Target, fixtures: readonly ImageFixture[]) =>
  (await Promise.all(fixtures.map(({ manifest }) => target.has(manifest.descriptor)))).map(
    (has, position) => [fixtures[position]!.manifest.descriptor.digest, has] as const,
  );

async function assertComplete(target: Target): Promise<void> {
  for (const { descriptor, bytes } of attached.flatMap(({ pieces }) => pieces)) {
    assert.deepEqual(await read(target, descriptor), bytes);
  }
  for (const [tag, { manifest }] of Object.entries(named)) {
    assert.equal((await target.resolve(tag)).digest, manifest.descriptor.digest);
  }
  for (const [subject, referrer] of [
    [arm64.manifest, sbom],
    [sbom.manifest, statement],
  ] as const) {
    const listed = await Array.fromAsync(target.referrers!(subject.descriptor.digest));
    assert.deepEqual(listed, [referrer.listed]);
  }
}

/** The same source, through which one can look. */
function watched(source: Target, more: Partial<Source> = {}): Source {
  return {
    name: source.name,
    resolve: (...asked) => source.resolve(...asked),
    open: (...asked) => source.open(...asked),
    tags: (...asked) => source.tags(...asked),
    referrers: (...asked) => source.referrers!(...asked),
    ...more,
  };
}

const copy = (source: Source, target: Target, options?: CopyOptions) =>
  createTransfer().copy(source, "v1", target, options);

suite("what is attached to an image", () => {
  test("comes along, to every kind of place and on from there", async (t) => {
    await using fake = await startFakeRegistry();
    await using speaking = await startFakeRegistry({ referrers: true });
    await using opened = await openForTest();
    const places: readonly (() => Promise<Target>)[] = [
      async () => openLayout(await temporaryDirectory(t), { create: true }),
      async () => openTree(await temporaryDirectory(t)).repository("team/app"),
      async () => openTree(await temporaryDirectory(t), { referrersTags: true }).repository("team/app"),
      async () => opened.registries.repository(fake.host, "team/app"),
      async () => opened.registries.repository(speaking.host, "team/app"),
      async () => openMemory(),
    ];
    let source = await fill(openMemory());
    for (const open of places) {
      const target = await open();
      const result = await copy(source, target);
      assert.equal(result.attached, attached.length, `${source.name} to ${target.name}`);
      assert.deepEqual(result.leftOut, []);
      await assertComplete(target);
      source = target;
    }
  });

  test("can be read by clients of a registry without the API when it was written into its tree", async (t) => {
    const directory = await temporaryDirectory(t);
    await copy(await fill(openMemory()), openTree(directory, { referrersTags: true }).repository("team/app"));
    const tags = await Array.fromAsync(openTree(directory).repository("team/app").tags());
    assert.ok(tags.includes(arm64.manifest.descriptor.digest.replace(":", "-")));
  });

  test("is there before the tag is", async () => {
    const source = await fill(openMemory());
    const memory = openMemory();
    const order: string[] = [];
    const target: Target = Object.assign(Object.create(memory), {
      tag: async (name: string, descriptor: Descriptor) => {
        order.push(name);
        if (name === "v1") await assertComplete(memory);
        await memory.tag(name, descriptor);
      },
      put: (...asked: Parameters<Target["put"]>) => memory.put(...asked),
      has: (...asked: Parameters<Target["has"]>) => memory.has(...asked),
      resolve: (...asked: Parameters<Target["resolve"]>) => memory.resolve(...asked),
      open: (...asked: Parameters<Target["open"]>) => memory.open(...asked),
    });
    await copy(source, target);
    assert.equal(order.at(-1), "v1");
    assert.equal(order.length, 3);
  });

  test("stays behind where it is not wanted", async () => {
    const target = openMemory();
    const result = await copy(await fill(openMemory()), target, { referrers: false });
    assert.equal(result.attached, 0);
    assert.ok((await copied(target, attached)).every(([, has]) => !has));
    assert.deepEqual(await Array.fromAsync(target.tags()), ["v1"]);
  });

  test("comes along for the platforms that do, and with it all that is attached to it", async () => {
    const target = openMemory();
    const { attached: count } = await copy(await fill(openMemory()), target, { platforms: ["linux/arm64"] });
    assert.equal(count, 3);
    assert.deepEqual(
      (await copied(target, attached)).map(([, has]) => has),
      [true, false, true, true],
    );
  });

  test("of the whole index has nothing to say about one that was rewritten", async () => {
    const target = openMemory();
    const options = { platforms: ["linux/amd64"], rewriteIndex: true };
    const { attached: count } = await copy(await fill(openMemory()), target, options);
    assert.equal(count, 1);
    assert.deepEqual(
      (await copied(target, attached)).map(([, has]) => has),
      [false, true, false, false],
    );
  });

  test("counts with its bytes, and moves no blob twice", async () => {
    const target = openMemory();
    const { blobs } = await copy(await fill(openMemory()), target);
    const digests = [...release, ...attached.flatMap(({ pieces }) => pieces)]
      .filter(
        ({ descriptor }) => ![mediaTypes.ociIndex, mediaTypes.ociManifest].includes(descriptor.mediaType as never),
      )
      .map(({ descriptor }) => descriptor.digest);
    assert.equal(blobs.moved, new Set(digests).size);
  });

  test("costs one listing of tags for a repository with many images, and no request for each", async () => {
    await using fake = await startFakeRegistry();
    await using opened = await openForTest();
    const source = opened.registries.repository(fake.host, "from/here");
    const many = Array.from({ length: 10 }, (_, number) => imageFixture(`${number}`));
    for (const [number, image] of many.entries()) {
      await putAll(source, image.pieces);
      await source.tag(`v${number}`, image.manifest.descriptor);
    }
    fake.requests.length = 0;
    const transfer = createTransfer();
    const target = openMemory();
    for (const number of many.keys()) await transfer.copy(source, `v${number}`, target);
    const count = (match: string) => fake.requests.filter(({ path }) => path.includes(match)).length;
    assert.deepEqual([count("/tags/list"), count("/referrers/"), count("/sha256-")], [1, 1, 0]);
    // by image: the tag, the manifest, a config and two layers
    assert.equal(fake.requests.length, 2 + many.length * 5);
  });

  test("is looked for name by name where tags may not be listed", async () => {
    const source = await fill(openMemory());
    const denied = new RejectedError("REGISTRY_DENIED", "Cannot list the tags: the registry answered 403");
    const target = openMemory();
    // biome-ignore lint/correctness/useYield: it fails before
    const tags = async function* () {
      throw denied;
    };
    const { attached: count } = await copy(watched(source, { tags }), target);
    assert.equal(count, attached.length);
    await assertComplete(target);
  });

  test("is not taken to be nothing where the tags cannot be listed now", async () => {
    const down = new TransientError("REGISTRY_UNAVAILABLE", "Cannot list the tags: the registry answered 503");
    // biome-ignore lint/correctness/useYield: it fails before
    const tags = async function* () {
      throw down;
    };
    const target = openMemory();
    await assert.rejects(copy(watched(await fill(openMemory()), { tags }), target), down);
    assert.deepEqual(await Array.fromAsync(target.tags()), []);
  });

  test("comes later only when it is asked for", async () => {
    const source = openMemory();
    await putAll(source, release);
    await source.tag("v1", index.descriptor);
    const target = openMemory();
    assert.equal((await copy(source, target)).attached, 0);
    await fill(source);
    assert.equal((await copy(source, target)).attached, 0);
    assert.equal((await copy(source, target, { recheck: "nothing" })).attached, 0);
    assert.equal((await copy(source, target, { recheck: "all" })).attached, attached.length);
    await assertComplete(target);
  });

  test("is completed after a run that ended before it came to it", async () => {
    const source = await fill(openMemory());
    const target = openMemory();
    await putAll(target, [...release, ...sbom.pieces]);
    assert.equal((await copy(source, target)).attached, attached.length);
    await assertComplete(target);
  });

  test("is listed after a run that ended between putting and listing it", async () => {
    await using fake = await startFakeRegistry();
    await using opened = await openForTest();
    const target = opened.registries.repository(fake.host, "team/app");
    await putAll(target, sbom.pieces);
    fake.repository("team/app").tags.clear();
    await copy(await fill(openMemory()), target);
    await assertComplete(target);
  });

  test("is left out where it is of a kind that nobody copies, or only listed and gone", async () => {
    const gone = referrerFixture("gone", index).manifest.descriptor;
    const strange = { ...piece("application/vnd.cncf.oras.artifact.manifest.v1+json", "{}").descriptor };
    const referrers: Source["referrers"] = async function* (subject) {
      if (subject === index.descriptor.digest) yield* [gone, strange];
    };
    const target = openMemory();
    const result = await copy(watched(await fill(openMemory()), { referrers }), target);
    assert.deepEqual(result.leftOut, [gone, strange]);
    assert.equal(result.attached, 2);
    assert.equal((await target.resolve("v1")).digest, index.descriptor.digest);
  });

  test("may be attached to itself, but not deeper than four times, nor without end", async () => {
    const source = openMemory();
    const chain = [imageFixture("deep")];
    for (let depth = 0; depth < 5; depth++) {
      const next = referrerFixture(`${depth}`, chain.at(-1)!.manifest);
      chain.push(next);
    }
    await putAll(
      source,
      chain.flatMap(({ pieces }) => pieces),
    );
    await source.tag("v1", chain[0]!.manifest.descriptor);
    await assert.rejects(copy(source, openMemory()), { code: "MANIFEST_INVALID", message: /attached/ });

    const self = imageFixture("self");
    const loop = openMemory();
    await putAll(loop, self.pieces);
    await loop.tag("v1", self.manifest.descriptor);
    await loop.tag(cosign(self.manifest, "sig"), self.manifest.descriptor);
    assert.equal((await copy(loop, openMemory())).attached, 1);

    const endless: Source["referrers"] = async function* () {
      for (let number = 0; ; number++) yield piece(mediaTypes.ociManifest, `${number}`).descriptor;
    };
    await assert.rejects(copy(watched(loop, { referrers: endless }), openMemory()), { code: "MANIFEST_INVALID" });
  });
});

test("a layout with one image and its signatures still needs no name to be asked for the image", async (t) => {
  const layout = await openLayout(await temporaryDirectory(t), { create: true });
  await copy(await fill(openMemory()), layout);
  assert.equal((await layout.resolve("")).digest, index.descriptor.digest);
});
