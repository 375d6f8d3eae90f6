import assert from "node:assert/strict";
import { test } from "node:test";
import { mirror } from "../../lib/mirror/mirror.ts";
import { startFakeRegistry } from "../fakes/registry.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { digestAt, imageOf, indexOf, listOf, openClients, run, startPair } from "./pair.ts";

const never = new AbortController().signal;

test(
  "ST-3, OEM-T16: images go from registry to registry by digest with all platforms",
  requiring("docker-registry"),
  async () => {
    await using from = await startDockerRegistry();
    await using to = await startDockerRegistry();
    await using pair = await startPair();
    await pair.from.push("devops_release/a", "v1", await indexOf("a"));
    await pair.from.push("library/nginx", "1.14", await imageOf("nginx"));
    const lines = ["release/a:v1", "library/nginx:1.14"];
    const rename = { release: "devops_release" };
    for (const hop of [
      { from: pair.from, to: from },
      { from, to },
    ]) {
      const first = hop.to === from;
      const { complete, images } = await run(hop, lines, first ? { rename } : {});
      assert.ok(complete);
      assert.deepEqual(
        images.map(({ status, side, attempts, error, code }) => [status, side, attempts, error, code]),
        lines.map(() => ["copied", null, 1, null, null]),
      );
      assert.equal(images[0]?.source, `${hop.from.host}/${first ? "devops_release" : "release"}/a:v1`);
      assert.equal(images[0]?.target, `${hop.to.host}/release/a:v1`);
    }
    const digest = await digestAt(to.host, "release/a", "v1");
    assert.equal(digest, await digestAt(pair.from.host, "devops_release/a", "v1"));
    const again = await run({ from, to }, lines);
    assert.deepEqual(
      again.images.map(({ status, digest, bytes }) => [status, digest === null, bytes]),
      lines.map(() => ["present", false, 0]),
    );
  },
);

test("doing it again costs one HEAD at each side for an unchanged image, also for an index", async () => {
  await using pair = await startPair();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  await pair.from.push("release/b", "v1", await indexOf("b"));
  const lines = ["release/a:v1", "release/b:v1"];
  await run(pair, lines);
  pair.forget();
  const { images } = await run(pair, lines);
  assert.deepEqual(
    images.map(({ status }) => status),
    ["present", "present"],
  );
  const heads = ["HEAD /v2/release/a/manifests/v1", "HEAD /v2/release/b/manifests/v1"];
  assert.deepEqual([pair.from.requests.sort(), pair.to.requests.sort()], [heads, heads]);
});

test("a recheck finds platforms that an earlier run was told to leave out", async () => {
  await using pair = await startPair();
  await using target = await startFakeRegistry();
  await pair.from.push("release/b", "v1", await indexOf("b"));
  const hop = { from: pair.from, to: target };
  await run(hop, ["release/b:v1"], { platforms: ["linux/amd64"] });
  const held = () => target.repository("release/b").manifests.size;
  assert.equal(held(), 2);
  assert.equal((await run(hop, ["release/b:v1"])).images[0]?.status, "present");
  assert.equal((await run(hop, ["release/b:v1"], { recheck: true })).images[0]?.status, "copied");
  assert.equal(held(), 3);
});

test("other platforms than before are copied without being asked to look again", async () => {
  await using pair = await startPair();
  await using target = await startFakeRegistry();
  await pair.from.push("release/b", "v1", await indexOf("b"));
  const hop = { from: pair.from, to: target };
  for (const platform of ["linux/amd64", "linux/arm64"]) {
    assert.equal((await run(hop, ["release/b:v1"], { platforms: [platform] })).images[0]?.status, "copied");
  }
  assert.equal(target.repository("release/b").manifests.size, 3);
});

test("for a target that refuses an index with gaps it is rewritten when that is asked for", async () => {
  await using pair = await startPair();
  const image = await indexOf("b");
  await pair.from.push("release/b", "v1", image);
  const platforms = ["linux/amd64"];
  const { images } = await run(pair, ["release/b:v1"], { platforms, rewriteIndex: true });
  assert.equal(images[0]?.status, "copied");
  assert.notEqual(images[0]?.digest, image.descriptor.digest);
  assert.equal(images[0]?.digest, await digestAt(pair.to.host, "release/b", "v1"));
});

