import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe as suite, test } from "node:test";
import { RejectedError, StowageError } from "../../lib/errors.ts";
import type { Bytes, Target } from "../../lib/oci/content.ts";
import { type Descriptor, mediaTypes } from "../../lib/oci/descriptor.ts";
import {
  dockerImageFixture,
  imageFixture,
  inChunks,
  indexPiece,
  layerPiece,
  noise,
  type Piece,
  piece,
  putAll,
  read,
  referrerFixture,
} from "./image-fixture.ts";

export interface OpenedTarget {
  readonly target: Target;
  close(): Promise<void>;
}

/**
 * What every Target promises (lib/oci/content.ts), as tests.
 *
 * @param open makes an empty target; called once for each test
 * @param skip title of a test → why the implementation cannot keep that promise
 */
export function testTarget(
  name: string,
  open: () => Promise<OpenedTarget>,
  skip: Readonly<Record<string, string>> = {},
): void {
  suite(`${name} as a target`, () => {
    const unused = new Set(Object.keys(skip));
    const promise = (title: string, run: (target: Target) => Promise<void>): void => {
      unused.delete(title);
      test(title, skip[title] === undefined ? {} : { skip: skip[title] }, async () => {
        const { target, close } = await open();
        try {
          await run(target);
        } finally {
          await close();
        }
      });
    };
    namesAndContent(promise);
    refusals(promise);
    transfers(promise);
    removal(promise);
    referrals(promise);
    assert.deepEqual([...unused], [], "skips a promise that does not exist");
  });
}

type Promised = (title: string, run: (target: Target) => Promise<void>) => void;

const isUnknown = (error: unknown): boolean => error instanceof RejectedError && error.code === "CONTENT_UNKNOWN";
const isMismatch = (error: unknown): boolean => error instanceof StowageError && error.code === "CONTENT_MISMATCH";

/** What `resolve` must say of a manifest. */
const named = ({ descriptor: { mediaType, digest, size } }: Piece) => ({ mediaType, digest, size });
const resolved = async (target: Target, reference: string) => {
  const { mediaType, digest, size } = await target.resolve(reference);
  return { mediaType, digest, size };
};
const tagsOf = async (target: Target) => (await Array.fromAsync(target.tags())).sort();

