import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import type { Bytes, Source, Target } from "../../lib/oci/content.ts";
import { type Descriptor, isManifest } from "../../lib/oci/descriptor.ts";
import { openLayout } from "../../lib/oci/layout.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { createTransfer, type Progress } from "../../lib/oci/transfer.ts";
import { openTree } from "../../lib/oci/tree.ts";
import { type ImageFixture, imageFixture, indexPiece, layerPiece, putAll, read } from "../contracts/image-fixture.ts";
import { type FakeRegistry, startFakeRegistry } from "../fakes/registry.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { openForTest } from "./registry/opened-registry.ts";
import { temporaryDirectory } from "./temporary.ts";

const shared = layerPiece("shared", 300_000);
const images = Array.from({ length: 6 }, (_, number) =>
  imageFixture(`${number}`, { layers: [shared, layerPiece(`${number}`, 20_000)] }),
);
const tagOf = (image: ImageFixture): string => `v${images.indexOf(image)}`;

/** Methods of classes do not come along when an object is spread. */
const methodsOf = (place: Target): Target => ({
  name: place.name,
  ...(place.shared && { shared: place.shared }),
  resolve: (...asked) => place.resolve(...asked),
  open: (...asked) => place.open(...asked),
  tags: (...asked) => place.tags(...asked),
  referrers: (...asked) => place.referrers!(...asked),
  has: (...asked) => place.has(...asked),
  put: (...asked) => place.put(...asked),
  tag: (...asked) => place.tag(...asked),
  remove: (...asked) => place.remove(...asked),
});

/** A source of all images that notes what is asked of it. */
async function openSource() {
  const memory = openMemory("source:");
  for (const image of images) {
    await putAll(memory, image.pieces);
    await memory.tag(tagOf(image), image.manifest.descriptor);
  }
  const asked: string[] = [];
  const source: Source = {
    ...methodsOf(memory),
    async resolve(reference, signal) {
      asked.push(`resolve ${reference}`);
      return memory.resolve(reference, signal);
    },
    async open(descriptor, options) {
      asked.push(`open ${descriptor.digest}`);
      return memory.open(descriptor, options);
    },
  };
  return {
    source,
    asked,
    opened: ({ digest }: Descriptor) => asked.filter((line) => line === `open ${digest}`).length,
  };
}

const unique = [...new Set(images.flatMap(({ pieces }) => pieces).map(({ descriptor }) => descriptor))];

async function withFake(run: (fake: FakeRegistry, repository: (name: string) => Target) => Promise<void>) {
  await using fake = await startFakeRegistry();
  await using opened = await openForTest();
  await run(fake, (name) => opened.registries.repository(fake.host, name));
}