test("one result for each image, in the order of the list: a missing one costs the others nothing", async () => {
  await using pair = await startPair();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  await pair.from.push("release/c", "v1", await imageOf("c"));
  const { complete, images } = await run(pair, ["release/a:v1", "release/b:v1", "release/a:v2", "release/c:v1"]);
  assert.equal(complete, false);
  assert.deepEqual(
    images.map(({ status, side, attempts, code }) => [status, side, attempts, code]),
    [
      ["copied", null, 1, null],
      ["missing", "source", 1, "CONTENT_UNKNOWN"],
      ["missing", "source", 1, "CONTENT_UNKNOWN"],
      ["copied", null, 1, null],
    ],
  );
  assert.match(images[1]!.error!, /^Cannot resolve "v1" in docker:\/\/.*release\/b/);
});

test("a layer that two images share moves once, and the second image says so", async () => {
  await using pair = await startPair();
  const [a, b] = [await indexOf("same"), await imageOf("same")];
  await pair.from.push("release/a", "v1", a);
  await pair.from.push("release/b", "v1", b);
  const { images } = await run(pair, ["release/a:v1", "release/b:v1"]);
  const moved = images.reduce((sum, { bytes }) => sum + bytes, 0);
  const blobs = new Map([...a.contents, ...b.contents].map(({ descriptor }) => [descriptor.digest, descriptor]));
  const unique = [...blobs.values()].filter(({ mediaType }) => !/manifest|index/.test(mediaType));
  assert.equal(
    moved,
    unique.reduce((sum, { size }) => sum + size, 0),
  );
  assert.ok(images.reduce((sum, { reused }) => sum + reused, 0) > 0);
});

test("OEM-T1: a list with errors is refused before anything is asked of a registry", async () => {
  await using pair = await startPair();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  pair.forget();
  const { complete, refused, images, defects, errors } = await run(pair, ["release/a:v1", "release/b"]);
  assert.deepEqual([complete, refused?.code, images, errors], [false, "LIST_INVALID", [], 1]);
  assert.equal(defects[0]?.defect, "no-tag");
  assert.equal(refused?.message, 'Cannot use image lists with 1 error: images.list:2: "release/b" has no tag');
  assert.deepEqual([pair.from.requests, pair.to.requests], [[], []]);
});

test("OEM-T1: a list with warnings is used as it was repaired", async () => {
  await using pair = await startPair();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  const { complete, images, warnings } = await run(pair, ["release/a:v1 ", "release/a:v1\r"]);
  assert.deepEqual([complete, images.length, warnings], [true, 1, 3]);
});

test("an empty list is refused", async () => {
  await using pair = await startPair();
  const { complete, refused } = await run(pair, ["# nothing"]);
  assert.deepEqual([complete, refused?.code], [false, "LIST_INVALID"]);
});

test("a dry run writes nothing and says what would be copied, what is there and what is missing", async () => {
  await using pair = await startPair();
  const image = await imageOf("a");
  await pair.from.push("release/a", "v1", image);
  await pair.from.push("release/b", "v1", await imageOf("b"));
  await run(pair, ["release/b:v1"]);
  pair.forget();
  const lines = ["release/a:v1", "release/b:v1", "release/c:v1"];
  const { dryRun, complete, images } = await run(pair, lines, { dryRun: true });
  assert.deepEqual(
    [dryRun, complete, images.map(({ status }) => status)],
    [true, false, ["copied", "present", "missing"]],
  );
  assert.equal(images[0]?.digest, image.descriptor.digest);
  assert.ok(images[0]!.bytes > 0);
  assert.ok(
    pair.to.requests.every((request) => /^(GET|HEAD) /.test(request)),
    pair.to.requests.join(),
  );
});

test("results are told as they come", async () => {
  await using pair = await startPair();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  const told: unknown[] = [];
  const request = { list: await listOf("release/a:v1", "release/b:v1"), from: pair.from.host, to: pair.to.host };
  const { images } = await mirror(
    request,
    { registries: openClients(), onImage: (image) => void told.push(image) },
    never,
  );
  assert.deepEqual(new Set(told), new Set(images));
});
