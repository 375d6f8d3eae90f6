import assert from "node:assert/strict";
import { test } from "node:test";
import { TransientError } from "../../lib/errors.ts";
import { mirror } from "../../lib/mirror/mirror.ts";
import type { MirrorRequest } from "../../lib/mirror/request.ts";
import { hexOf, type Registries } from "../../lib/oci/index.ts";
import { refuse, startFakeRegistry } from "../fakes/registry.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { imageOf, indexOf, listOf, openClients, type Pair, startPair } from "./pair.ts";

const never = new AbortController().signal;
const noSleep = async () => {};

/** Mirror lines of a list from one host to another. */
const run = async (
  { from, to }: { readonly from: { readonly host: string }; readonly to: { readonly host: string } },
  lines: readonly string[],
  request: Partial<MirrorRequest> = {},
  registries: Registries = openClients(),
) =>
  mirror(
    { list: await listOf(...lines), from: from.host, to: to.host, ...request },
    { registries, sleep: noSleep },
    never,
  );

const resolve = async ({ registries }: Pick<Pair, "registries">, host: string, repository: string, tag: string) =>
  (await registries.repository(host, repository).resolve(tag)).digest;

/** bcrypt of `pa:ss` */
const HTPASSWD = "carrier:$2y$05$abcdefghijklmnopqrstuuZImxV28ixwKVAA3Ib6WvqJ3jaF2SHwO\n";

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
    const digest = await resolve(pair, to.host, "release/a", "v1");
    assert.equal(digest, await resolve(pair, pair.from.host, "devops_release/a", "v1"));
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
  assert.equal(images[0]?.digest, await resolve(pair, pair.to.host, "release/b", "v1"));
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

test("OEM-T9: an image whose pull failed is not pushed: the older copy at the target keeps its tag", async () => {
  await using pair = await startPair();
  await using source = await startFakeRegistry();
  const [old, now] = [await imageOf("old"), await imageOf("new")];
  await pair.to.push("release/a", "v1", old);
  const fake = source.repository("release/a");
  // the layer is not there
  for (const content of now.contents) {
    const { descriptor } = content;
    const bytes = Buffer.concat(await Array.fromAsync(content.bytes()));
    if (descriptor.mediaType.includes("manifest")) {
      fake.manifests.set(descriptor.digest, { type: descriptor.mediaType, bytes });
      fake.tags.set("v1", descriptor.digest);
    } else if (descriptor.mediaType.includes("config")) fake.blobs.set(descriptor.digest, bytes);
  }
  pair.forget();
  const { complete, images } = await run({ from: source, to: pair.to }, ["release/a:v1"]);
  assert.deepEqual([complete, images[0]?.status, images[0]?.side], [false, "missing", "source"]);
  assert.equal(await resolve(pair, pair.to.host, "release/a", "v1"), old.descriptor.digest);
  assert.deepEqual(
    pair.to.requests.filter((request) => request.startsWith("PUT /v2/release/a/manifests")),
    [],
  );
});

test("denied says at which side", requiring("docker-registry"), async () => {
  await using closed = await startDockerRegistry({ htpasswd: HTPASSWD });
  await using pair = await startPair();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  for (const [hop, side] of [
    [{ from: closed, to: pair.to }, "source"],
    [{ from: pair.from, to: closed }, "target"],
  ] as const) {
    const { complete, images } = await run(hop, ["release/a:v1"]);
    assert.deepEqual(
      [complete, images[0]?.status, images[0]?.side, images[0]?.code, images[0]?.attempts],
      [false, "denied", side, "REGISTRY_DENIED", 1],
    );
    assert.match(images[0]!.error!, /there are no credentials for it$/);
  }
});

test("denied for one repository costs the others nothing", async () => {
  await using pair = await startPair();
  await using target = await startFakeRegistry();
  for (const name of ["a", "b", "c"]) await pair.from.push(`release/${name}`, "v1", await imageOf(name));
  target.misbehave("POST /v2/release/b/", (_, response) => refuse(response, 403, "DENIED"), 1000);
  const { images } = await run({ from: pair.from, to: target }, ["release/a:v1", "release/b:v1", "release/c:v1"]);
  assert.deepEqual(
    images.map(({ status, side }) => [status, side]),
    [
      ["copied", null],
      ["denied", "target"],
      ["copied", null],
    ],
  );
});