suite("copies of one transfer", () => {
  test("move a blob once to a registry, and mount it where else it is needed", async () => {
    await withFake(async (fake, repository) => {
      const { source, opened } = await openSource();
      const transfer = createTransfer();
      const results = await Promise.all(
        images.map((image) => transfer.copy(source, tagOf(image), repository(`team/${tagOf(image)}`))),
      );
      for (const descriptor of unique) assert.equal(opened(descriptor), 1, descriptor.digest);
      assert.equal(
        results.reduce((sum, { blobs }) => sum + blobs.mounted, 0),
        images.length - 1,
      );
      for (const image of images) {
        const there = repository(`team/${tagOf(image)}`);
        for (const { descriptor, bytes } of image.pieces) assert.deepEqual(await read(there, descriptor), bytes);
        assert.equal((await there.resolve(tagOf(image))).digest, image.manifest.descriptor.digest);
      }
      assert.equal(fake.requests.filter(({ method }) => method === "DELETE").length, 0);
    });
  });

  test("do the same with a real registry", requiring("docker-registry"), async () => {
    await using registry = await startDockerRegistry();
    await using opened = await openForTest();
    const { source, opened: times } = await openSource();
    const transfer = createTransfer();
    const copyOf = (image: ImageFixture) =>
      transfer.copy(source, tagOf(image), opened.registries.repository(registry.host, `team/${tagOf(image)}`));
    const results = await Promise.all(images.map(copyOf));
    assert.equal(times(shared.descriptor), 1);
    assert.equal(
      results.reduce((sum, { bytes }) => sum + bytes.reused, 0),
      (images.length - 1) * shared.bytes.byteLength,
    );
  });

  test("find a blob in a layout or in a repository of a tree, and link it into another", async (t) => {
    const layout = await openLayout(await temporaryDirectory(t), { create: true });
    const tree = openTree(await temporaryDirectory(t));
    for (const place of [() => layout, (name: string) => tree.repository(name), () => openMemory()]) {
      const { source, opened } = await openSource();
      const transfer = createTransfer();
      const target = place("team/app");
      await Promise.all(images.map((image) => transfer.copy(source, tagOf(image), target)));
      for (const descriptor of unique) assert.equal(opened(descriptor), 1, target.name);
      for (const image of images) {
        for (const { descriptor, bytes } of image.pieces) assert.deepEqual(await read(target, descriptor), bytes);
      }
    }
    const { source } = await openSource();
    const [first, second] = [tree.repository("team/one"), tree.repository("team/two")];
    const transfer = createTransfer();
    await transfer.copy(source, "v0", first);
    const { blobs } = await transfer.copy(source, "v1", second);
    assert.deepEqual(blobs, { moved: 2, mounted: 1, present: 0 });
  });

  test("ask a source once for what a tag is and for each manifest, however many targets there are", async () => {
    const { source, asked } = await openSource();
    const transfer = createTransfer();
    for (const name of ["one:", "two:", "three:"]) await transfer.copy(source, "v0", openMemory(name));
    const manifest = images[0]!.manifest.descriptor.digest;
    assert.equal(asked.filter((line) => line === "resolve v0").length, 1);
    assert.equal(asked.filter((line) => line === `open ${manifest}`).length, 1);
  });

  test("see a tag as it was when the transfer began", async () => {
    const memory = openMemory();
    for (const { pieces } of images.slice(0, 2)) await putAll(memory, pieces);
    await memory.tag("latest", images[0]!.manifest.descriptor);
    const transfer = createTransfer();
    await transfer.copy(memory, "latest", openMemory());
    await memory.tag("latest", images[1]!.manifest.descriptor);
    const { descriptor } = await transfer.copy(memory, "latest", openMemory());
    assert.equal(descriptor.digest, images[0]!.manifest.descriptor.digest);
    assert.notEqual((await createTransfer().copy(memory, "latest", openMemory())).descriptor.digest, descriptor.digest);
  });

  test("ask again what a tag is after a copy of it has failed", async () => {
    const { source } = await openSource();
    let isWrong = true;
    const lying: Source = {
      ...source,
      async resolve(reference, signal) {
        const { digest } = await source.resolve(reference, signal);
        const wrong = isWrong ? images[1]!.config.descriptor.digest : digest;
        return { ...images[0]!.manifest.descriptor, digest: wrong };
      },
    };
    const transfer = createTransfer();
    const target = openMemory();
    await assert.rejects(transfer.copy(lying, "v0", target), { code: "CONTENT_UNKNOWN" });
    isWrong = false;
    assert.equal((await transfer.copy(lying, "v0", target)).blobs.moved, 3);
  });

  test("ask a target for nothing they know: a mounted blob is one request", async () => {
    await withFake(async (fake, repository) => {
      const { source } = await openSource();
      const transfer = createTransfer();
      await transfer.copy(source, "v0", repository("team/one"));
      fake.requests.length = 0;
      await transfer.copy(source, "v1", repository("team/two"));
      const lines = fake.requests.filter(({ path }) => path.includes(shared.descriptor.digest.replace(":", "%3A")));
      assert.deepEqual(
        lines.map(({ method }) => method),
        ["POST"],
      );
      fake.requests.length = 0;
      await transfer.copy(source, "v2", repository("team/two"));
      assert.ok(fake.requests.every(({ path }) => !path.includes(shared.descriptor.digest.slice(7))));
    });
  });

  test("do not wait for ever: when the one who moves a blob fails, another moves it", async () => {
    const { source } = await openSource();
    const broken = new TransientError("REGISTRY_UNAVAILABLE", "Cannot read on: the connection was reset");
    let attempts = 0;
    const breaking: Source = {
      ...source,
      async open(descriptor, options) {
        if (descriptor.digest === shared.descriptor.digest && attempts++ === 0) throw broken;
        return source.open(descriptor, options);
      },
    };
    const target = openMemory();
    const transfer = createTransfer();
    const ended = await Promise.allSettled(images.map((image) => transfer.copy(breaking, tagOf(image), target)));
    assert.deepEqual(
      ended.filter(({ status }) => status === "rejected").map((one) => "reason" in one && one.reason),
      [broken],
    );
    assert.equal(attempts, 2);
  });

  test("are not deceived by a manifest that lies about the size of a blob that is there", async () => {
    await withFake(async (_, repository) => {
      const lied = { ...shared, descriptor: { ...shared.descriptor, size: 299_999 } };
      const lying = imageFixture("lying", { layers: [lied] });
      const { source } = await openSource();
      const liar = openMemory();
      await putAll(liar, [shared, lying.config, lying.manifest]);
      await liar.tag("v1", lying.manifest.descriptor);
      for (const transfer of [createTransfer(), createTransfer()]) {
        await transfer.copy(source, "v0", repository("team/one"));
        for (const name of ["team/one", "team/two"]) {
          await assert.rejects(transfer.copy(liar, "v1", repository(name)), { code: "CONTENT_MISMATCH" });
        }
      }
    });
  });

  test("take a large blob from an image that an earlier run has completed, and do not look for small ones", async () => {
    const large = layerPiece("large", 1024 * 1024);
    const [done, missing] = ["done", "missing"].map((seed) => imageFixture(seed, { layers: [large, shared] }));
    const source = openMemory();
    for (const [tag, image] of Object.entries({ done: done!, missing: missing! })) {
      await putAll(source, image.pieces);
      await source.tag(tag, image.manifest.descriptor);
    }
    await withFake(async (fake, repository) => {
      await createTransfer().copy(source, "done", repository("team/done"));
      const transfer = createTransfer();
      await transfer.copy(source, "done", repository("team/done"));
      fake.requests.length = 0;
      const { blobs, bytes } = await transfer.copy(source, "missing", repository("team/missing"), { concurrency: 1 });
      assert.deepEqual(blobs, { moved: 1, mounted: 2, present: 0 });
      assert.equal(bytes.moved, missing!.config.bytes.byteLength);
      const reads = fake.requests.filter(({ method }) => method === "GET").map(({ path }) => path);
      assert.deepEqual(reads, [`/v2/team/done/manifests/${done!.manifest.descriptor.digest}`]);
    });
    await withFake(async (fake, repository) => {
      const { source: small } = await openSource();
      await createTransfer().copy(small, "v0", repository("team/one"));
      const transfer = createTransfer();
      await transfer.copy(small, "v0", repository("team/one"));
      fake.requests.length = 0;
      await transfer.copy(small, "v1", repository("team/two"));
      assert.deepEqual(
        fake.requests.filter(({ method }) => method === "GET"),
        [],
      );
    });
  });

  test("move the bytes when what they knew is no longer true", async () => {
    await withFake(async (fake, repository) => {
      const { source } = await openSource();
      const transfer = createTransfer();
      await transfer.copy(source, "v0", repository("team/one"));
      fake.repository("team/one").blobs.clear();
      const { blobs } = await transfer.copy(source, "v1", repository("team/two"));
      assert.deepEqual(blobs, { moved: 3, mounted: 0, present: 0 });
    });
  });
});

