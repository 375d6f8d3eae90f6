import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { type Files, filesOf, openBundle, verifyBundle } from "../../lib/bundle/index.ts";
import { openStore, type RangeBody, readObject, type Store } from "../../lib/store/index.ts";
import { environmentOf } from "../fakes/object-service/environment.ts";
import { startObjectService } from "../fakes/object-service/server.ts";
import { cannotMount, mountSmallDisk } from "../real/small-disk.ts";
import { HOST, openWorkshop, type Workshop } from "./workshop.ts";

const run = promisify(execFile);
let shop: Workshop;
before(async () => {
  shop = await openWorkshop();
  for (const name of ["demo/web:1", "demo/db:1"]) await shop.push(name);
  await shop.write(
    "noise",
    Buffer.concat(Array.from({ length: 100_000 }, (_, at) => createHash("sha256").update(`${at}`).digest())),
  );
});
after(() => shop[Symbol.asyncDispose]());

const images = [`${HOST}/demo/web:1`, `${HOST}/demo/db:1`];
const release = (more: object = {}) => ({ name: "b", version: "1", images, ...more });
const large = { files: [{ path: "noise", from: "noise" }] };

/** A store that reads a body in parts, several at once, the last ones first, as uploads may. */
async function partwise(partSize: number): Promise<Store & { readonly identities: string[] }> {
  const store = await openStore("memory:");
  const identities: string[] = [];
  return {
    ...store,
    identities,
    async put(key, body, options = {}) {
      if (typeof body === "string" || body instanceof Uint8Array || !("read" in body))
        return store.put(key, body, options);
      identities.push(options.identity ?? "");
      const starts = Array.from({ length: Math.ceil(body.size / partSize) }, (_, part) => part * partSize);
      const read = async (start: number) =>
        Buffer.concat(
          await Array.fromAsync((body as RangeBody).read(start, Math.min(start + partSize, body.size), options.signal)),
        );
      const parts = new Map<number, Buffer>();
      for (let at = 0; at < starts.length; at += 4) {
        const some = starts.slice(at, at + 4).reverse();
        await Promise.all(some.map(async (start) => parts.set(start, await read(start))));
      }
      return store.put(key, Buffer.concat(starts.map((start) => parts.get(start)!)), options);
    },
  };
}

for (const partSize of [1000, 7777, 100_000]) {
  test(`a store that reads ${partSize} bytes at a time, several at once and not in order, gets the same bytes, read once`, async () => {
    const whole = await shop.build(release(large));
    const to = await partwise(partSize);
    const parts = await shop.build(release(large), { to });
    assert.ok(parts.bytes.equals(whole.bytes));
    assert.deepEqual([parts.sha256, parts.size, parts.moved], [whole.sha256, whole.size, whole.moved]);
    assert.match(to.identities[0]!, /^sha256:[a-f0-9]{64} b-1\.tar\.gz$/);
  });
}

/** Registries that give wrong bytes for ranges, each blob's beginning as often as `times` says. */
function lyingRegistries(times: number) {
  const { registries } = shop;
  const lies = new Map<string, number>();
  return {
    ...registries,
    repository: (host: string, name: string) => {
      const source = registries.repository(host, name);
      return {
        ...source,
        name: source.name,
        resolve: source.resolve.bind(source),
        async open(...[descriptor, options]: Parameters<typeof source.open>) {
          const bytes = await source.open(descriptor, options);
          const told = lies.get(descriptor.digest) ?? 0;
          if (options?.start !== 0 || told >= times) return bytes;
          lies.set(descriptor.digest, told + 1);
          return (async function* () {
            for await (const chunk of bytes) yield chunk.map((byte) => byte ^ 1);
          })();
        },
      };
    },
  } as typeof registries;
}

