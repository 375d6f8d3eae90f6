import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RejectedError, TransientError } from "../../lib/errors.ts";
import type { Bytes, Source, Target } from "../../lib/oci/content.ts";
import { openLayout } from "../../lib/oci/layout.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { createTransfer } from "../../lib/oci/transfer.ts";
import { openTree } from "../../lib/oci/tree.ts";
import { type ImageFixture, imageFixture, layerPiece, putAll, read } from "../contracts/image-fixture.ts";
import { startFakeRegistry } from "../fakes/registry.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { openForTest } from "./registry/opened-registry.ts";
import { temporaryDirectory } from "./temporary.ts";
import { images, methodsOf, openSource, shared, tagOf, unique, withFake } from "./transfer/sources.ts";

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