suite("a copy inside one registry", () => {
  for (const [how, maxUploadBytes] of [
    ["whole", undefined],
    ["in parts", 50_000],
  ] as const) {
    test(`comes to its end with one request of each kind at once: ${how}`, async () => {
      await using fake = await startFakeRegistry({ mounts: "none" });
      await using opened = await openForTest({}, [{ host: fake.host, maxConcurrency: 1, maxUploadBytes }]);
      const from = opened.registries.repository(fake.host, "from");
      for (const image of images) {
        await putAll(from, image.pieces);
        await from.tag(tagOf(image), image.manifest.descriptor);
      }
      const transfer = createTransfer();
      await Promise.all(
        images.map((image) => transfer.copy(from, tagOf(image), opened.registries.repository(fake.host, tagOf(image)))),
      );
      for (const image of images) {
        const there = opened.registries.repository(fake.host, tagOf(image));
        for (const { descriptor, bytes } of image.pieces) assert.deepEqual(await read(there, descriptor), bytes);
      }
    });
  }
});

suite("the progress of a transfer", () => {
  test("is told blob by blob, and sums up to the result", async () => {
    const { source } = await openSource();
    const told: Progress[] = [];
    const transfer = createTransfer({ onProgress: (progress) => told.push(progress) });
    const target = openMemory("target:");
    const result = await transfer.copy(source, "v0", target);
    const [config, first, second] = [images[0]!.config, ...images[0]!.layers].map(({ descriptor }) => descriptor);
    assert.ok(
      told.every(({ copy }) => copy.source === "source:" && copy.reference === "v0" && copy.target === "target:"),
    );
    assert.deepEqual(
      told.filter(({ step }) => step === "planned").map((one) => "blobs" in one && [one.blobs, one.bytes]),
      [[3, config!.size + first!.size + second!.size]],
    );
    const moved = new Map<Descriptor["digest"], number>();
    for (const one of told) if (one.step === "moving") moved.set(one.descriptor.digest, one.bytes);
    assert.deepEqual(
      [config, first, second].map((blob) => moved.get(blob!.digest)),
      [config, first, second].map((blob) => blob!.size),
    );
    assert.equal(told.filter(({ step }) => step === "arrived").length, 3);
    const last = told.at(-1);
    assert.ok(last?.step === "done");
    assert.deepEqual(last.result, result);
  });

  test("ends with a copy that has failed", async () => {
    await withFake(async (fake, repository) => {
      const { source } = await openSource();
      fake.misbehave("PUT /v2/team/app/manifests", (_, response) => response.writeHead(400).end());
      const told: Progress["step"][] = [];
      const transfer = createTransfer({ onProgress: ({ step }) => told.push(step) });
      await assert.rejects(transfer.copy(source, "v0", repository("team/app")), { code: "REGISTRY_REFUSED" });
      assert.equal(told.filter((step) => step === "arrived").length, 3);
      assert.deepEqual([told.at(-1), told.includes("done")], ["failed", false]);
    });
  });

  test("begins again for a blob whose transfer breaks", async () => {
    await withFake(async (fake, repository) => {
      const { source } = await openSource();
      fake.misbehave("PUT /v2/team/app/blobs", (_, response) => response.writeHead(502).end());
      const first: number[] = [];
      const transfer = createTransfer({
        onProgress: (one) => {
          if (one.step === "moving" && one.bytes === one.descriptor.size) first.push(one.bytes);
        },
      });
      await transfer.copy(source, "v0", repository("team/app"));
      assert.ok(first.length >= 3 && first.length <= 4);
    });
  });
});

