import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { bytesSegment, tar } from "../../lib/archive/index.ts";
import { verifyBundle } from "../../lib/bundle/index.ts";
import { imageArchive, parseReference, readGraph } from "../../lib/oci/index.ts";
import { bundleOf, HOST, openWorkshop, type Workshop } from "./workshop.ts";

let shop: Workshop;
before(async () => {
  shop = await openWorkshop();
  await shop.push("demo/web:1");
  await shop.push("demo/db:1", "db", ["linux/amd64"]);
});
after(() => shop[Symbol.asyncDispose]());

const images = [`${HOST}/demo/web:1`, `${HOST}/demo/db:1`];
const release = (more: object = {}) => ({ name: "b", version: "1", images, ...more });
const verify = (bytes: Uint8Array) => verifyBundle(bundleOf(bytes));

const kinds: readonly (readonly [string, object])[] = [
  ["with an archive", {}],
  ["with a registry's tree", { form: "registry-tree" }],
  ["with an archive for each image", { form: "per-image" }],
  ["that is a plain tar", { package: { name: "b.tar" } }],
  [
    "with trees and archives that are gzip",
    {
      images: [],
      sets: [
        { path: "web.tgz", images: [{ image: images[0] }] },
        { path: "tree.tar.gz", form: "registry-tree", images: images.map((image) => ({ image })) },
      ],
    },
  ],
];

for (const [what, more] of kinds) {
  test(`a bundle ${what} verifies, and names its images`, async () => {
    const { bytes } = await shop.build(release(more));
    const result = await verify(bytes);
    assert.deepEqual(result.problems, []);
    assert.ok(result.ok);
    assert.ok(result.images.some((image) => image.endsWith("demo/web:1")));
  });

  test(`a flipped bit anywhere in a bundle ${what} is found and told`, async () => {
    const { bytes } = await shop.build(release(more));
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.byteLength - 1), fc.nat(7), async (at, bit) => {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= 1 << bit;
        const { ok, problems } = await verify(damaged);
        assert.equal(ok, false);
        assert.ok(problems.length > 0);
      }),
      // where the structure of the tar begins, and of the gzip ends, are the first to be tried
      { numRuns: 150, examples: [...Array(14).keys(), bytes.byteLength - 1].map((at): [number, number] => [at, 6]) },
    );
  });
}

test("every single byte of a small bundle counts", async () => {
  await shop.write("a", "a file");
  const files = [{ path: "install.sh", from: "a" }];
  for (const name of ["b.tar", "b.tar.gz"]) {
    const { bytes } = await shop.build({
      name: "b",
      version: "1",
      files,
      package: { name },
    });
    // an install.sh of its own: the usual one is long, and one byte of it is like the next
    for (let at = 0; at < bytes.byteLength; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x10;
      assert.equal((await verify(damaged)).ok, false, `byte ${at} of ${name}`);
    }
  }
});

test("a flipped bit in a layer names the layer, and the file that holds it", async () => {
  const { bytes } = await shop.build(release({ package: { name: "b.tar" } }));
  const at = bytes.indexOf(Buffer.from([0x1f, 0x8b])) + 20;
  bytes[at]! ^= 1;
  const { problems } = await verify(bytes);
  assert.match(problems[0]!, /^b\/images\.tar: blobs\/sha256\/[a-f0-9]{64} does not have the digest of its name$/);
  assert.deepEqual(
    problems.slice(1).map((problem) => problem.replace(/^b\//, "")),
    ["images.tar does not have the checksum that SHA256SUMS lists", "images.tar is not what bundle.json says"],
  );
});

test("a bundle that is cut off anywhere is found", async () => {
  const { bytes } = await shop.build(release());
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.byteLength - 1), async (length) => {
      assert.equal((await verify(bytes.subarray(0, length))).ok, false);
    }),
    { numRuns: 60 },
  );
});

test("an exact package has no sums, and is checked by what its archives hold", async () => {
  const exact = {
    name: "b",
    version: "1",
    package: { exact: true, name: "b.tar" },
    sets: [
      { path: "image/web.tar", images: [{ image: images[0] }] },
      { path: "tree.tar", form: "registry-tree", images: [{ image: images[1] }] },
    ],
  };
  const { bytes } = await shop.build(exact);
  assert.deepEqual(await verify(bytes), { ok: true, files: 2, images: [images[0], "demo/db:1"], problems: [] });
  for (const magic of [bytes.indexOf(Buffer.from([0x1f, 0x8b])), bytes.lastIndexOf(Buffer.from([0x1f, 0x8b]))]) {
    const damaged = Buffer.from(bytes);
    damaged[magic + 30]! ^= 1;
    assert.match((await verify(damaged)).problems.join(), /does not have the digest of its name/);
  }
});