function namesAndContent(promise: Promised): void {
  promise("knows nothing while it is empty", async (target) => {
    const { manifest, config } = imageFixture("absent");
    assert.deepEqual(await tagsOf(target), []);
    for (const { descriptor } of [manifest, config]) {
      assert.equal(await target.has(descriptor), false);
      await assert.rejects(read(target, descriptor), isUnknown);
    }
    await assert.rejects(target.resolve("v1"), isUnknown);
    await assert.rejects(target.resolve(manifest.descriptor.digest), isUnknown);
  });

  promise("gives back a blob as it was given", async (target) => {
    const { descriptor, bytes } = layerPiece("blob", 200_000);
    assert.equal(await target.put(descriptor, async () => inChunks(bytes)), "written");
    assert.equal(await target.has(descriptor), true);
    assert.deepEqual(await read(target, descriptor), bytes);
  });

  promise("takes a blob of no bytes", async (target) => {
    const { descriptor } = piece(mediaTypes.ociLayer, "");
    await target.put(descriptor, async () => inChunks(Buffer.alloc(0)));
    assert.equal(await target.has(descriptor), true);
    assert.equal((await read(target, descriptor)).byteLength, 0);
  });

  promise("resolves an image by tag and by digest, byte for byte", async (target) => {
    for (const image of [imageFixture("a"), imageFixture("b", { bare: true }), dockerImageFixture("c")]) {
      await putAll(target, image.pieces);
      await target.tag("v1", image.manifest.descriptor);
      assert.deepEqual(await resolved(target, "v1"), named(image.manifest));
      assert.deepEqual(await resolved(target, image.manifest.descriptor.digest), named(image.manifest));
      assert.equal(await target.has(image.manifest.descriptor), true);
      for (const { descriptor, bytes } of image.pieces) assert.deepEqual(await read(target, descriptor), bytes);
    }
  });

  promise("takes an index after its images", async (target) => {
    const oci = [imageFixture("a"), imageFixture("b")];
    const docker = [dockerImageFixture("c")];
    const indexes = [
      indexPiece(oci.map(({ manifest }) => manifest)),
      indexPiece(
        docker.map(({ manifest }) => manifest),
        mediaTypes.dockerIndex,
      ),
    ];
    await putAll(target, [...[...oci, ...docker].flatMap(({ pieces }) => pieces), ...indexes]);
    for (const index of indexes) {
      await target.tag("all", index.descriptor);
      assert.deepEqual(await resolved(target, "all"), named(index));
      assert.deepEqual(await resolved(target, index.descriptor.digest), named(index));
      assert.deepEqual(await read(target, index.descriptor), index.bytes);
    }
  });

  promise("keeps several tags, and moves one without the others", async (target) => {
    const [first, second] = [imageFixture("a"), imageFixture("b")];
    await putAll(target, [...first.pieces, ...second.pieces]);
    await target.tag("v1", first.manifest.descriptor);
    await target.tag("v1.0.0_x-Y", first.manifest.descriptor);
    await target.tag("v1", second.manifest.descriptor);
    assert.deepEqual(await tagsOf(target), ["v1", "v1.0.0_x-Y"]);
    assert.deepEqual(await resolved(target, "v1"), named(second.manifest));
    assert.deepEqual(await resolved(target, "v1.0.0_x-Y"), named(first.manifest));
    assert.deepEqual(await resolved(target, first.manifest.descriptor.digest), named(first.manifest));
  });

  promise("does not take a blob for a manifest", async (target) => {
    const { config, layers } = imageFixture("a");
    await putAll(target, [config, ...layers]);
    await assert.rejects(target.resolve(config.descriptor.digest), isUnknown);
    await assert.rejects(target.resolve(layers[0]!.descriptor.digest), isUnknown);
  });

  promise("reads parts of a blob", async (target) => {
    const { descriptor, bytes } = layerPiece("ranges", 150_000);
    await putAll(target, [{ descriptor, bytes }]);
    assert.deepEqual(await read(target, descriptor, { start: 0, end: 0 }), bytes.subarray(0, 1));
    assert.deepEqual(await read(target, descriptor, { start: 70_000 }), bytes.subarray(70_000));
    assert.deepEqual(await read(target, descriptor, { end: 99_999 }), bytes.subarray(0, 100_000));
    assert.deepEqual(await read(target, descriptor, { start: 65_535, end: 131_072 }), bytes.subarray(65_535, 131_073));
    assert.deepEqual(await read(target, descriptor, { start: 149_999, end: 149_999 }), bytes.subarray(149_999));
  });
}

