import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RejectedError } from "../../../lib/errors.ts";
import {
  followHint,
  IndexReader,
  openCoverage,
  refreshRecords,
  type Split,
  writeIndex,
} from "../../../lib/helm/index.ts";
import { copy, digestOf, openBuilt, type Registries, type Target } from "../../../lib/oci/index.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { openStore, type Store } from "../../../lib/store/index.ts";
import { chartArtifact } from "../../fixtures/chart-artifact.ts";
import { readIndex } from "./read-index.ts";
import { seenBy } from "./seen-by.ts";

const HOST = "registry.example.com";
const { signal } = new AbortController();

/** What a tag can hold: two charts, two versions, two contents. */
const charts = ["a-1.0.0-x", "a-1.0.0-y", "a-2.0.0-x", "b-1.0.0-x"] as const;
type Chart = (typeof charts)[number];
const builtOf = (chart: Chart) => {
  const [name = "", version = "", content = ""] = chart.split("-");
  return chartArtifact({ name, version }, { archive: Buffer.from(`${name} ${version} ${content}`) });
};

/** A registry in memory whose repositories hold all of the charts, untagged. */
async function openRegistry(): Promise<Registries> {
  const repositories = new Map<string, Target>();
  for (const repository of ["p/one", "q/two"]) {
    const target = openMemory(repository);
    for (const chart of charts) {
      await copy(openBuilt({ [chart]: builtOf(chart) }), chart, target);
      await target.remove(chart);
    }
    repositories.set(repository, target);
  }
  return {
    repository: (_, name) => repositories.get(name)!,
    async *repositories() {
      yield* repositories.keys();
    },
  };
}

/** Something that happened to a tag. */
interface Change {
  readonly repository: string;
  readonly tag: string;
  /** Absent: the tag was deleted. */
  readonly chart: Chart | undefined;
}

async function make({ repository, tag, chart }: Change, registries: Registries): Promise<void> {
  const target = registries.repository(HOST, repository);
  if (chart === undefined) await target.remove(tag);
  else await target.tag(tag, builtOf(chart).descriptor);
}

class Killed extends Error {}

/** What index-charts does for one event. */
async function handle(
  { repository, tag }: Change,
  by: string,
  store: Store,
  registries: Registries,
  split: Split = "whole",
) {
  const hint = { registry: HOST, repository, tag };
  const coverage = openCoverage({ registries: [], repositories: [], include: [], exclude: [] });
  return followHint(hint, { by, coverage, split, store, registries, onProblem() {}, onConflict() {}, signal });
}

/** The index that one writer makes of the registry as it is, from nothing. */
async function expected(registries: Registries) {
  const store = await openStore("memory:");
  for (const repository of ["p/one", "q/two"]) {
    const tags = await refreshRecords({ registry: HOST, repository }, "e", store, registries, signal);
    await writeIndex(
      tags.map(({ record }) => record!),
      "whole",
      store,
      signal,
    );
  }
  return (await readIndex(store)).entries;
}

const change: fc.Arbitrary<Change> = fc.record({
  repository: fc.constantFrom("p/one", "q/two"),
  tag: fc.constantFrom("1", "2"),
  chart: fc.option(fc.constantFrom(...charts), { nil: undefined }),
});

test("CR-T29, CR-T30: writers that overlap in any order, die anywhere and are started again converge on the registry", async () => {
  const writers = fc.array(fc.record({ change, dies: fc.option(fc.nat(30), { nil: undefined }) }), {
    minLength: 2,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), writers, async (scheduler, all) => {
      const registries = await openRegistry();
      const store = await openStore("memory:");
      const run = async ({ change: what, dies }: (typeof all)[number], index: number) => {
        await scheduler.schedule(Promise.resolve());
        await make(what, registries);
        let left = dies ?? Number.POSITIVE_INFINITY;
        const mine = seenBy(store, async (operation) => {
          if (left-- <= 0) throw new Killed();
          await scheduler.schedule(Promise.resolve(), operation);
        });
        try {
          await handle(what, `event-${index}`, mine, registries, "both");
        } catch (error) {
          if (!(error instanceof Killed)) throw error;
          const again = seenBy(
            store,
            async (operation) => void (await scheduler.schedule(Promise.resolve(), operation)),
          );
          await handle(what, `event-${index}`, again, registries, "both");
        }
      };
      const reader = seenBy(store, async (operation) => void (await scheduler.schedule(Promise.resolve(), operation)));
      await scheduler.waitFor(Promise.all([...all.map(run), readWhole(reader), readWhole(reader)]));
      const wanted = await expected(registries);
      // nothing was ever indexed where all that was seen were deletions of what was not there
      const index = (await hasHead(store)) ? (await readIndex(store)).entries : {};
      assert.deepEqual(index, wanted);
    }),
    { numRuns: 60 },
  );
});