for (const kind of ["oss", "s3"] as const) {
  test(`a build into ${kind} that dies goes on where it was: the same bytes, and no part is sent twice`, async () => {
    await shop.write("larger", randomBytes(44_000_000));
    const given = release({ files: [{ path: "larger", from: "larger" }] });
    const whole = await shop.build(given);
    await using service = await startObjectService({ kind });
    const bucket = `${kind}://${service.bucket}`;
    const to = await openStore(bucket, {
      buckets: [{ bucket, partBytes: 5 * 1024 * 1024 }],
      env: environmentOf(service),
    });
    const parts = () => service.log.filter((line) => line.startsWith("part ")).map((line) => line.trim());
    // the source gives out near its end
    const files: Files = {
      stat: to.stat,
      async get(key, options) {
        const object = await filesOf(join(shop.directory, "files")).get(key, options);
        return { ...object, body: broken(object.body, (options?.start ?? 0) > 36_000_000) };
      },
    };
    await assert.rejects(shop.build(given, { to, files }), { message: "the source is gone" });
    assert.equal(await to.stat(whole.key), undefined);
    const sent = parts().length;
    assert.ok(sent > 0);
    const built = await shop.build(given, { to });
    assert.ok(built.bytes.equals(whole.bytes));
    assert.equal(built.sha256, whole.sha256);
    assert.equal(new Set(parts()).size, parts().length, `sent twice: ${parts().join(", ")}`);
    assert.ok(parts().length > sent);
  });
}

async function* broken(bytes: AsyncIterable<Uint8Array>, isBroken: boolean): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    if (isBroken) throw new Error("the source is gone");
    yield chunk;
  }
}

test("content that is wrong is found also where it is read in parts, and nothing is put", async () => {
  const twice = [
    { path: "one.tar", images: [{ image: images[0] }] },
    { path: "two.tar", images: [{ image: images[0] }] },
  ];
  // in the second case the same blob is right when it is read for the other archive
  for (const [times, given] of [
    [Number.POSITIVE_INFINITY, release()],
    [1, release({ images: [], sets: twice })],
  ] as const) {
    const to = await partwise(1000);
    await assert.rejects(shop.build(given, { to, registries: lyingRegistries(times) }), { code: "CONTENT_MISMATCH" });
    assert.deepEqual(await Array.fromAsync(to.list("")), []);
  }
});

test("beside a bundle lie its checksum and its bill", async () => {
  const directory = await mkdtemp(join(shop.directory, "store-"));
  const built = await shop.build(release(), { to: await openStore(`file:${directory}`) });
  await run("sha256sum", ["--check", "--strict", `${built.key}.sha256`], { cwd: directory });
  const record = JSON.parse(await readFile(join(directory, `${built.key}.json`), "utf8"));
  assert.deepEqual([record.sha256, record.size], [built.sha256, built.size]);
  assert.deepEqual(
    record.bill.files.map(({ path }: { path: string }) => path),
    ["install.sh", "images.list", "images.tar"],
  );
  const { ok } = await verifyBundle(await openBundle(filesOf(directory), built.key));
  assert.ok(ok);
  await writeFile(join(directory, `${built.key}.sha256`), `${"0".repeat(64)}  ${built.key}\n`);
  const { problems } = await verifyBundle(await openBundle(filesOf(directory), built.key));
  assert.deepEqual(problems, ["b-1.tar.gz does not have the checksum that lies beside it"]);
});

test("OEM-T15: an exact package has its bill beside it, with the digest of every file", async () => {
  const to = await openStore("memory:");
  const { key } = await shop.build(release({ package: { exact: true } }), { to });
  const record = JSON.parse(Buffer.from(await readObject(to, `${key}.json`, 1e6)).toString());
  assert.deepEqual(
    record.bill.files.map(({ path }: { path: string }) => path),
    ["images.tar"],
  );
  assert.match(record.bill.files[0].sha256, /^(?!0{64})[a-f0-9]{64}$/);
});

