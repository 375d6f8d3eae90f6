import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtempDisposable, readdir, readFile, readlink, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { TransientError } from "../../lib/errors.ts";
import { openFileStore } from "../../lib/store/file.ts";
import type { Store } from "../../lib/store/index.ts";
import { testStore } from "../contracts/store.ts";
import { cannotMount, mountSmallDisk } from "../real/small-disk.ts";

const temporary = () => mkdtempDisposable(join(tmpdir(), "stowage-store-"));

testStore("file:", async () => {
  const directory = await temporary();
  const store = await openFileStore(directory.path);
  return { store, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
});

const refused = { name: "RejectedError", code: "STORE_KEY_INVALID" };

async function keys(store: Store, prefix = ""): Promise<string[]> {
  const all: string[] = [];
  for await (const { key } of store.list(prefix)) all.push(key);
  return all;
}

test("a process killed while it puts leaves whole objects only, and its litter is swept", async () => {
  await using directory = await temporary();
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "endless-puts.ts"), directory.path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    // Later each round: killed at other points of its work.
    let lines = 0;
    for await (const _ of createInterface(child.stdout)) if (++lines === 5 + 3 * round) child.kill("SIGKILL");
    assert.deepEqual(await ended, [null, "SIGKILL"]);

    const store = await openFileStore(directory.path);
    assert.deepEqual(await readdir(join(directory.path, ".stowage/tmp")), []);
    const found = await keys(store);
    assert.ok(found.length > 0);
    for (const key of found) {
      const { size, body } = await store.get(key);
      assert.equal(size, 1024 * 1024);
      let first: number | undefined;
      for await (const chunk of body) {
        first ??= chunk[0];
        assert.ok(chunk.every((byte) => byte === first));
      }
    }
  }
});

test("symbolic links are never followed", async () => {
  await using outside = await temporary();
  await using directory = await temporary();
  await writeFile(join(outside.path, "secret"), "secret");
  const store = await openFileStore(directory.path);
  await store.put("real/a", "1");
  await symlink(outside.path, join(directory.path, "dir"));
  await symlink(join(outside.path, "secret"), join(directory.path, "file"));
  await symlink(join(outside.path, "nothing"), join(directory.path, "dangling"));
  await symlink("real", join(directory.path, "inside"));
  await symlink("loop", join(directory.path, "loop"));

  for (const key of ["dir/secret", "dir/x/y", "file", "dangling", "dangling/x", "inside/a", "loop", "loop/x"]) {
    await assert.rejects(store.put(key, "x"), refused, key);
    await assert.rejects(store.put(key, "x", { ifAbsent: true }), refused, key);
  }
  for (const key of ["dir/secret", "file", "dangling", "inside/a", "loop", "loop/x"]) {
    await assert.rejects(store.get(key), refused, key);
    await assert.rejects(store.stat(key), refused, key);
    await assert.rejects(store.delete(key), refused, key);
  }
  assert.deepEqual(await keys(store), ["real/a"]);
  assert.deepEqual(await keys(store, "dir/"), []);
  assert.deepEqual(await readdir(outside.path), ["secret"]);
  assert.equal(await readFile(join(outside.path, "secret"), "utf8"), "secret");
  await symlink(directory.path, join(outside.path, "root"));
  assert.deepEqual(
    await keys(await openFileStore(join(outside.path, "root"))),
    ["real/a"],
    "the root itself may be a link",
  );
});

test("a planted link in place of the private directory is neither swept nor written through", async () => {
  await using outside = await temporary();
  await using directory = await temporary();
  await mkdir(join(outside.path, "tmp"));
  await writeFile(join(outside.path, "tmp", "old"), "old");
  await utimes(join(outside.path, "tmp", "old"), 0, 0);
  await symlink(outside.path, join(directory.path, ".stowage"));
  const store = await openFileStore(directory.path);
  await assert.rejects(store.put("a", "1"), refused);
  assert.deepEqual(await readdir(join(outside.path, "tmp")), ["old"]);
});

