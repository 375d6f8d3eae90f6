import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBundle, verifyBundle } from "../../lib/bundle/index.ts";
import type { Registries } from "../../lib/oci/index.ts";
import { openStore, type Store } from "../../lib/store/index.ts";
import { environmentOf } from "../fakes/object-service/environment.ts";
import { type FakeObjectService, startObjectService } from "../fakes/object-service/server.ts";
import { requiringVersitygw, startVersitygw } from "../real/versitygw.ts";
import { HOST, openWorkshop, type Workshop } from "./workshop.ts";

let shop: Workshop;
/** Bytes of a layer: some parts of the smallest size that a service takes. */
const layers = { oss: 2_000_000, s3: 12_000_000 } as const;
type Kind = keyof typeof layers;

const push = (kind: Kind, name: string, seed: string): Promise<void> =>
  shop.pushNoise(`${kind}/${name}`, seed, layers[kind]);

before(async () => {
  shop = await openWorkshop();
  for (const kind of ["oss", "s3"] as const) {
    for (const name of ["a", "b", "c"]) await push(kind, `${name}:1`, name);
    await push(kind, "b:2", "b changed");
  }
});
after(() => shop[Symbol.asyncDispose]());

/** The second version has another layer, so that everything lies elsewhere. */
const release = (version: "1" | "2", kind: Kind = "oss", more: object = {}) => ({
  name: "b",
  version,
  images: ["a:1", `b:${version}`, "c:1"].map((image) => `${HOST}/${kind}/${image}`),
  ...more,
});

/** Registries that count the bytes of blobs that they give. */
function counting() {
  const { registries } = shop;
  const counted = { bytes: 0 };
  const repository: Registries["repository"] = (host, name) => {
    const source = registries.repository(host, name);
    const open: typeof source.open = async (...args) => {
      const bytes = await source.open(...args);
      return (async function* () {
        for await (const chunk of bytes) {
          counted.bytes += chunk.byteLength;
          yield chunk;
        }
      })();
    };
    return Object.assign(Object.create(source), { open });
  };
  return { registries: { ...registries, repository }, counted };
}

const forms = {
  "an archive in gzip": {},
  "a plain tar": { package: { name: "b-{version}.tar" } },
  "a tree in an exact package": { form: "registry-tree", package: { exact: true } },
} as const;

interface Place extends AsyncDisposable {
  readonly store: Store;
}