test("a bundle is split into volumes that cat joins, as the checksum file says, and verify reads them", async () => {
  const directory = await mkdtemp(join(shop.directory, "volumes-"));
  const to = await openStore(`file:${directory}`);
  const whole = await shop.build(release(large));
  const built = await shop.build(release({ ...large, split: "1MiB" }), { to });
  assert.deepEqual(
    [built.sha256, built.size, built.volumes],
    [whole.sha256, whole.size, Math.ceil(whole.size / 2 ** 20)],
  );
  assert.ok(built.bytes.equals(whole.bytes));
  assert.deepEqual(
    (await readdir(directory)).filter((name) => !name.startsWith(".")),
    [
      ...["b-1.tar.gz.001", "b-1.tar.gz.002", "b-1.tar.gz.003", "b-1.tar.gz.004"],
      ...["b-1.tar.gz.json", "b-1.tar.gz.sha256", "b-1.tar.gz.volumes.sha256"],
    ],
  );
  await run("sha256sum", ["--check", "--strict", "b-1.tar.gz.volumes.sha256"], { cwd: directory });
  const hint = /^# .*: (cat .*)$/m.exec(await readFile(join(directory, "b-1.tar.gz.sha256"), "utf8"))![1]!;
  for (const name of ["b-1.tar.gz", "b-1.tar.gz.001"]) {
    assert.ok((await verifyBundle(await openBundle(filesOf(directory), name))).ok);
  }
  assert.equal((await run("sh", ["-c", hint], { cwd: directory })).stdout, "b-1.tar.gz: OK\n");
});

test("a damaged or missing volume is named, or found", async () => {
  const to = await openStore("memory:");
  const { key } = await shop.build(release({ ...large, split: "1MiB" }), { to });
  const second = Buffer.from(await readObject(to, `${key}.002`, 1e7));
  second[1000]! ^= 1;
  await to.put(`${key}.002`, second);
  const { problems } = await verifyBundle(await openBundle(to, key));
  assert.ok(problems.includes(`volume ${key}.002 does not have the checksum that lies beside it`), problems.join("; "));
  await to.delete(`${key}.003`);
  assert.equal((await verifyBundle(await openBundle(to, key))).ok, false);
});

test("more volumes than can be numbered are refused", async () => {
  const { volumesOf } = await import("../../lib/bundle/volumes.ts");
  const whole = { size: 1000 * 2 ** 20, read: async function* () {} };
  assert.throws(() => volumesOf("x", whole, 2 ** 20), { code: "RELEASE_INVALID", message: /there would be 1000/ });
});

test("a bundle that is there is not built again, unless a volume or the bundle is gone or the plan changed", async () => {
  const to = await openStore("memory:");
  const puts: string[] = [];
  const counted: Store = {
    ...to,
    put(key, ...rest) {
      puts.push(key);
      return to.put(key, ...rest);
    },
  };
  const build = async (given: object) => {
    puts.length = 0;
    const { moved, reused, copied, sha256 } = await shop.build(given, { to: counted });
    return {
      traffic: { moved, reused, copied },
      sha256,
      volumes: puts.filter((key) => /\.\d{3}$|gz$/.test(key)).length,
    };
  };
  const { size, moved, sha256 } = await shop.build(release({ split: "1MiB" }), { to: counted });
  assert.ok(moved > 0);
  const split = { ...release({ split: "1MiB" }) };
  assert.deepEqual(await build(split), { traffic: { moved: 0, reused: size, copied: 0 }, sha256, volumes: 0 });
  assert.equal((await build(release({ split: "2MiB" }))).volumes, 1);
  assert.equal((await build(split)).volumes, 1, "it has other volumes");
  assert.equal((await build(release())).volumes, 1);
  assert.equal((await build(release())).volumes, 0);
  await to.delete("b-1.tar.gz");
  assert.equal((await build(release())).volumes, 1);
});

test("a record that nobody can read is no proof, nor tells it what is there already", async () => {
  const to = await openStore("memory:");
  const first = await shop.build(release(), { to });
  await to.put(`${first.key}.json`, "{");
  assert.equal((await shop.build(release(), { to })).moved, first.moved);
});

