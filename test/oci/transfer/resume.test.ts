import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, suite, test } from "node:test";
import { openRegistries } from "../../../lib/oci/registry/registries.ts";
import { imageFixture, layerPiece, putAll } from "../../contracts/image-fixture.ts";
import { type DockerRegistry, startDockerRegistry } from "../../real/docker-registry.ts";
import { requiring } from "../../real/programs.ts";

const COUNT = 20;
const MIB = 1024 * 1024;
const layers = Array.from({ length: 5 }, (_, number) => layerPiece(`shared ${number}`, MIB));
/** Each shares two of five layers with others, and has two of its own. */
const images = Array.from({ length: COUNT }, (_, number) =>
  imageFixture(`${number}`, {
    layers: [
      layers[number % 5]!,
      layers[(number + 1) % 5]!,
      layerPiece(`${number} large`, 200_000),
      layerPiece(`${number} small`, 10_000),
    ],
  }),
);
const blobs = new Map(
  images
    .flatMap(({ config, layers }) => [config, ...layers])
    .map(({ descriptor }) => [descriptor.digest, descriptor.size]),
);

const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test" });

/** Bytes of blobs that some repository of a registry does not hold. */
async function missingAt({ directory }: DockerRegistry): Promise<number> {
  const repositories = join(directory, "docker/registry/v2/repositories/mirror");
  const missing = new Map(blobs);
  for (const repository of await readdir(repositories).catch(() => [])) {
    const links = await readdir(join(repositories, repository, "_layers/sha256")).catch(() => []);
    for (const hex of links) missing.delete(`sha256:${hex}`);
  }
  return [...missing.values()].reduce((sum, size) => sum + size, 0);
}

/** Copy in a process of its own, to the end or until it dies after so many blobs. @returns undefined when it died */
async function run(from: DockerRegistry, to: DockerRegistry, atOnce: number, diesAfter?: number) {
  const script = join(import.meta.dirname, "copying-process.ts");
  const args = [script, from.host, to.host, String(COUNT), String(atOnce), ...(diesAfter ? [String(diesAfter)] : [])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const said = await text(child.stdout);
  const [code, signal] = (await ended) as [number | null, string | null];
  if (signal === "SIGKILL") return undefined;
  assert.equal(code, 0);
  return JSON.parse(said) as { readonly arrived: number; readonly moved: number };
}

suite("a copy of twenty images whose process is killed", requiring("docker-registry"), () => {
  let from: DockerRegistry;
  before(async () => {
    from = await startDockerRegistry();
    for (const [number, image] of images.entries()) {
      const repository = registries.repository(from.host, `team/app${number}`);
      await putAll(repository, image.pieces);
      await repository.tag("v1", image.manifest.descriptor);
    }
  });
  after(() => from[Symbol.asyncDispose]());

  for (const [atOnce, at] of [
    [1, 40],
    [4, 30],
  ] as const) {
    test(`after ${at} blobs, ${atOnce} images at once: the next run moves what is missing, and no more`, async () => {
      await using to = await startDockerRegistry();
      assert.equal(await run(from, to, atOnce, at), undefined);
      const missing = await missingAt(to);
      assert.ok(missing > 0 && missing < [...blobs.values()].reduce((sum, size) => sum + size, 0));
      for (const [number] of images.entries()) {
        const tags = await Array.fromAsync(registries.repository(to.host, `mirror/app${number}`).tags());
        // what has a tag is whole
        for (const tag of tags) {
          const repository = registries.repository(to.host, `mirror/app${number}`);
          assert.equal((await repository.resolve(tag)).digest, images[number]!.manifest.descriptor.digest);
          for (const { descriptor } of images[number]!.pieces) assert.equal(await repository.has(descriptor), true);
        }
      }

      const { moved } = (await run(from, to, 1))!;
      // docker-registry may have taken a few that were just moving after all. Who is first with a shared layer may be another
      // image now, unless there was one at a time
      const unlucky = atOnce === 1 ? 0 : layers.length * MIB;
      assert.ok(moved <= missing + unlucky, `${moved} bytes moved, of which ${missing} were missing`);
      for (const [number, image] of images.entries()) {
        const repository = registries.repository(to.host, `mirror/app${number}`);
        assert.equal((await repository.resolve("v1")).digest, image.manifest.descriptor.digest);
        // docker-registry has verified what it holds
        for (const { descriptor } of image.pieces) assert.equal(await repository.has(descriptor), true);
      }
      assert.deepEqual(await run(from, to, 4), { arrived: 0, moved: 0 });
    });
  }
});