test("a push that is refused for good is repeated some times, soon; the image gets no tag", async () => {
  await using pair = await startPair();
  await using target = await startFakeRegistry();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  target.misbehave("PUT /v2/release/a/blobs", (_, response) => refuse(response, 413, "SIZE_INVALID"), 1000);
  const { images } = await run({ from: pair.from, to: target }, ["release/a:v1"]);
  assert.deepEqual([images[0]?.status, images[0]?.side, images[0]?.attempts], ["failed", "target", 8]);
  assert.match(images[0]!.error!, /413/);
  assert.equal(target.repository("release/a").tags.size, 0);
});

for (const side of ["source", "target"] as const) {
  test(`a ${side} that is unavailable is tried again after longer and longer waits, and then named`, async () => {
    await using pair = await startPair();
    await using fake = await startFakeRegistry();
    await pair.from.push("release/a", "v1", await imageOf("a"));
    fake.misbehave("/v2/", (_, response) => refuse(response, 503, "UNAVAILABLE"), 1000);
    const hop = side === "source" ? { from: fake, to: pair.to } : { from: pair.from, to: fake };
    const waits: number[] = [];
    const sleep = async (milliseconds: number) => void waits.push(milliseconds);
    const request = { list: await listOf("release/a:v1"), from: hop.from.host, to: hop.to.host };
    const { images } = await mirror(request, { registries: openClients(), sleep }, never);
    assert.deepEqual([images[0]?.status, images[0]?.side, images[0]?.attempts], ["failed", side, 5]);
    assert.equal(waits.length, 4);
    for (const [i, wait] of waits.entries()) assert.ok(wait >= 1000 * 4 ** i && wait <= 2000 * 4 ** i, `${wait}`);
  });
}

test("a registry that says how long to wait is obeyed, unless it is too long for this run", async () => {
  for (const [seconds, waited, attempts] of [
    ["30", [30_000, 30_000, 30_000, 30_000], 5],
    ["3600", [], 1],
  ] as const) {
    await using pair = await startPair();
    await using source = await startFakeRegistry();
    const slowDown = (_: unknown, response: Parameters<typeof refuse>[0]) => {
      response.setHeader("retry-after", seconds);
      refuse(response, 429, "TOOMANYREQUESTS");
    };
    source.misbehave("/v2/", slowDown, 1000);
    const waits: number[] = [];
    const sleep = async (milliseconds: number) => void waits.push(milliseconds);
    const request = { list: await listOf("release/a:v1"), from: source.host, to: pair.to.host };
    const { images } = await mirror(request, { registries: openClients(), sleep }, never);
    assert.deepEqual([waits, images[0]?.attempts, images[0]?.status], [waited, attempts, "failed"]);
  }
});

test("an attempt that broke is not lost: the next moves only what is missing, and all bytes are counted", async () => {
  await using pair = await startPair();
  await using target = await startFakeRegistry();
  const image = await imageOf("a");
  await pair.from.push("release/a", "v1", image);
  // blobs arrive, the manifest does not
  target.misbehave("PUT /v2/release/a/manifests", (_, response) => refuse(response, 503, "UNAVAILABLE"), 3);
  const { complete, images } = await run({ from: pair.from, to: target }, ["release/a:v1"]);
  const size = image.contents
    .filter(({ descriptor }) => !descriptor.mediaType.includes("manifest"))
    .reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  assert.deepEqual([complete, images[0]?.attempts, images[0]?.bytes, images[0]?.reused], [true, 2, size, 0]);
  assert.equal(target.requests.filter(({ method }) => method === "POST").length, 2, "each blob was sent once");
});

