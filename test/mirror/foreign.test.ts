import assert from "node:assert/strict";
import { test } from "node:test";
import { TransientError } from "../../lib/errors.ts";
import { mirror } from "../../lib/mirror/mirror.ts";
import { hexOf } from "../../lib/oci/index.ts";
import { refuse, startFakeRegistry } from "../fakes/registry.ts";
import { imageOf, listOf, openClients, run, startPair } from "./pair.ts";

const never = new AbortController().signal;

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
  for (const [status, attached] of [
    ["copied", 1],
    ["present", 0],
  ]) {
    const { images } = await run(pair, ["release/a:v1"], { mustBeEmpty: true });
    assert.deepEqual([images[0]?.status, images[0]?.attached], [status, attached]);
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
