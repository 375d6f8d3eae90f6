import assert from "node:assert/strict";
import { test } from "node:test";
import { refreshRecords, writeIndex } from "../../../lib/helm/index.ts";
import { copy, openBuilt, type Registries, type Target } from "../../../lib/oci/index.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { openStore, type Store } from "../../../lib/store/index.ts";
import { chartArtifact } from "../../fixtures/chart-artifact.ts";
import { readIndex } from "./read-index.ts";

const HOST = "registry.example.com";
const { signal } = new AbortController();

/** A registry in memory, and writers that come at the same time. */
async function open() {
  const store: Store = await openStore("memory:");
  const targets = new Map<string, Target>(["a", "b", "z"].map((project) => [project, openMemory(project)]));
  const registries: Registries = {
    repository: (_, name) => targets.get(name.split("/")[0]!)!,
    async *repositories() {
      yield* targets.keys();
    },
  };
  const push = (repository: string, tag: string) => {
    const built = chartArtifact({ name: "lantern", version: tag }, { archive: Buffer.from(`${repository} ${tag}`) });
    return copy(openBuilt({ [tag]: built }), tag, registries.repository(HOST, repository));
  };
  const remove = (repository: string, tag: string) => registries.repository(HOST, repository).remove(tag);
  /** Look at tags, then write the index for each of them at once. */
  const write = async (...tags: readonly (readonly [repository: string, tag: string])[]) => {
    const records = await Promise.all(
      tags.map(async ([repository, tag]) => {
        const hint = { registry: HOST, repository, tag };
        const [refreshed] = await refreshRecords(hint, `${repository}:${tag}`, store, registries, signal);
        return refreshed!.record!;
      }),
    );
    return Promise.all(records.map((record) => writeIndex([record], "whole", store, signal)));
  };
  const placeOf = (claims: readonly { readonly repository: string; readonly tag: string }[]) =>
    claims.map(({ repository, tag }) => `${repository}:${tag}`);
  return { store, push, remove, write, placeOf };
}

test("what is pushed while an index is written is written together, and each is told what it brought itself", async () => {
  const { store, push, write, placeOf } = await open();
  const tags = Array.from({ length: 100 }, (_, i) => ["a/lantern", `1.${i}.0`] as const);
  await push("z/lantern", "9.0.0");
  await write(["z/lantern", "9.0.0"]);
  for (const tag of tags) await push(...tag);
  const updates = await write(...tags);
  assert.deepEqual([...new Set(updates.map(({ head }) => head.number))], [2, 3]);
  assert.deepEqual(
    updates.map(({ added }) => placeOf(added)),
    tags.map(([repository, tag]) => [`${repository}:${tag}`]),
  );
  assert.equal((await readIndex(store)).entries["lantern"]?.length, tags.length + 1);
});

test("a chart version that several move at once is told by one of them; a conflict by one who is part of it", async () => {
  const { push, remove, write, placeOf } = await open();
  for (const tag of ["1.0.0", "2.0.0"]) await push("a/lantern", tag);
  await write(["a/lantern", "1.0.0"], ["a/lantern", "2.0.0"]);
  // the first is alone; the others are written together
  await push("z/lantern", "9.0.0");
  for (const tag of ["1.0.0", "2.0.0"]) await push("b/lantern", tag);
  await remove("a/lantern", "1.0.0");
  const [, gone, instead, conflicting] = await write(
    ["z/lantern", "9.0.0"],
    ["a/lantern", "1.0.0"],
    ["b/lantern", "1.0.0"],
    ["b/lantern", "2.0.0"],
  );
  assert.deepEqual(placeOf(gone!.changed), ["b/lantern:1.0.0"]);
  assert.deepEqual([instead!.added, instead!.changed, instead!.removed], [[], [], []]);
  assert.deepEqual(
    [gone!, instead!, conflicting!].map(({ conflicts }) => conflicts.map(({ ignored }) => ignored)),
    [[], [], [`${HOST}/b/lantern:2.0.0`]],
  );
});