test("a bare image archive is checked as well", async () => {
  const source = shop.registries.repository(HOST, "demo/web");
  const root = await source.resolve("1");
  const archive = imageArchive([
    { source, root, graph: await readGraph(source, root), reference: parseReference(images[0]!) },
  ]);
  const bytes = Buffer.concat(await Array.fromAsync(archive.read(0, archive.size)));
  const { ok, images: found } = await verify(bytes);
  assert.deepEqual([ok, found], [true, [images[0]]]);
});

/** A tree of a registry in a tar, with files changed, added or (undefined) left out. */
async function damagedTree(change: (files: Map<string, Buffer>) => void): Promise<readonly string[]> {
  const { bytes } = await shop.build({
    ...{ name: "b", version: "1", package: { exact: true, name: "b.tar", directory: "" } },
    sets: [{ path: "registry", form: "registry-tree", images: [{ image: images[0] }] }],
  });
  const { readTar } = await import("../../lib/archive/index.ts");
  const files = new Map<string, Buffer>();
  const source = bytesSegment(bytes);
  for await (const { type, path, body } of readTar(source.read(0, source.size), { entries: 1000, bytes: 1e9 })) {
    if (type === "file") files.set(path, Buffer.concat(await Array.fromAsync(body)));
  }
  change(files);
  const changed = tar([...files].map(([path, content]) => ({ type: "file", path, content: bytesSegment(content) })));
  return (await verify(Buffer.concat(await Array.fromAsync(changed.read(0, changed.size))))).problems;
}
const keyOf = (files: Map<string, Buffer>, part: string) => [...files.keys()].find((path) => path.includes(part))!;

for (const [what, change, message] of [
  ["lacks a blob", (files) => files.delete(keyOf(files, "/data")), /is missing, to which/],
  [
    "lacks the link to a layer",
    (files) => files.delete(keyOf(files, "_layers")),
    /is missing in demo\/web, which sha256:/,
  ],
  [
    "lacks the link to what a tag names",
    (files) => files.delete(keyOf(files, "revisions")),
    /is not in the repository|is missing|referred to by nothing/,
  ],
  [
    "has a tag that leads nowhere",
    (files) => files.set(keyOf(files, "current/link"), Buffer.from(`sha256:${"0".repeat(64)}`)),
    /demo\/web:1 names sha256:0+, which is not in the repository/,
  ],
  [
    "has a link with a line break",
    (files) => files.set(keyOf(files, "current/link"), Buffer.from(`sha256:${"0".repeat(64)}\n`)),
    /is nothing that a registry keeps/,
  ],
  [
    "has a link to something else than it is called",
    (files) => files.set(keyOf(files, "_layers"), Buffer.from(`sha256:${"0".repeat(64)}`)),
    /links to sha256:0+/,
  ],
  [
    "has a file of another kind",
    (files) => files.set("registry/docker/registry/v2/x", Buffer.from("")),
    /x is nothing that a registry keeps/,
  ],
  [
    "has a blob in the wrong place",
    (files) => files.set(`registry/docker/registry/v2/blobs/sha256/00/${"f".repeat(64)}/data`, Buffer.from("")),
    /does not have the digest of its name/,
  ],
] as const satisfies readonly (readonly [string, (files: Map<string, Buffer>) => unknown, RegExp])[]) {
  test(`a registry's tree that ${what} is found`, async () => {
    assert.match((await damagedTree(change)).join("\n"), message);
  });
}

test("memory does not depend on what a bundle holds", async () => {
  // 2 GiB of zeros that are made as they are read
  const size = 2 * 1024 ** 3;
  const zeros = Buffer.alloc(1024 * 1024);
  const content = {
    size,
    async *read(start: number, end: number) {
      for (let at = start; at < end; at += zeros.byteLength)
        yield zeros.subarray(0, Math.min(zeros.byteLength, end - at));
    },
  };
  const whole = tar([{ type: "file", path: "x", content }]);
  const before = process.memoryUsage().rss;
  let peak = before;
  const { ok } = await verifyBundle({
    name: "big.tar",
    size: whole.size,
    volumes: [{ name: "big.tar", size: whole.size }],
    async *read(start, end) {
      for await (const chunk of whole.read(start, end)) {
        peak = Math.max(peak, process.memoryUsage.rss());
        yield chunk;
      }
    },
  });
  assert.ok(ok);
  assert.ok(peak - before < 100 * 1024 ** 2, `${(peak - before) / 1e6} MB more`);
});
