import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { appendFile, cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { openBundle, verifyBundle } from "../../lib/bundle/index.ts";
import { buildImage, buildLayer, copy, openBuilt } from "../../lib/oci/index.ts";
import { openStore, type Store } from "../../lib/store/index.ts";
import { findProgram, requiring } from "../real/programs.ts";
import { bundleOf, filesBelow, HOST, openWorkshop, type Workshop } from "./workshop.ts";

const run = promisify(execFile);
const BIG = 300_000;
let shop: Workshop;
before(async () => {
  shop = await openWorkshop();
  await pushBig("demo/app:1", ["base", "one"]);
  await pushBig("demo/app:2", ["base", "two"]);
  await pushBig("demo/same:1", ["base", "same"]);
  await shop.write("notes", "the same in both");
});
after(() => shop[Symbol.asyncDispose]());

/** An image of large layers that do not compress, and do not end with a block. */
async function pushBig(name: string, layers: readonly string[]): Promise<void> {
  const [repository = "", tag = ""] = name.split(":");
  const built = await Promise.all(
    layers.map((seed) => buildLayer([{ path: "data", content: noise(seed, BIG) }], { level: 0 })),
  );
  const image = buildImage({ platform: "linux/amd64", layers: built });
  await copy(openBuilt({ [tag]: image }), tag, shop.registries.repository(HOST, repository));
}

const noise = (seed: string, size: number): Buffer =>
  createCipheriv("aes-256-ctr", createHash("sha256").update(seed).digest(), Buffer.alloc(16)).update(
    Buffer.alloc(size),
  );

const describe = (version: string, more: object = {}) => ({
  name: "b",
  version,
  images: [`${HOST}/demo/app:${version}`, `${HOST}/demo/same:1`],
  files: [{ path: "notes", from: "notes" }],
  ...more,
});

const forms = ["archive", "per-image", "registry-tree"] as const;
const archives = (version: string) => ({
  images: [],
  sets: [
    {
      path: "tree.tar",
      form: "registry-tree",
      images: [{ image: `${HOST}/demo/app:${version}` }, { image: `${HOST}/demo/same:1` }],
    },
  ],
});
const kinds: readonly (readonly [string, (version: string) => object])[] = [
  ...forms.map((form) => [form, () => ({ form })] as const),
  ["tree in a tar", archives],
];

for (const [kind, more] of kinds) {
  test(`a delta (${kind}) moves and holds only what the base has not, and joined is byte for byte the whole bundle`, async () => {
    const old = await shop.build(describe("1", more("1")));
    const whole = await shop.build(describe("2", more("2")));
    const delta = await shop.build(describe("2", more("2")), { base: bundleOf(old.bytes) });
    assert.equal(delta.key, "b-2-from-1.tar.gz");
    // one layer of three is new, with a manifest and a config
    assert.ok(delta.moved < BIG * 1.05, `${delta.moved} bytes moved`);
    assert.ok(delta.size < BIG * 1.3, `${delta.size} bytes large`);
    assert.ok(whole.moved > 3 * BIG);

    const work = await mkdtemp(join(shop.directory, "joined "));
    for (const [name, { bytes }] of Object.entries({ old, whole, delta })) {
      await writeFile(join(work, `${name}.tar.gz`), bytes);
      await run("tar", ["-xzf", `${name}.tar.gz`], { cwd: work });
    }
    await run("mv", ["b-2", "expected"], { cwd: work });
    for (const shell of [["dash"], ["busybox", "sh"]].filter(([name = ""]) => findProgram(name))) {
      const [program = "", ...rest] = shell;
      await run(program, [...rest, "b-2-from-1/install.sh", "join", "--base", "b-1"], { cwd: work });
      const { stdout } = await run("diff", ["-r", "expected", "b-2"], { cwd: work });
      assert.equal(stdout, "");
      assert.deepEqual(await filesBelow(join(work, "b-2")), await filesBelow(join(work, "expected")));
      await rm(join(work, "b-2"), { recursive: true });
    }
  });
}

test("a delta names its base, and verifies alone and with it", async () => {
  const old = await shop.build(describe("1"));
  const delta = await shop.build(describe("2"), { base: bundleOf(old.bytes) });
  const alone = await verifyBundle(bundleOf(delta.bytes));
  assert.deepEqual([alone.ok, alone.problems, alone.base], [true, [], "b-1"]);
  const both = await verifyBundle(bundleOf(delta.bytes), { base: bundleOf(old.bytes) });
  assert.deepEqual([both.ok, both.problems, both.base], [true, [], undefined]);
});

test("another base, a damaged base, or a base for what is no delta is told", async () => {
  const old = await shop.build(describe("1"));
  const other = await shop.build(describe("1", { files: [] }));
  const delta = await shop.build(describe("2"), { base: bundleOf(old.bytes) });
  const problemsWith = async (bytes: Buffer, base: Buffer) =>
    (await verifyBundle(bundleOf(bytes), { base: bundleOf(base) })).problems.join("; ");
  assert.match(await problemsWith(delta.bytes, other.bytes), /base: it is not b-1, on which the delta is based/);
  assert.match(await problemsWith(old.bytes, other.bytes), /is no delta/);
  const damaged = Buffer.from(old.bytes);
  damaged[damaged.length >> 1]! ^= 1;
  assert.match(await problemsWith(delta.bytes, damaged), /base: /);
});

test("install.sh refuses to install a delta without its base, or with another one, and what is damaged", async () => {
  const old = await shop.build(describe("1"));
  const delta = await shop.build(describe("2"), { base: bundleOf(old.bytes) });
  const work = await mkdtemp(join(shop.directory, "refused "));
  for (const [name, { bytes }] of Object.entries({ old, delta })) {
    await writeFile(join(work, `${name}.tar.gz`), bytes);
    await run("tar", ["-xzf", `${name}.tar.gz`], { cwd: work });
  }
  const refused = (args: readonly string[], message: RegExp) =>
    assert.rejects(
      run("sh", ["b-2-from-1/install.sh", ...args], { cwd: work }),
      (error: Error & { stderr: string }) => {
        assert.match(error.stderr, message);
        return true;
      },
    );
  await refused(["load"], /this is a delta: unpack b-1 and name its directory with --base/);
  await refused(["join", "--base", "nowhere"], /"nowhere" is no unpacked bundle/);
  await cp(join(work, "b-1"), join(work, "other"), { recursive: true });
  await appendFile(join(work, "other/bundle.json"), " ");
  await refused(["load", "--base", "other"], /"other" is not b-1, on which this delta is based/);
  await cp(join(work, "b-1"), join(work, "damaged"), { recursive: true });
  const archive = await readFile(join(work, "damaged/images.tar"));
  archive[archive.length >> 1]! ^= 1;
  await writeFile(join(work, "damaged/images.tar"), archive);
  await refused(["load", "--base", "damaged"], /images\.tar: FAILED/);
  await assert.rejects(stat(join(work, "b-2")));
});

test("load and push of a delta go through what was joined", requiring("sha256sum"), async () => {
  const old = await shop.build(describe("1"));
  const delta = await shop.build(describe("2"), { base: bundleOf(old.bytes) });
  const work = await mkdtemp(join(shop.directory, "through "));
  for (const [name, { bytes }] of Object.entries({ old, delta })) {
    await writeFile(join(work, `${name}.tar.gz`), bytes);
    await run("tar", ["-xzf", `${name}.tar.gz`], { cwd: work });
  }
  await writeFile(join(work, "docker"), '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  const env = { ...process.env, PATH: `${work}:${process.env["PATH"]}` };
  const { stdout } = await run("sh", ["b-2-from-1/install.sh", "load", "--base", "b-1", "--into", "new"], {
    cwd: work,
    env,
  });
  assert.equal(stdout, `load -i ${work}/new/images.tar\n`);
});

test("a delta of what is exact, of a delta, of no bundle, or into the same directory is refused", async () => {
  const old = await shop.build(describe("1"));
  const base = bundleOf(old.bytes);
  const delta = await shop.build(describe("2"), { base });
  await assert.rejects(shop.build(describe("2", { package: { exact: true } }), { base }), { code: "RELEASE_INVALID" });
  await assert.rejects(shop.build(describe("2"), { base: bundleOf(delta.bytes) }), {
    code: "BASE_INVALID",
    message: /delta itself/,
  });
  await assert.rejects(shop.build(describe("1"), { base }), { code: "BASE_INVALID", message: /another name/ });
  const exact = await shop.build(describe("1", { package: { exact: true } }));
  await assert.rejects(shop.build(describe("2"), { base: bundleOf(exact.bytes) }), {
    code: "ARCHIVE_INVALID",
    message: /no bundle\.json/,
  });
});

test("two deltas are equal to the byte, and one that is there is not built again", async () => {
  const old = await shop.build(describe("1"));
  const base = bundleOf(old.bytes);
  const to: Store = await openStore("memory:");
  const first = await shop.build(describe("2"), { base, to });
  const again = await shop.build(describe("2"), { base, to });
  const elsewhere = await shop.build(describe("2"), { base });
  assert.deepEqual([again.moved, again.reused, again.sha256], [0, first.size, first.sha256]);
  assert.ok(first.bytes.equals(elsewhere.bytes));
});

test("a base whose blobs are not what they are called stops the build", async () => {
  const old = await shop.build(describe("1", { package: { name: "b-1.tar" } }));
  const at = old.bytes.indexOf(noise("base", BIG).subarray(0, 100));
  old.bytes[at]! ^= 1;
  await assert.rejects(shop.build(describe("2"), { base: bundleOf(old.bytes) }), { code: "CONTENT_MISMATCH" });
});

test("a delta is built from a bundle that lies in volumes in a store", async () => {
  const to = await openStore("memory:");
  const old = await shop.build(describe("1", { split: "1MiB" }), { to });
  assert.ok((old.volumes ?? 0) > 0);
  const base = await openBundle(to, old.key);
  const delta = await shop.build(describe("2"), { base });
  assert.ok((await verifyBundle(bundleOf(delta.bytes), { base })).ok);
});

test("the next bundle in a store moves only what the one before does not have", async () => {
  for (const name of ["{name}-{version}.tar.gz", "{name}-{version}.tar"]) {
    const to = await openStore("memory:");
    await shop.build(describe("1", { package: { name } }), { to });
    const next = await shop.build(describe("2", { package: { name } }), { to });
    assert.ok(next.moved < BIG * 1.05, `${next.moved} bytes moved`);
    assert.ok(next.reused > 2 * BIG);
    assert.equal(next.sha256, (await shop.build(describe("2", { package: { name } }))).sha256);
  }
});

test("a bundle that was damaged since does not stand in the way of the next one", async () => {
  const to = await openStore("memory:");
  const old = await shop.build(describe("1", { package: { name: "{name}-{version}.tar" } }), { to });
  old.bytes[old.bytes.indexOf(noise("base", BIG).subarray(0, 100))]! ^= 1;
  await to.put(old.key, old.bytes);
  const next = await shop.build(describe("2"), { to });
  assert.equal(next.sha256, (await shop.build(describe("2"))).sha256);
});
