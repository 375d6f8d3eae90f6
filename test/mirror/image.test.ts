import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageRetry } from "../../lib/mirror/image.ts";
import { mirror } from "../../lib/mirror/mirror.ts";
import type { Registries } from "../../lib/oci/index.ts";
import { refuse, startFakeRegistry } from "../fakes/registry.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { digestAt, imageOf, listOf, openClients, run, startPair } from "./pair.ts";

const never = new AbortController().signal;

/** bcrypt of `pa:ss` */
const HTPASSWD = "carrier:$2y$05$abcdefghijklmnopqrstuuZImxV28ixwKVAA3Ib6WvqJ3jaF2SHwO\n";

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
  assert.equal(await digestAt(pair.to.host, "release/a", "v1"), old.descriptor.digest);
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
    const told: number[] = [];
    const onRetry = ({ source, target, error, wait, ...retry }: ImageRetry): void => {
      assert.deepEqual([source, target], [`${hop.from.host}/release/a:v1`, `${hop.to.host}/release/a:v1`]);
      assert.equal(retry.side, side);
      assert.match(error, /^Cannot .* answered 503/);
      told.push(wait);
    };
    const { images } = await mirror(request, { registries: openClients(), sleep, onRetry }, never);
    assert.deepEqual([images[0]?.status, images[0]?.side, images[0]?.attempts], ["failed", side, 5]);
    assert.equal(waits.length, 4);
    assert.deepEqual(told, waits);
    for (const [i, wait] of waits.entries()) assert.ok(wait >= 1000 * 4 ** i && wait <= 2000 * 4 ** i, `${wait}`);
  });
}

test("a registry that says how long to wait is obeyed, unless it is too long for this run", async () => {
  for (const [seconds, waited, attempts] of [
    ["120", Array(5).fill(120_000), 6],
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