async function openFake(kind: "oss" | "s3"): Promise<Place & { readonly fake: FakeObjectService }> {
  const fake = await startObjectService({ kind });
  const bucket = `${kind}://${fake.bucket}`;
  const buckets = [{ bucket, partBytes: kind === "oss" ? 256 * 1024 : 5 * 1024 * 1024 }];
  const store = await openStore(`${bucket}/packages`, { buckets, env: environmentOf(fake) });
  return { store, fake, [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() };
}

async function openReal(): Promise<Place> {
  const server = await startVersitygw();
  const bucket = `s3://${server.bucket}`;
  const buckets = [{ bucket, partBytes: 5 * 1024 * 1024 }];
  const store = await openStore(`${bucket}/packages`, { buckets, env: environmentOf(server) });
  return { store, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

type Case = readonly [name: string, kind: Kind, open: () => Promise<Place>, form: keyof typeof forms, least: number];
const cases: readonly Case[] = [
  // what is sent of an old layer is less than a part of the smallest size
  ["oss", "oss", () => openFake("oss"), "an archive in gzip", 0.9],
  ["oss", "oss", () => openFake("oss"), "a plain tar", 0.9],
  ["oss", "oss", () => openFake("oss"), "a tree in an exact package", 0.9],
  ["s3", "s3", () => openFake("s3"), "an archive in gzip", 0.5],
  ["versitygw", "s3", openReal, "an archive in gzip", 0.5],
];

for (const [name, kind, open, form, least] of cases) {
  const title = `of the next bundle a store copies what is the same, and what changed is moved: ${name}, ${form}`;
  test(title, name === "versitygw" ? requiringVersitygw() : {}, async () => {
    await using place = await open();
    const layer = layers[kind];
    await shop.build(release("1", kind, forms[form]), { to: place.store });
    const { registries, counted } = counting();
    const built = await shop.build(release("2", kind, forms[form]), { to: place.store, registries });
    const fresh = await shop.build(release("2", kind, forms[form]));
    assert.ok(built.bytes.equals(fresh.bytes));
    assert.equal(built.sha256, fresh.sha256);
    assert.ok(built.moved <= 1.05 * layer && counted.bytes <= 1.05 * layer, `${counted.bytes} bytes moved`);
    assert.ok(built.reused >= 2 * layer, `${built.reused} bytes reused`);
    assert.ok(built.copied >= least * 2 * layer, `${built.copied} bytes copied`);
    assert.ok((await verifyBundle(await openBundle(place.store, built.key))).ok);
  });
}

test("volumes are copied as well, as far as a layer lies in one", async () => {
  await using place = await openFake("oss");
  const more = { split: "3MB" };
  await shop.build(release("1", "oss", more), { to: place.store });
  const built = await shop.build(release("2", "oss", more), { to: place.store });
  assert.ok(built.bytes.equals((await shop.build(release("2", "oss", more))).bytes));
  assert.ok(built.copied > 0.3 * layers.oss, `${built.copied} bytes copied`);
});

test("a release that is built again under its name takes what it had", async () => {
  await using place = await openFake("oss");
  const first = await shop.build(release("1"), { to: place.store });
  await push("oss", "c:1", "c changed");
  try {
    const built = await shop.build(release("1"), { to: place.store });
    assert.notEqual(built.sha256, first.sha256);
    assert.ok(built.moved <= 1.05 * layers.oss && built.copied >= 0.9 * 2 * layers.oss, `${built.copied} bytes copied`);
    assert.ok(built.bytes.equals((await shop.build(release("1"))).bytes));
  } finally {
    await push("oss", "c:1", "c");
  }
});

for (const [what, change] of [
  ["taken away", ({ held }: FakeObjectService, name: string) => held.objects.delete(name)],
  ["overwritten", ({ held }: FakeObjectService, name: string) => held.put(name, Buffer.alloc(7_000_000), undefined)],
] as const) {
  for (const moment of [1, 5]) {
    test(`an older bundle that is ${what} while part ${moment} is copied does no harm: what is missing is moved`, async () => {
      await using place = await openFake("oss");
      const { key } = await shop.build(release("1"), { to: place.store });
      let copies = 0;
      place.fake.onRequest = (line) => {
        if (line.startsWith("copy ") && ++copies === moment) change(place.fake, `packages/${key}`);
      };
      const built = await shop.build(release("2"), { to: place.store });
      const fresh = await shop.build(release("2"));
      assert.ok(built.bytes.equals(fresh.bytes));
      assert.ok(built.moved > 1.05 * layers.oss && built.moved <= fresh.moved, `${built.moved} bytes moved`);
      assert.deepEqual([...place.fake.held.uploads.values()], []);
    });
  }
}

test("an older bundle that is damaged is found out, and what it holds is moved", async () => {
  await using place = await openFake("oss");
  const { key } = await shop.build(release("1"), { to: place.store });
  const { bytes } = place.fake.held.object(`packages/${key}`);
  for (const sixth of [1, 3, 5]) bytes[Math.floor((bytes.byteLength * sixth) / 6)]! ^= 1;
  const built = await shop.build(release("2"), { to: place.store });
  const fresh = await shop.build(release("2"));
  assert.ok(built.bytes.equals(fresh.bytes));
  assert.equal(built.moved, fresh.moved);
  assert.deepEqual([...place.fake.held.uploads.values()], []);
});

test("the record beside a bundle tells what its build took", async () => {
  await using place = await openFake("oss");
  const first = await shop.build(release("1"), { to: place.store });
  const { bytes } = place.fake.held.object(`packages/${first.key}.json`);
  assert.deepEqual(JSON.parse(bytes.toString()).traffic, { moved: first.moved, reused: 0, copied: 0 });
});