function refusals(promise: Promised): void {
  const blob = layerPiece("refused", 100_000);
  const other = layerPiece("other", 100_000);
  const wrong: Readonly<Record<string, Uint8Array>> = {
    "other bytes than promised": other.bytes,
    "fewer bytes than promised": blob.bytes.subarray(0, 70_000),
    "more bytes than promised": Buffer.concat([blob.bytes, Buffer.from("x")]),
    "no bytes where some were promised": Buffer.alloc(0),
  };
  for (const [what, bytes] of Object.entries(wrong)) {
    promise(`refuses a blob of ${what}, and takes the right one afterwards`, async (target) => {
      await assert.rejects(
        target.put(blob.descriptor, async () => inChunks(bytes)),
        isMismatch,
      );
      assert.equal(await target.has(blob.descriptor), false);
      await assert.rejects(read(target, blob.descriptor), isUnknown);
      assert.equal(await target.put(blob.descriptor, async () => inChunks(blob.bytes)), "written");
      assert.deepEqual(await read(target, blob.descriptor), blob.bytes);
    });
  }

  promise("refuses a manifest of other bytes than promised", async (target) => {
    const [image, changed] = [imageFixture("a"), imageFixture("b")];
    await putAll(target, [...image.layers, image.config, ...changed.layers, changed.config]);
    const lying: Descriptor = { ...image.manifest.descriptor, size: changed.manifest.bytes.byteLength };
    await assert.rejects(
      target.put(lying, async () => inChunks(changed.manifest.bytes)),
      isMismatch,
    );
    assert.equal(await target.has(image.manifest.descriptor), false);
    assert.equal(await target.has(changed.manifest.descriptor), false);
  });

  promise("breaks the stream when a descriptor lies about the size", async (target) => {
    await putAll(target, [blob]);
    const { size } = blob.descriptor;
    await assert.rejects(read(target, { ...blob.descriptor, size: size - 1 }), isMismatch);
    await assert.rejects(read(target, { ...blob.descriptor, size: size + 1 }), isMismatch);
  });

  promise("takes a manifest without its parts wholly or not at all", async (target) => {
    const { descriptor, bytes } = imageFixture("incomplete").manifest;
    const taken = await target
      .put(descriptor, async () => inChunks(bytes))
      .then(
        () => true,
        (error: unknown) => {
          assert.ok(error instanceof RejectedError, String(error));
          return false;
        },
      );
    assert.equal(await target.has(descriptor), taken);
  });

  promise("does not tag what it does not hold", async (target) => {
    await assert.rejects(target.tag("v1", imageFixture("absent").manifest.descriptor), isUnknown);
    assert.deepEqual(await tagsOf(target), []);
  });

  promise("refuses a tag that cannot be one", async (target) => {
    const { pieces, manifest } = imageFixture("a");
    await putAll(target, pieces);
    for (const name of ["", "with blank", "-first", "../up", "a\nb", "é", manifest.descriptor.digest]) {
      await assert.rejects(target.tag(name, manifest.descriptor), RejectedError, JSON.stringify(name));
    }
    assert.deepEqual(await tagsOf(target), []);
  });
}