test("bytes damaged on the way are fetched again; a source that always lies is named, and nothing wrong arrives", async () => {
  for (const [times, status, attempts] of [
    [1, "copied", 2],
    [1000, "failed", 8],
  ] as const) {
    await using pair = await startPair();
    await using proxy = await startFakeRegistry();
    const image = await imageOf("a");
    await pair.from.push("release/a", "v1", image);
    await run({ from: pair.from, to: proxy }, ["release/a:v1"]);
    const layer = image.contents.find(({ descriptor }) => descriptor.mediaType.includes("layer"))!.descriptor;
    const bytes = Buffer.from(proxy.repository("release/a").blobs.get(layer.digest)!);
    bytes[bytes.byteLength >> 1]! ^= 1;
    proxy.misbehave(
      `GET /v2/release/a/blobs/${layer.digest}`,
      (_, response) => response.writeHead(200, { "content-length": bytes.byteLength }).end(bytes),
      times,
    );
    const { images } = await run({ from: proxy, to: pair.to }, ["release/a:v1"]);
    assert.deepEqual([images[0]?.status, images[0]?.attempts], [status, attempts]);
    if (status === "copied") continue;
    assert.deepEqual([images[0]?.side, images[0]?.code], ["source", "CONTENT_MISMATCH"]);
    assert.equal(await pair.to.tree.repository("release/a").has(layer), false);
  }
});

test("a bug that one image meets is that image's failure", async () => {
  await using pair = await startPair();
  for (const name of ["a", "b"]) await pair.from.push(`release/${name}`, "v1", await imageOf(name));
  const registries: Registries = {
    ...pair.registries,
    repository(host, repository) {
      if (repository === "release/a") throw new TypeError("x is not a function");
      return pair.registries.repository(host, repository);
    },
  };
  const { images } = await run(pair, ["release/a:v1", "release/b:v1"], {}, registries);
  assert.deepEqual(
    images.map(({ status, code, error }) => [status, code, error]),
    [
      ["failed", "UNEXPECTED", "x is not a function"],
      ["copied", null, null],
    ],
  );
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

test("OEM-T13: a target that must be empty is refused before the first byte while it holds another image", async () => {
  await using pair = await startPair();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  await pair.to.push("release/a", "v0", await imageOf("old"));
  await pair.to.push("store/b", "v1", await imageOf("b"));
  pair.forget();
  const { complete, refused, images } = await run(pair, ["release/a:v1"], { mustBeEmpty: true });
  assert.deepEqual([complete, refused?.code, images], [false, "TARGET_NOT_EMPTY", []]);
  assert.match(refused!.message, /release\/a:v0, store\/b:v1$/);
  assert.deepEqual(pair.from.requests, []);
  assert.ok(pair.to.requests.every((request) => request.startsWith("GET ")));
});

test("OEM-T13: the images of the list, what belongs to them and repositories without tags are no other images", async () => {
  await using pair = await startPair();
  const image = await imageOf("a");
  await pair.from.push("release/a", "v1", image);
  await pair.from.push("release/a", `sha256-${hexOf(image.descriptor.digest)}.sig`, await imageOf("signature"));
  await pair.to.push("gone/b", "v1", await imageOf("b"));
  await pair.to.tree.repository("gone/b").remove("v1");
  for (const status of ["copied", "present"]) {
    const { images } = await run(pair, ["release/a:v1"], { mustBeEmpty: true });
    assert.deepEqual(
      images.map((each) => each.status),
      [status],
    );
  }
  assert.equal(
    (await Array.fromAsync(pair.to.tree.repository("release/a").tags())).length,
    2,
    "the signature came along",
  );
});

test("OEM-T13: a target that does not tell what it holds is not taken for empty", async () => {
  await using pair = await startPair();
  await using target = await startFakeRegistry();
  const request = { list: await listOf("release/a:v1"), from: pair.from.host, to: target.host, mustBeEmpty: true };
  target.misbehave("/v2/_catalog", (_, response) => refuse(response, 401, "UNAUTHORIZED"), 100);
  const { refused } = await mirror(request, { registries: openClients() }, never);
  assert.equal(refused?.code, "REGISTRY_DENIED");

  await using late = await startFakeRegistry();
  late.misbehave("/v2/_catalog", (_, response) => refuse(response, 503, "UNAVAILABLE"), 100);
  await assert.rejects(mirror({ ...request, to: late.host }, { registries: openClients() }, never), TransientError);
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

test("an abort ends the run with its reason, whatever was being done", async () => {
  await using pair = await startPair();
  await using target = await startFakeRegistry();
  await pair.from.push("release/a", "v1", await imageOf("a"));
  const stop = new AbortController();
  const why = new Error("stopped");
  // never answered
  target.misbehave("POST /v2/release/a/", () => stop.abort(why), 1000);
  const request = { list: await listOf("release/a:v1"), from: pair.from.host, to: target.host };
  await assert.rejects(mirror(request, { registries: openClients() }, stop.signal), why);
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