test("the private directory is neither listed nor usable as key", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  await store.put(".stowage.yaml", "1");
  await store.put("a/.stowage/b", "2");
  await writeFile(join(directory.path, ".stowage/tmp/x"), "");
  for (const key of [".stowage", ".stowage/tmp", ".stowage/tmp/x"]) {
    await assert.rejects(store.put(key, "x"), refused);
    await assert.rejects(store.get(key), refused);
    await assert.rejects(store.stat(key), refused);
    await assert.rejects(store.delete(key), refused);
  }
  assert.deepEqual(await keys(store), [".stowage.yaml", "a/.stowage/b"]);
  assert.deepEqual(await keys(store, ".stow"), [".stowage.yaml"]);
  assert.deepEqual(await keys(store, ".stowage/"), []);
  assert.deepEqual(await keys(store, ".stowage/tmp/"), []);
});

test("opening removes the temporary files that nobody is writing, and no others", async () => {
  await using directory = await temporary();
  const litter = join(directory.path, ".stowage/tmp");
  await mkdir(litter, { recursive: true });
  const dead = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(dead, "exit");
  const host = encodeURIComponent(hostname());
  const yesterday = Date.now() / 1000 - 25 * 60 * 60;
  const earlier = Date.now() / 1000 - process.uptime() - 60;
  const files: Record<string, number | undefined> = {
    [`${host}~${dead.pid}~dead`]: undefined,
    [`${host}~${process.pid}~own`]: undefined,
    [`${host}~${process.pid}~before this process began`]: earlier,
    [`${host}~${process.ppid}~alive`]: earlier,
    [`${host}~${process.ppid}~alive but old`]: yesterday,
    [`other~${dead.pid}~elsewhere`]: earlier,
    [`other~${dead.pid}~elsewhere and old`]: yesterday,
    unknown: earlier,
  };
  for (const [name, time] of Object.entries(files)) {
    await writeFile(join(litter, name), "");
    if (time !== undefined) await utimes(join(litter, name), time, time);
  }
  await openFileStore(directory.path);
  assert.deepEqual(
    (await readdir(litter)).toSorted(),
    [
      `${host}~${process.pid}~own`,
      `${host}~${process.ppid}~alive`,
      `other~${dead.pid}~elsewhere`,
      "unknown",
    ].toSorted(),
  );
});

test("no temporary file outlives its put", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  const failing = async function* () {
    yield Buffer.from("x");
    throw new Error("broken");
  };
  await store.put("a", "1");
  await store.put("a", "2", { ifAbsent: true });
  await Promise.all([store.put("b", "1", { ifAbsent: true }), store.put("b", "2", { ifAbsent: true })]);
  await assert.rejects(store.put("c", failing()));
  assert.deepEqual(await readdir(join(directory.path, ".stowage/tmp")), []);
});

test("deleting removes the directories that became empty", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  await store.put("a/b/c/d", "1");
  await store.put("a/e", "1");
  await store.delete("a/b/c/d");
  assert.deepEqual(await readdir(join(directory.path, "a")), ["e"]);
  await store.delete("a/e");
  assert.deepEqual(await readdir(directory.path), [".stowage"]);
});

test("empty directories that a dead process left do not stand in the way", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  for (const options of [{}, { ifAbsent: true }]) {
    await mkdir(join(directory.path, "a/b/c"), { recursive: true });
    assert.equal(await store.put("a", "1", options), "written");
    await store.delete("a");
  }
});

test("what cannot be a key is not listed", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  await mkdir(join(directory.path, "ordner-ü"));
  for (const name of ["ü", "a\\b", "new\nline", "ordner-ü/x"]) await writeFile(join(directory.path, name), "");
  execFileSync("mkfifo", [join(directory.path, "fifo")]);
  await store.put("a", "1");
  assert.deepEqual(await keys(store), ["a"]);
  await assert.rejects(store.get("fifo"), refused);
});

