import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { RejectedError } from "../../lib/errors.ts";
import { copy } from "../../lib/oci/copy.ts";
import { mediaTypes } from "../../lib/oci/descriptor.ts";
import { openMemory } from "../../lib/oci/memory.ts";
import { openRegistries } from "../../lib/oci/registry/registries.ts";
import { dockerImageFixture, imageFixture, noise, piece, read } from "../contracts/image-fixture.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { memoryWith } from "./release-fixture.ts";

suite("copy for some platforms", () => {
  const images = {
    "linux/amd64": imageFixture("amd64"),
    "linux/arm64/v8": imageFixture("arm64"),
    "linux/arm/v6": imageFixture("v6"),
    "linux/arm/v7": imageFixture("v7"),
    "unknown/unknown": imageFixture("attestation"),
  };
  type Name = keyof typeof images;
  const index = piece(
    mediaTypes.ociIndex,
    JSON.stringify({
      schemaVersion: 2,
      manifests: Object.entries(images).map(([name, { manifest }]) => {
        const [os, architecture, variant] = name.split("/");
        return { ...manifest.descriptor, platform: { os, architecture, ...(variant && { variant }) } };
      }),
    }),
  );
  const pieces = [...Object.values(images).flatMap((image) => image.pieces), index];

  const cases: readonly (readonly [wanted: string[], arrive: Name[]])[] = [
    [["linux/amd64"], ["linux/amd64"]],
    [["linux/amd64/v1"], ["linux/amd64"]],
    [["linux/arm64"], ["linux/arm64/v8"]],
    [
      ["linux/arm64/v8", "linux/amd64"],
      ["linux/amd64", "linux/arm64/v8"],
    ],
    [["linux/arm/v7"], ["linux/arm/v7"]],
    [["linux/arm"], ["linux/arm/v6", "linux/arm/v7"]],
    [["linux/amd64", "linux/s390x"], ["linux/amd64"]],
  ];
  for (const [platforms, arrive] of cases) {
    test(`${platforms.join(" and ")} brings ${arrive.join(" and ")} and the index as it was`, async () => {
      const target = openMemory();
      const { descriptor } = await copy(await memoryWith(pieces, { v1: index }), "v1", target, { platforms });
      assert.equal(descriptor.digest, index.descriptor.digest);
      assert.deepEqual(await read(target, descriptor), index.bytes);
      for (const [name, image] of Object.entries(images)) {
        const expected = arrive.includes(name as Name);
        for (const { descriptor } of image.pieces) assert.equal(await target.has(descriptor), expected, name);
      }
    });
  }

  test("a platform that nothing is for is refused, naming what there is", async () => {
    const target = openMemory();
    await assert.rejects(
      copy(await memoryWith(pieces, { v1: index }), "v1", target, { platforms: ["linux/s390x"] }),
      (error) =>
        error instanceof RejectedError &&
        error.code === "CONTENT_UNKNOWN" &&
        /for linux\/s390x: .*linux\/amd64, linux\/arm64\/v8/.test(error.message),
    );
    assert.deepEqual(await Array.fromAsync(target.tags()), []);
    assert.equal(await target.has(index.descriptor), false);
  });

  test("a text that is no platform is refused", async () => {
    const source = await memoryWith(pieces, { v1: index });
    await assert.rejects(copy(source, "v1", openMemory(), { platforms: ["amd64"] }), { code: "IMAGE_INVALID" });
  });

  test("a single image is judged by its config, also when it is there already", async () => {
    for (const image of [imageFixture("oci"), dockerImageFixture("docker")]) {
      const source = await memoryWith(image.pieces, { v1: image.manifest });
      const target = openMemory();
      await copy(source, "v1", target, { platforms: ["linux/arm64", "linux/amd64"] });
      for (const { descriptor } of image.pieces) assert.equal(await target.has(descriptor), true);
      await assert.rejects(copy(source, "v1", target, { platforms: ["linux/arm64"] }), { code: "CONTENT_UNKNOWN" });
    }
  });

  test("images without platform in a nested index are judged by their configs", async () => {
    const amd64 = imageFixture("amd64");
    const inner = piece(
      mediaTypes.ociIndex,
      JSON.stringify({
        schemaVersion: 2,
        manifests: [amd64.manifest.descriptor, images["linux/arm64/v8"].manifest.descriptor],
      }),
    );
    const outer = piece(mediaTypes.ociIndex, JSON.stringify({ schemaVersion: 2, manifests: [inner.descriptor] }));
    const source = await memoryWith([...amd64.pieces, ...images["linux/arm64/v8"].pieces, inner, outer], { v1: outer });
    const target = openMemory();
    await copy(source, "v1", target, { platforms: ["linux/amd64"] });
    assert.equal(await target.has(amd64.manifest.descriptor), true);
    await assert.rejects(copy(source, "v1", openMemory(), { platforms: ["linux/s390x"] }), { code: "CONTENT_UNKNOWN" });
  });

  test("what has no platform, like a chart, is for all of them", async () => {
    const config = piece(mediaTypes.helmConfig, '{"name":"web","version":"1.0.0"}');
    const layer = piece(mediaTypes.helmChart, noise("chart", 100));
    const manifest = piece(
      mediaTypes.ociManifest,
      JSON.stringify({ schemaVersion: 2, config: config.descriptor, layers: [layer.descriptor] }),
    );
    const target = openMemory();
    const source = await memoryWith([config, layer, manifest], { "1.0.0": manifest });
    const { blobs } = await copy(source, "1.0.0", target, { platforms: ["linux/amd64"] });
    assert.equal(blobs.moved, 2);
  });

  test(
    "a target that wants whole indexes refuses with an error of its own",
    requiring("docker-registry"),
    async (t) => {
      const registry = await startDockerRegistry();
      t.after(() => registry[Symbol.asyncDispose]());
      const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test" });
      const target = registries.repository(registry.host, "sparse");
      const source = await memoryWith(pieces, { v1: index });
      await assert.rejects(copy(source, "v1", target, { platforms: ["linux/amd64"] }), { code: "REGISTRY_REFUSED" });
      assert.deepEqual(await Array.fromAsync(target.tags()), []);
    },
  );
});