/** Read as a server does, while others write: what a head promises comes, or a newer head has taken its place. */
async function readWhole(store: Store): Promise<void> {
  const index = new IndexReader(store);
  for (let round = 0; round < 3; round += 1) {
    const head = await index.head();
    if (head === undefined) continue;
    try {
      for (const name of ["index.yaml", "index.yaml.gz"] as const) {
        const text = index.text(head, name);
        const bytes = Buffer.concat(await Array.fromAsync(text.read(0, text.size)));
        assert.equal(digestOf(bytes), head.texts[name].digest);
      }
    } catch (error) {
      if (!(error instanceof RejectedError && error.code === "STORE_NOT_FOUND")) throw error;
      assert.ok((await index.head())!.number > head.number + 1);
    }
    const file = await index.findFile("a-1.0.0.tgz");
    if (file !== undefined) assert.equal(file.chart.size, "a 1.0.0 x".length);
  }
}

const hasHead = async (store: Store): Promise<boolean> =>
  (await Array.fromAsync(store.list("index/whole/heads/"))).length > 0;

const stories: Readonly<Record<string, readonly [before: Chart | undefined, then: Chart | undefined]>> = {
  "a new chart": [undefined, "a-1.0.0-x"],
  "other bytes of a version": ["a-1.0.0-x", "a-1.0.0-y"],
  "a tag that moves to another version": ["a-1.0.0-x", "a-2.0.0-x"],
  "a tag that moves to another chart": ["a-1.0.0-x", "b-1.0.0-x"],
  "a deletion": ["a-1.0.0-x", undefined],
};

for (const [name, [before, then]] of Object.entries(stories)) {
  test(`wherever a writer dies, the redelivery completes the index and tells of ${name}`, async () => {
    const at = { repository: "p/one", tag: "1", chart: then };
    const registries = await openRegistry();
    const initial = await openStore("memory:");
    // one more chart, so that there always is an index
    const other: Change = { repository: "q/two", tag: "2", chart: "b-1.0.0-x" };
    for (const [index, each] of [other, { ...at, chart: before }].entries()) {
      await make(each, registries);
      await handle(each, `event-${index}`, initial, registries);
    }
    await make(at, registries);
    const wanted = await expected(registries);

    const tell = async (kill: number, isLate: boolean) => {
      const store = await copyOf(initial);
      let operations = 0;
      const count = (): void => {
        if (operations++ === kill) throw new Killed();
      };
      const mine = isLate ? seenBy(store, async () => {}, count) : seenBy(store, async () => count());
      const first = await handle(at, "event-2", mine, registries).catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
        return "killed" as const;
      });
      const told =
        first === "killed"
          ? await handle(
              at,
              "event-2",
              seenBy(store, async () => {}),
              registries,
            )
          : first;
      assert.deepEqual((await readIndex(store)).entries, wanted);
      const names = (list: readonly { readonly name: string; readonly version: string }[] = []) =>
        list.map((one) => `${one.name}-${one.version}`);
      // content that replaced other content counts as added where nobody can tell any more
      const brought = [...names(told?.added), ...names(told?.changed)].sort();
      return { died: first === "killed", told: { brought, removed: names(told?.removed) } };
    };
    const whole = await tell(Number.POSITIVE_INFINITY, false);
    assert.ok(whole.told.brought.length + whole.told.removed.length > 0);
    for (const isLate of [false, true]) {
      for (let kill = 0; ; kill += 1) {
        const { died, told } = await tell(kill, isLate);
        assert.deepEqual(told, whole.told, `died ${isLate ? "after" : "before"} operation ${kill}`);
        if (!died) break;
      }
    }
  });
}

test("a store that writes, loses its own answer and tries again harms nothing", async () => {
  const registries = await openRegistry();
  const real = await openStore("memory:");
  const forgetful: Store = {
    ...real,
    async put(key, body, options) {
      const outcome = await real.put(key, body, options);
      return options?.ifAbsent ? "present" : outcome;
    },
  };
  for (const chart of charts) {
    const at = { repository: "p/one", tag: "1", chart };
    await make(at, registries);
    const data = await handle(at, `event-${chart}`, forgetful, registries);
    assert.equal(data?.added.length === 1 || data?.changed.length === 1, true, chart);
    assert.deepEqual((await readIndex(real)).entries, await expected(registries));
    const parts = await Array.fromAsync(real.list("index/whole/parts/"));
    assert.equal(parts.length, 1, "nothing is left behind");
  }
});

async function copyOf(store: Store): Promise<Store> {
  const copied = await openStore("memory:");
  for await (const { key } of store.list("")) await copied.put(key, (await store.get(key)).body);
  return copied;
}