test("listing goes on when objects vanish meanwhile", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  for (const key of ["a/1", "a/2", "b/1", "c/1", "d"]) await store.put(key, "");
  const seen: string[] = [];
  for await (const { key } of store.list("")) {
    seen.push(key);
    if (key === "a/1") for (const gone of ["a/2", "b/1", "d"]) await store.delete(gone);
  }
  assert.deepEqual(seen, ["a/1", "c/1"]);
});

test("files are closed, whether their reader finishes, stops, fails or never begins", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  await store.put("a", Buffer.alloc(600_000));
  const openFiles = async (): Promise<string[]> => {
    const links = (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ""));
    return (await Promise.all(links)).filter((target) => target.startsWith(directory.path));
  };
  for await (const _ of (await store.get("a")).body);
  for await (const _ of (await store.get("a")).body) break;
  for await (const _ of (await store.get("a", { start: 5, end: 5 })).body);
  await (await store.get("a")).body[Symbol.asyncIterator]().return?.();
  await assert.rejects(store.get("a", { start: 2, end: 1 }), RangeError);
  const controller = new AbortController();
  const { body } = await store.get("a", { signal: controller.signal });
  controller.abort();
  await assert.rejects(async () => {
    for await (const _ of body);
  });
  assert.deepEqual(await openFiles(), []);
});

test("a file that is cut while it is read breaks the read", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  await store.put("a", Buffer.alloc(600_000));
  const iterator = (await store.get("a")).body[Symbol.asyncIterator]();
  await iterator.next();
  await writeFile(join(directory.path, "a"), "");
  await assert.rejects(iterator.next(), { code: "STORE_UNAVAILABLE" });
  assert.equal((await iterator.next()).done, true);
});

test("a directory that is none is unavailable", async () => {
  await using directory = await temporary();
  await writeFile(join(directory.path, "file"), "");
  await assert.rejects(openFileStore(join(directory.path, "file")), { code: "STORE_UNAVAILABLE" });
});

test("what a body throws is not taken for a failure of the store", async () => {
  await using directory = await temporary();
  const store = await openFileStore(directory.path);
  const missing = async function* () {
    yield await readFile(join(directory.path, "missing"));
  };
  await assert.rejects(store.put("a", missing()), { code: "ENOENT" });
});

test("a full disk is said to be full, and nothing is left", { skip: cannotMount() }, async () => {
  await using directory = await mountSmallDisk(2);
  const store = await openFileStore(directory.path);
  await store.put("old", "value");
  await assert.rejects(store.put("old", Buffer.alloc(3 * 1024 * 1024)), (error: unknown) => {
    assert.ok(error instanceof TransientError);
    assert.equal(error.code, "STORE_UNAVAILABLE");
    assert.equal(error.message, 'Cannot put "old": the disk is full');
    return true;
  });
  assert.deepEqual(await keys(store), ["old"]);
  assert.equal((await store.stat("old"))?.size, 5);
  assert.deepEqual(await readdir(join(directory.path, ".stowage/tmp")), []);
  assert.equal(await store.put("new", Buffer.alloc(1024 * 1024)), "written");
});

test("a directory that may only be read is good for reading", { skip: cannotMount() }, async () => {
  await using directory = await mountSmallDisk(1);
  const writable = await openFileStore(directory.path);
  await writable.put("a", "1");
  const stale = join(directory.path, ".stowage/tmp/stale");
  await writeFile(stale, "");
  await utimes(stale, 0, 0);
  execFileSync("mount", ["-o", "remount,ro", directory.path]);
  const store = await openFileStore(directory.path);
  assert.deepEqual(await keys(store), ["a"]);
  await assert.rejects(store.put("b", "1"), {
    code: "STORE_UNAVAILABLE",
    message: 'Cannot put "b": the file system is read-only',
  });
});
