import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readLists } from "../../lib/images/list-file.ts";
import { listInStore, listOfLines, listsOnDisk } from "../../lib/images/list-inputs.ts";
import { openMemoryStore } from "../../lib/store/memory.ts";

const oem = { form: "project", projects: ["release", "library"] } as const;

test("OEM-T1: of a directory only files whose names end in .list count, in the order of their names", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-lists-"));
  t.after(() => rm(directory, { recursive: true }));
  for (const name of ["b.list", "a.list", "notes.listing.txt", "c.list.bak", "real"]) {
    await writeFile(join(directory, name), `release/${name}:v1\n`);
  }
  await mkdir(join(directory, "below.list"));
  await symlink("real", join(directory, "linked.list"));
  const names = async (...paths: string[]) => (await listsOnDisk(paths)).map(({ file }) => file);
  assert.deepEqual(
    await names(directory),
    ["a.list", "b.list", "linked.list"].map((name) => join(directory, name)),
  );
  const named = join(directory, "notes.listing.txt");
  assert.deepEqual(await names(named), [named], "a file that is named is a list, whatever its name");
  await assert.rejects(names(join(directory, "below.list")), { code: "LIST_INVALID", message: /ends in \.list$/ });
});

test("what is not there is named, before or while it is read", async (t) => {
  await assert.rejects(listsOnDisk(["/nowhere/a.list"]), {
    code: "LIST_INVALID",
    message: 'Cannot read image list "/nowhere/a.list": ENOENT',
  });
  const directory = await mkdtemp(join(tmpdir(), "stowage-lists-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "a.list");
  await writeFile(file, "");
  const lists = await listsOnDisk([file]);
  await rm(file);
  await assert.rejects(readLists(lists, oem), { code: "LIST_INVALID", message: /ENOENT/ });
});

test("lists on disk, in a store and at hand are read alike", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-lists-"));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "a.list"), "release/a:v1\n");
  const store = openMemoryStore();
  await store.put("lists/b.list", "release/b:v1\n");
  const inputs = [
    ...(await listsOnDisk([directory])),
    listInStore(store, "lists/b.list"),
    listOfLines("c", ["release/c:v1"]),
  ];
  const { images, defects } = await readLists(inputs, oem);
  assert.deepEqual(
    images.map(({ repository }) => repository),
    ["release/a", "release/b", "release/c"],
  );
  assert.deepEqual(defects, []);
  await assert.rejects(readLists([listInStore(store, "lists/x.list")], oem), { code: "STORE_NOT_FOUND" });
});