suite("a transfer that is aborted", () => {
  /** A registry that takes uploads and never answers. */
  async function openSilent() {
    const fake = await startFakeRegistry();
    const hanging = { now: 0, began: Promise.withResolvers<void>(), ended: Promise.withResolvers<void>() };
    fake.misbehave(
      "PUT",
      async (request) => {
        hanging.now += 1;
        hanging.began.resolve();
        request.resume();
        await once(request.socket, "close");
        hanging.now -= 1;
        if (hanging.now === 0) hanging.ended.resolve();
      },
      99,
    );
    return { fake, hanging };
  }

  test("ends its transfers and closes its connections, and gives no tag", async () => {
    const { fake, hanging } = await openSilent();
    await using _ = fake;
    await using opened = await openForTest();
    const { source } = await openSource();
    const stopped = new Error("the host shuts down");
    const abort = new AbortController();
    const transfer = createTransfer();
    const copies = images.map((image) =>
      transfer.copy(source, tagOf(image), opened.registries.repository(fake.host, `team/${tagOf(image)}`), {
        signal: abort.signal,
      }),
    );
    await hanging.began.promise;
    abort.abort(stopped);
    for (const one of await Promise.allSettled(copies)) assert.equal("reason" in one && one.reason, stopped);
    await hanging.ended.promise;
    assert.equal(fake.repository("team/v0").tags.size, 0);
  });

  test("leaves the others of the same transfer alone, also those who waited for it", async () => {
    const { source } = await openSource();
    const stopped = new Error("nobody wants it any more");
    const abort = new AbortController();
    const waiting = Promise.withResolvers<void>();
    const memory = openMemory();
    let first = true;
    const target: Target = {
      ...methodsOf(memory),
      async put(descriptor, bytes, options) {
        if (first && !isManifest(descriptor.mediaType) && descriptor.digest === shared.descriptor.digest) {
          first = false;
          waiting.resolve();
          await once(options!.signal!, "abort");
          throw options!.signal!.reason;
        }
        return memory.put(descriptor, bytes, options);
      },
    };
    const transfer = createTransfer();
    const aborted = transfer.copy(source, "v0", target, { signal: abort.signal });
    await waiting.promise;
    const other = transfer.copy(source, "v1", target);
    await new Promise(setImmediate);
    abort.abort(stopped);
    await assert.rejects(aborted, stopped);
    const { blobs } = await other;
    assert.deepEqual(blobs, { moved: 3, mounted: 0, present: 0 });
  });

  test("does nothing when it was aborted before", async () => {
    const { source, asked } = await openSource();
    const signal = AbortSignal.abort(new Error("too late"));
    await assert.rejects(createTransfer().copy(source, "v0", openMemory(), { signal }), { message: "too late" });
    assert.deepEqual(asked, []);
  });
});