function transfers(promise: Promised): void {
  promise("does not open the bytes of what is there", async (target) => {
    const { pieces } = imageFixture("a");
    await putAll(target, pieces);
    for (const { descriptor } of pieces) {
      const outcome = await target.put(descriptor, async () => assert.fail("opened"));
      assert.equal(outcome, "present");
    }
  });

  promise("takes one blob from many at once", async (target) => {
    const { descriptor, bytes } = layerPiece("contended", 300_000);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => target.put(descriptor, async () => inChunks(bytes))),
    );
    assert.ok(outcomes.includes("written"));
    assert.deepEqual(await read(target, descriptor), bytes);
  });

  promise("takes and gives many blobs at once", async (target) => {
    const blobs = Array.from({ length: 20 }, (_, number) => layerPiece(`many/${number}`, 10_000));
    await Promise.all(blobs.map(({ descriptor, bytes }) => target.put(descriptor, async () => inChunks(bytes, 3000))));
    const given = await Promise.all([...blobs, ...blobs].map(({ descriptor }) => read(target, descriptor)));
    assert.deepEqual(
      given,
      [...blobs, ...blobs].map(({ bytes }) => bytes),
    );
  });

  promise("tags many images at once and loses none", async (target) => {
    const image = imageFixture("a");
    await putAll(target, image.pieces);
    const tags = Array.from({ length: 12 }, (_, number) => `v${number + 10}`);
    await Promise.all(tags.map((tag) => target.tag(tag, image.manifest.descriptor)));
    assert.deepEqual(await tagsOf(target), tags);
  });

  promise("streams a large blob", async (target) => {
    const block = noise("large", 64 * 1024);
    const blocks = 128;
    async function* generated(): Bytes {
      for (let number = 0; number < blocks; number++) yield Buffer.from(block).fill(number, 0, 8);
    }
    const hash = createHash("sha256");
    for await (const chunk of generated()) hash.update(chunk);
    const digest = `sha256:${hash.digest("hex")}` as const;
    const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest, size: blocks * block.byteLength };
    assert.equal(await target.put(descriptor, async () => generated()), "written");
    const back = createHash("sha256");
    for await (const chunk of await target.open(descriptor)) back.update(chunk);
    assert.equal(`sha256:${back.digest("hex")}`, digest);
  });

  promise("lets a reader stop early", async (target) => {
    const { descriptor, bytes } = layerPiece("early", 1_000_000);
    await putAll(target, [{ descriptor, bytes }]);
    for await (const chunk of await target.open(descriptor)) {
      assert.ok(chunk.byteLength > 0);
      break;
    }
    assert.deepEqual(await read(target, descriptor), bytes);
  });

  promise("passes on why a source broke, shows nothing of it and takes the blob afterwards", async (target) => {
    const { descriptor, bytes } = layerPiece("broken", 200_000);
    const broken = new RejectedError("REGISTRY_DENIED", "Cannot read on: the source denies it");
    async function* breaking(): Bytes {
      yield bytes.subarray(0, 100_000);
      throw broken;
    }
    await assert.rejects(
      target.put(descriptor, async () => breaking()),
      (error) => causes(error).includes(broken),
    );
    await assert.rejects(
      target.put(descriptor, () => Promise.reject(broken)),
      (error) => causes(error).includes(broken),
    );
    assert.equal(await target.has(descriptor), false);
    assert.equal(await target.put(descriptor, async () => inChunks(bytes)), "written");
  });

  promise("does nothing for a signal that was aborted before", async (target) => {
    const image = imageFixture("a");
    const fresh = layerPiece("fresh");
    await putAll(target, image.pieces);
    await target.tag("v1", image.manifest.descriptor);
    const signal = AbortSignal.abort();
    const { descriptor } = image.manifest;
    await assert.rejects(target.resolve("v1", signal));
    await assert.rejects(target.has(descriptor, signal));
    await assert.rejects(read(target, image.config.descriptor, { signal }));
    await assert.rejects(target.put(fresh.descriptor, async () => inChunks(fresh.bytes), { signal }));
    await assert.rejects(target.tag("v2", descriptor, signal));
    await assert.rejects(target.remove("v1", signal));
    await assert.rejects(Array.fromAsync(target.tags(signal)));
    assert.equal(await target.has(fresh.descriptor), false);
    assert.deepEqual(await tagsOf(target), ["v1"]);
  });

  promise(
    "leaves it to bytes that check themselves to be right, but shows nothing before their end",
    async (target) => {
      const { descriptor, bytes } = layerPiece("checked", 200_000);
      const wrong = new RejectedError("CONTENT_MISMATCH", "Cannot take it: the source found it to be wrong");
      async function* failing(): Bytes {
        yield* inChunks(bytes);
        throw wrong;
      }
      await assert.rejects(
        target.put(descriptor, async () => failing(), { verified: true }),
        (error) => causes(error).includes(wrong),
      );
      assert.equal(await target.has(descriptor), false);
      const known = { verified: true, absent: true };
      assert.equal(await target.put(descriptor, async () => inChunks(bytes), known), "written");
      assert.deepEqual(await read(target, descriptor), bytes);
    },
  );

  promise("stops a put that is aborted on its way, and ends the transfer behind it", async (target) => {
    const { descriptor, bytes } = layerPiece("aborted", 200_000);
    const abort = new AbortController();
    const ended = Promise.withResolvers<void>();
    async function* transfer(): Bytes {
      try {
        for await (const chunk of inChunks(bytes, 10_000)) {
          yield chunk;
          abort.abort();
        }
      } finally {
        ended.resolve();
      }
    }
    await assert.rejects(target.put(descriptor, async () => transfer(), { signal: abort.signal }));
    await ended.promise;
    assert.equal(await target.has(descriptor), false);
    assert.equal(await target.put(descriptor, async () => inChunks(bytes)), "written");
  });
}

