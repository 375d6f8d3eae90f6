import assert from "node:assert/strict";
import { after, test } from "node:test";
import { checkPresence, type Finding, lockImages, type Status } from "../../lib/images/index.ts";
import { buildImage, buildIndex, buildLayer, openRegistries } from "../../lib/oci/index.ts";
import { refuse, startFakeRegistry } from "../fakes/registry.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";

const HOST = "registry.example.com";
const registry = await startEmbeddedRegistry();
after(() => registry[Symbol.asyncDispose]());
const layer = await buildLayer([{ path: "content", content: "hello" }]);
const image = (platform: string) => buildImage({ platform, layers: [layer] });
const single = image("linux/arm/v7");
const index = buildIndex([image("linux/amd64"), image("linux/arm64"), image("unknown/unknown")]);
/** Clients that do not wait for a registry that is not there. */
const registries = openRegistries({
  settings: [{ host: HOST, endpoint: `http://${registry.host}` }],
  credentialFiles: [],
  userAgent: "stowage-test",
  maxWait: 0,
});
await registry.push("acme/single", "1", single);
await registry.push("acme/index", "1", index);

test("a lock has the digest of each image and its platforms, without those of attestations", async () => {
  const images = [`${HOST}/acme/index:1`, `${HOST}/acme/single:1`, `${HOST}/acme/index@${index.descriptor.digest}`];
  const { locked, failures } = await lockImages(images, registries);
  assert.deepEqual(failures, []);
  assert.deepEqual(locked, [
    { image: images[0], digest: index.descriptor.digest, platforms: ["linux/amd64", "linux/arm64"] },
    { image: images[1], digest: single.descriptor.digest, platforms: ["linux/arm/v7"] },
    { image: images[2], digest: index.descriptor.digest, platforms: ["linux/amd64", "linux/arm64"] },
  ]);
});

test("all images without digest are told at once, each with its reason, and the others are locked", async () => {
  const images = [`${HOST}/acme/gone:1`, `${HOST}/acme/index:9`, `${HOST}/acme/single:1`, "127.0.0.1:1/a/b:1"];
  const { locked, failures } = await lockImages(images, registries);
  assert.deepEqual(
    locked.map((each) => each.image),
    [images[2]],
  );
  assert.deepEqual(
    failures.map(({ image, error }) => [image, error.code, error.disposition]),
    [
      [images[0], "CONTENT_UNKNOWN", "reject"],
      [images[1], "CONTENT_UNKNOWN", "reject"],
      [images[3], "REGISTRY_UNAVAILABLE", "retry"],
    ],
  );
});

const finding = (image: string, status: Status): Finding => ({ image, status, reasons: [] });

test("possible and suspected images are asked for at registries that may be asked, with a HEAD each", async () => {
  await using denying = await startFakeRegistry();
  denying.misbehave("/v2/acme/denied", (_, response) => refuse(response, 403, "DENIED"), 9);
  registry.requests.length = 0;
  const own = registry.host;
  const images = [
    finding(`${own}/acme/gone:1`, "required"),
    finding(`${own}/acme/gone:2`, "optional"),
    finding(`${own}/acme/gone:3`, "possible"),
    finding(`${own}/acme/single:1`, "suspected"),
    finding(`${denying.host}/acme/denied:1`, "suspected"),
    finding("127.0.0.1:1/a/b:1", "suspected"),
    finding("elsewhere.example.com/a/b:1", "suspected"),
  ];
  const hosts = [own, denying.host, "127.0.0.1:1"];
  const checked = await checkPresence({ images, unresolved: [] }, registries, hosts);
  assert.deepEqual(
    checked.images.map(({ presence }) => presence),
    [undefined, undefined, "missing", "present", "denied", "unknown", undefined],
  );
  const asked = registry.requests.filter((request) => request.includes("/manifests/"));
  assert.deepEqual(asked.sort(), ["HEAD /v2/acme/gone/manifests/3", "HEAD /v2/acme/single/manifests/1"]);
});

test("an abort ends the questions instead of becoming an answer", async () => {
  const stop = AbortSignal.abort(new Error("stopped"));
  await assert.rejects(lockImages([`${HOST}/acme/single:1`], registries, stop), /stopped/);
});