suite("what is copied is hashed once", () => {
  test("where the source has checked the bytes, the target takes them as they come", async () => {
    const { source } = await openSource();
    const memory = openMemory();
    const verified: (boolean | undefined)[] = [];
    const target: Target = {
      ...methodsOf(memory),
      put(descriptor, bytes, options) {
        verified.push(options?.verified);
        return memory.put(descriptor, bytes, options);
      },
    };
    await createTransfer().copy(source, "v0", target);
    assert.deepEqual(verified, [true, true, true, true]);
  });

  test("a source that turns out to be wrong at the end leaves nothing at any target", async (t) => {
    const { source } = await openSource();
    const wrong = new RejectedError("CONTENT_MISMATCH", "Cannot take it: the bytes have another digest");
    async function* failing(bytes: Bytes): Bytes {
      yield* bytes;
      throw wrong;
    }
    const lying: Source = {
      ...source,
      async open(descriptor, options) {
        const bytes = await source.open(descriptor, options);
        return descriptor.digest === shared.descriptor.digest ? failing(bytes) : bytes;
      },
    };
    await using fake = await startFakeRegistry();
    await using opened = await openForTest();
    const targets = [
      openMemory(),
      await openLayout(await temporaryDirectory(t), { create: true }),
      openTree(await temporaryDirectory(t)).repository("team/app"),
      opened.registries.repository(fake.host, "team/app"),
    ];
    for (const target of targets) {
      await assert.rejects(createTransfer().copy(lying, "v0", target), wrong);
      assert.equal(await target.has(shared.descriptor), false, target.name);
      assert.equal(await target.has(images[0]!.manifest.descriptor), false, target.name);
    }
  });
});

suite("looking again at what seems to be there", () => {
  const index = indexPiece(images.slice(0, 2).map(({ manifest }) => manifest));
  const pieces = [...images.slice(0, 2).flatMap((image) => image.pieces), index];

  /** What the second copy of a whole release asks of the target. */
  async function again(recheck: "nothing" | "parts" | "all" | undefined, reference: string) {
    const source = openMemory();
    await putAll(source, pieces);
    await source.tag("index", index.descriptor);
    await source.tag("image", images[0]!.manifest.descriptor);
    await using fake = await startFakeRegistry();
    await using opened = await openForTest();
    const target = opened.registries.repository(fake.host, "team/app");
    await createTransfer().copy(source, reference, target);
    fake.requests.length = 0;
    const result = await createTransfer().copy(source, reference, target, { recheck });
    assert.deepEqual(result.blobs, { moved: 0, mounted: 0, present: 0 });
    return fake.requests.map(({ method, path }) => `${method} ${path.replace(/^.*\/manifests\//, "").slice(0, 12)}`);
  }

  test("costs one HEAD for an image", async () => {
    for (const recheck of [undefined, "nothing", "parts"] as const) {
      assert.deepEqual(await again(recheck, "image"), ["HEAD image"]);
    }
  });

  test("costs one HEAD for an index too, where the tag is enough", async () => {
    assert.deepEqual(await again("nothing", "index"), ["HEAD index"]);
  });

  test("costs the index and one HEAD for each of its images, where it may have been copied for fewer platforms", async () => {
    const asked = await again(undefined, "index");
    const short = ({ digest }: Descriptor) => digest.slice(0, 12);
    assert.deepEqual(
      asked.toSorted(),
      [
        "HEAD index",
        `GET ${short(index.descriptor)}`,
        ...images.slice(0, 2).map((image) => `HEAD ${short(image.manifest.descriptor)}`),
      ].sort(),
    );
  });

  test("completes an index whose tag is there with fewer images", async () => {
    const source = openMemory();
    await putAll(source, pieces);
    await source.tag("index", index.descriptor);
    const target = openMemory();
    await createTransfer().copy(source, "index", target, { platforms: ["linux/amd64"] });
    assert.equal(await target.has(images[1]!.manifest.descriptor), false);
    await createTransfer().copy(source, "index", target);
    for (const { descriptor, bytes } of pieces) assert.deepEqual(await read(target, descriptor), bytes);
  });

  test("by digest: what has no tag is looked for by its digest", async () => {
    const source = openMemory();
    await putAll(source, pieces);
    await using fake = await startFakeRegistry();
    await using opened = await openForTest();
    const target = opened.registries.repository(fake.host, "team/app");
    const { digest } = index.descriptor;
    await createTransfer().copy(source, digest, target);
    fake.requests.length = 0;
    await createTransfer().copy(source, digest, target, { recheck: "nothing" });
    assert.deepEqual(
      fake.requests.map(({ method, path }) => `${method} ${path}`),
      [`HEAD /v2/team/app/manifests/${digest}`],
    );
  });
});
