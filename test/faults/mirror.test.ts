import assert from "node:assert/strict";
import { basename, dirname } from "node:path";
import { after, before, suite, test } from "node:test";
import { listOfLines, readLists } from "../../lib/images/index.ts";
import { type ImageResult, type MirrorReport, mirror } from "../../lib/mirror/index.ts";
import { type Fault, type Rule, startFaultProxy } from "../fakes/fault-proxy.ts";
import { type DockerRegistry, startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { contentOf, manyImages, type NamedImage, pushImages } from "./many-images.ts";
import { openClients } from "./one-fault.ts";

const IMAGES = manyImages();

/** Everything that can go wrong and pass. */
const FAULTS: readonly Fault[] = [
  { kind: "status", status: 429 },
  { kind: "status", status: 429, retryAfter: "1" },
  { kind: "status", status: 429, retryAfter: "10" },
  { kind: "status", status: 500 },
  { kind: "status", status: 502 },
  { kind: "status", status: 503 },
  { kind: "reset" },
  { kind: "reset-answer", at: 0 },
  { kind: "reset-answer", at: 180 },
  { kind: "reset-upload", at: 180 },
  { kind: "truncate", at: 180 },
  { kind: "flip", at: 180 },
  // in a manifest, this is in a digest
  { kind: "flip-upload", at: 180 },
  { kind: "wrong-length", by: 7 },
  { kind: "wrong-length", by: -7 },
  { kind: "wrong-digest" },
  { kind: "expire" },
  { kind: "loop" },
  { kind: "html" },
];

/** These take real time, until patience is over. */
const STALLS: readonly Fault[] = [{ kind: "stall" }, { kind: "stall-answer", at: 180 }];
const PATIENCE_MS = 1000;

/** A layer that no other image has. */
function ownLayerOf(image: number): string {
  const digestsOf = ({ pieces }: NamedImage) => pieces.map(({ descriptor }) => descriptor.digest);
  const others = new Set(IMAGES.filter((_, position) => position !== image).flatMap(digestsOf));
  return digestsOf(IMAGES[image]!).find((digest) => !others.has(digest))!;
}

/** What stays wrong for one image each, and what is said about it. */
const PERMANENT: readonly {
  readonly image: number;
  readonly at: "source" | "target";
  readonly rule: Rule;
  readonly status: ImageResult["status"];
  readonly code: string;
  readonly says: RegExp;
}[] = [
  {
    image: 11,
    at: "source",
    rule: { faults: [{ kind: "flip", at: 180 }], match: new RegExp(`/blobs/${ownLayerOf(11)}`) },
    status: "failed",
    code: "CONTENT_MISMATCH",
    says: new RegExp(`Cannot take ${ownLayerOf(11)} from docker://.*: the bytes have digest`),
  },
  {
    image: 12,
    at: "target",
    rule: { faults: [{ kind: "status", status: 503 }], match: /^PUT .*\/app-12\/blobs\// },
    status: "failed",
    code: "REGISTRY_UNAVAILABLE",
    says: /Cannot write sha256:.* to docker:.*app-12: the registry answered 503/,
  },
  {
    image: 13,
    at: "source",
    rule: { faults: [{ kind: "status", status: 403 }], match: /\/app-13\// },
    status: "denied",
    code: "REGISTRY_DENIED",
    says: /Cannot resolve "v13" in docker:.*app-13: the registry answered 403/,
  },
  {
    image: 14,
    at: "source",
    rule: { faults: [{ kind: "status", status: 404 }], match: /\/app-14\/manifests\/v14/ },
    status: "missing",
    code: "CONTENT_UNKNOWN",
    says: /Cannot resolve "v14" in docker:.*app-14: the registry answered 404/,
  },
  {
    image: 15,
    at: "source",
    rule: { faults: [{ kind: "truncate", at: 180 }], match: /^GET .*\/app-15\/manifests\// },
    status: "failed",
    code: "REGISTRY_UNAVAILABLE",
    says: /Cannot read sha256:.* from docker:.*app-15: the registry did not answer/,
  },
  {
    image: 16,
    at: "target",
    rule: { faults: [{ kind: "status", status: 403 }], match: /^PUT .*\/app-16\/manifests\// },
    status: "denied",
    code: "REGISTRY_DENIED",
    says: /Cannot write sha256:.* to docker:.*app-16: the registry answered 403/,
  },
];

suite("a mirror of 50 images", requiring("docker-registry"), () => {
  let source: DockerRegistry;
  before(async () => {
    source = await startDockerRegistry();
    await pushImages(openClients().registries, source.host, IMAGES);
  });
  after(() => source[Symbol.asyncDispose]());

  async function run(from: string, to: string): Promise<MirrorReport> {
    const { registries, sleep } = openClients(PATIENCE_MS, 120_000);
    const lines = IMAGES.map(({ repository, tag }) => `${repository}:${tag}`);
    const list = await readLists([listOfLines("images.list", lines)], { form: "project", projects: ["release"] });
    return mirror({ list, from, to }, { registries, sleep }, new AbortController().signal);
  }

  test("the source holds what its paths say, or these tests would show nothing", async () => {
    const content = await contentOf(source.directory);
    const blobs = [...content].filter(([path]) => path.startsWith("blobs/"));
    assert.ok(blobs.length > 3 * IMAGES.length);
    for (const [path, digest] of blobs) assert.equal(basename(dirname(path)), digest);
  });

  for (const seed of ["one", "two"]) {
    test(`with faults on every fifth request it ends complete, the same byte for byte (seed ${seed})`, async () => {
      await using target = await startDockerRegistry();
      await using from = await startFaultProxy({ registry: source.host, seed: `from ${seed}`, tokens: true });
      await using to = await startFaultProxy({ registry: target.host, seed: `to ${seed}`, tokens: true });
      for (const proxy of [from, to]) {
        proxy.inject({ faults: STALLS, share: 0.2, times: 3 });
        proxy.inject({ faults: FAULTS, share: 0.2 });
      }
      const report = await run(from.host, to.host);
      assert.deepEqual(
        report.images.filter(({ error }) => error !== null),
        [],
      );
      assert.ok(report.complete);
      assert.deepEqual(await contentOf(target.directory), await contentOf(source.directory));
      for (const proxy of [from, to]) {
        const { none } = proxy.counts();
        const faulty = proxy.passages.length - none!.requests;
        assert.ok(
          faulty > proxy.passages.length / 10,
          `only ${faulty} of ${proxy.passages.length} requests were broken`,
        );
      }
    });
  }

  test("with faults that stay it ends incomplete, says why for each image, and has all others; then it can be done again", async () => {
    await using target = await startDockerRegistry();
    await using from = await startFaultProxy({ registry: source.host });
    await using to = await startFaultProxy({ registry: target.host });
    for (const { at, rule } of PERMANENT) (at === "source" ? from : to).inject(rule);
    const first = await run(from.host, to.host);
    assert.ok(!first.complete);
    const failed = first.images.filter(({ error }) => error !== null);
    assert.deepEqual(
      failed.map(({ source, side, status, code }) => [source, side, status, code]),
      PERMANENT.map(({ image, at, status, code }) => [`${from.host}/release/app-${image}:v${image}`, at, status, code]),
    );
    for (const [position, { says }] of PERMANENT.entries()) assert.match(failed[position]?.error ?? "", says);

    const wanted = await contentOf(source.directory);
    const found = await contentOf(target.directory);
    const broken = new Set(PERMANENT.map(({ image }) => `repositories/${IMAGES[image]!.repository}`));
    const isBroken = (path: string): boolean => broken.has(path.split("/").slice(0, 3).join("/"));
    for (const [path, content] of found) assert.equal(content, wanted.get(path), path);
    for (const path of wanted.keys()) {
      // a blob that only a broken image has may be missing
      if (path.startsWith("repositories/") && !isBroken(path)) assert.ok(found.has(path), path);
      if (isBroken(path) && path.includes("/tags/")) assert.ok(!found.has(path), path);
    }

    from.heal();
    to.heal();
    const before = from.passages.length;
    const second = await run(from.host, to.host);
    assert.ok(second.complete);
    assert.deepEqual(
      second.images.flatMap(({ status }, position) => (status === "copied" ? [position] : [])),
      PERMANENT.map(({ image }) => image),
    );
    assert.deepEqual(await contentOf(target.directory), wanted);
    const blobs = from.passages.slice(before).filter(({ line }) => /^GET .*\/blobs\//.test(line));
    assert.ok(blobs.length <= 3 * PERMANENT.length, `${blobs.length} blobs were read again`);
  });
});
