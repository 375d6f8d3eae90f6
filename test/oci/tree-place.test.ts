import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import type { TreePlace } from "../../lib/oci/places.ts";
import { findTree, placeTree } from "../../lib/oci/tree-place.ts";
import { temporaryDirectory } from "./temporary.ts";

/** Directories, of which some hold a storage tree and some a file. */
async function directories(t: TestContext, ...paths: readonly string[]): Promise<string> {
  const root = await temporaryDirectory(t);
  for (const path of paths) {
    if (path.endsWith("!")) await mkdir(join(root, path.slice(0, -1), "docker/registry/v2"), { recursive: true });
    else if (path.endsWith("/")) await mkdir(join(root, path), { recursive: true });
    else await writeFile(join(root, path), "");
  }
  return root;
}

const at = (path: string): TreePlace => ({ transport: "registry-tree", path });

suite("findTree", () => {
  test("divides a path where a storage tree lies", async (t) => {
    const root = await directories(t, "tree!", "empty/");
    for (const path of [`${root}/tree/acme/web`, `${root}/tree//acme/web`]) {
      assert.deepEqual(await findTree(at(path)), { root: `${root}/tree`, repository: "acme/web" });
    }
    for (const path of [`${root}/empty/web`, `${root}/absent/web`, `${root}//tree/acme/web`]) {
      await assert.rejects(findTree(at(path)), { code: "TREE_INVALID" }, path);
    }
  });

  test("refuses what names no repository", async (t) => {
    const root = await directories(t, "tree!");
    for (const path of [
      "web",
      `${root}/tree/`,
      `${root}/tree/../../web/`,
      `${root}/tree//UPPER`,
      `${root}/tree//a/../b`,
    ]) {
      await assert.rejects(findTree(at(path)), { code: "REFERENCE_INVALID" }, path);
    }
  });
});

suite("placeTree", () => {
  for (const [what, present, path, expected] of [
    ["a tree that is there", ["a/tree!"], "a/tree/acme/web", ["a/tree", "acme/web"]],
    ["the outer tree", ["tree!", "tree/acme/"], "tree/acme/web", ["tree", "acme/web"]],
    ["an empty directory", ["new/"], "new/acme/web", ["new", "acme/web"]],
    ["the first directory that is missing in one that is not empty", ["file"], "new/acme/web", ["new", "acme/web"]],
    ["the same, deeper", ["a/b/", "a/file"], "a/new/acme/web", ["a/new", "acme/web"]],
    ["the only directory that the path can mean", ["a/b/"], "a/web", ["a", "web"]],
    ["what is written", ["file"], "new/acme//web", ["new/acme", "web"]],
  ] as const) {
    test(`takes ${what}`, async (t) => {
      const root = await directories(t, ...present);
      assert.deepEqual(await placeTree(at(`${root}/${path}`)), {
        root: `${root}/${expected[0]}`,
        repository: expected[1],
      });
    });
  }
});