test("a tag that moves while the bundle is built fails the run, and nothing is put", async () => {
  await shop.push("demo/moving:1", "before");
  const to = await openStore("memory:");
  const moving: Store = {
    ...to,
    async put(key, body, options) {
      await shop.push("demo/moving:1", "after");
      return to.put(key, body, options);
    },
  };
  const given = release({ images: [`${HOST}/demo/moving:1`] });
  await assert.rejects(shop.build(given, { to: moving }), {
    code: "IMAGES_MOVED",
    disposition: "retry",
    message: /demo\/moving:1 was sha256:/,
  });
  assert.deepEqual(await Array.fromAsync(to.list("")), []);
});

test("a tag that moves leaves an upload that nobody joins: the next run takes the new image, and nothing is left", async () => {
  await shop.push("demo/floating:1", "before");
  await shop.write("larger", randomBytes(11_000_000));
  await using service = await startObjectService({ kind: "oss" });
  const bucket = `oss://${service.bucket}`;
  const buckets = [{ bucket, partBytes: 1024 * 1024 }];
  const to = await openStore(bucket, { buckets, env: environmentOf(service) });
  const files: Files = {
    stat: to.stat,
    async get(key, options) {
      // the first read is for its digest, before anything is sent
      if ((options?.start ?? 0) > 5_000_000) await shop.push("demo/floating:1", "after");
      return filesOf(join(shop.directory, "files")).get(key, options);
    },
  };
  const given = release({ images: [`${HOST}/demo/floating:1`], files: [{ path: "larger", from: "larger" }] });
  await assert.rejects(shop.build(given, { to, files }), { code: "IMAGES_MOVED", disposition: "retry" });
  assert.equal(await to.stat("b-1.tar.gz"), undefined);
  const built = await shop.build(given, { to });
  assert.ok(built.bytes.equals((await shop.build(given)).bytes));
  assert.deepEqual([...service.held.uploads.values()], []);
});

test("a full disk is said to be full, nothing is left, and what was there stays", { skip: cannotMount() }, async () => {
  await using disk = await mountSmallDisk(6);
  const to = await openStore(`file:${disk.path}`);
  const first = await shop.build(release(large), { to });
  await shop.write("larger", randomBytes(5_000_000));
  const given = release({ version: "2", files: [{ path: "larger", from: "larger" }] });
  await assert.rejects(shop.build(given, { to }), {
    code: "STORE_UNAVAILABLE",
    disposition: "retry",
    message: 'Cannot put "b-2.tar.gz": the disk is full',
  });
  const names = ["b-1.tar.gz", "b-1.tar.gz.json", "b-1.tar.gz.sha256"];
  assert.deepEqual(await Array.fromAsync(to.list(""), ({ key }) => key), names);
  assert.deepEqual(await readdir(join(disk.path, ".stowage/tmp")), []);
  assert.equal((await shop.build(release(large), { to })).reused, first.size);
});

test("images are held against the lock of the release, where one was made", async () => {
  const store = await openStore("memory:");
  const image = images[0]!;
  const lock = (digest: string) => JSON.stringify({ version: 1, images: [{ image, digest, platforms: [] }] });
  await store.put("releases/b/1/images.lock.json", lock(`sha256:${"0".repeat(64)}`));
  await assert.rejects(shop.build(release(), { store }), { code: "IMAGES_MOVED", disposition: "reject" });
  const { digest } = await shop.registries.repository(HOST, "demo/web").resolve("1");
  await store.put("releases/b/1/images.lock.json", lock(digest));
  assert.ok((await shop.build(release(), { store })).size > 0);
});

test("the same release gives the same bytes in every form, whatever the time and the order of its images", async () => {
  for (const form of ["archive", "per-image", "registry-tree"]) {
    const [one, other] = [
      await shop.build(release({ form })),
      await shop.build(release({ form, images: images.toReversed() })),
    ];
    assert.ok(one.bytes.equals(other.bytes));
  }
});