function referrals(promise: Promised): void {
  const listOf = async (target: Target, subject: Piece) => {
    const listed = await Array.fromAsync(target.referrers!(subject.descriptor.digest));
    return listed.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  };
  const inOrder = (...all: readonly { readonly listed: Descriptor }[]) =>
    all.map(({ listed }) => listed).toSorted((a, b) => (a.digest < b.digest ? -1 : 1));

  promise("finds what refers to a manifest, whichever came first, and nothing else", async (target) => {
    const [image, other] = [imageFixture("subject"), imageFixture("other")];
    const [early, late] = [referrerFixture("early", image.manifest), referrerFixture("late", image.manifest)];
    const elsewhere = referrerFixture("elsewhere", other.manifest);
    assert.deepEqual(await listOf(target, image.manifest), []);
    await putAll(target, [...early.pieces, ...image.pieces, ...other.pieces]);
    assert.deepEqual(await listOf(target, image.manifest), inOrder(early));
    await putAll(target, [...late.pieces, ...elsewhere.pieces]);
    await putAll(target, early.pieces);
    assert.deepEqual(await listOf(target, image.manifest), inOrder(early, late));
    assert.deepEqual(await listOf(target, other.manifest), inOrder(elsewhere));
    assert.deepEqual(await listOf(target, early.manifest), []);
  });

  promise("loses none of many referrers that come at once", async (target) => {
    const image = imageFixture("subject");
    const referrers = Array.from({ length: 8 }, (_, number) => referrerFixture(`${number}`, image.manifest));
    // docker-registry 2.8 reads links that it is just writing: what they share must not arrive at the same time
    await putAll(target, [...image.pieces, referrers[0]!.config]);
    await Promise.all(referrers.map(({ pieces }) => putAll(target, pieces)));
    assert.deepEqual(await listOf(target, image.manifest), inOrder(...referrers));
  });
}

function removal(promise: Promised): void {
  promise("forgets a tag and nothing else", async (target) => {
    const { pieces, manifest } = imageFixture("a");
    await putAll(target, pieces);
    await target.tag("v1", manifest.descriptor);
    await target.tag("v2", manifest.descriptor);
    await target.remove("v1");
    await assert.rejects(target.resolve("v1"), isUnknown);
    assert.deepEqual(await tagsOf(target), ["v2"]);
    for (const { descriptor, bytes } of pieces) assert.deepEqual(await read(target, descriptor), bytes);
  });

  promise("forgets a manifest by its digest, and the tags that name it", async (target) => {
    const [image, other] = [imageFixture("a"), imageFixture("b")];
    await putAll(target, [...image.pieces, ...other.pieces]);
    await target.tag("v1", image.manifest.descriptor);
    await target.tag("v2", other.manifest.descriptor);
    await target.remove(image.manifest.descriptor.digest);
    assert.equal(await target.has(image.manifest.descriptor), false);
    await assert.rejects(target.resolve(image.manifest.descriptor.digest), isUnknown);
    await assert.rejects(target.resolve("v1"), isUnknown);
    assert.deepEqual(await resolved(target, "v2"), named(other.manifest));
    assert.equal(await target.put(image.manifest.descriptor, async () => inChunks(image.manifest.bytes)), "written");
  });

  promise("does not mind forgetting what is not there", async (target) => {
    const { pieces, manifest, config } = imageFixture("a");
    await target.remove("v1");
    await target.remove(manifest.descriptor.digest);
    await putAll(target, pieces);
    await target.remove("v1");
    await target.remove(config.descriptor.digest);
    assert.deepEqual(await read(target, config.descriptor), config.bytes);
  });
}

/** An error and what caused it, to the bottom. */
function causes(error: unknown): readonly unknown[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [error];
}
