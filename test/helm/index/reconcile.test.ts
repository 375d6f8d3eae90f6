import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { RejectedError, TransientError } from "../../../lib/errors.ts";
import {
  type CoverageSettings,
  changedCharts,
  openCoverage,
  type Problem,
  reconcile,
} from "../../../lib/helm/index.ts";
import { buildImage, copy, openBuilt, openRegistries, type Registries, type Target } from "../../../lib/oci/index.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { openStore, type Store } from "../../../lib/store/index.ts";
import { type FakeRegistry, refuse, startFakeRegistry } from "../../fakes/registry.ts";
import { chartArtifact } from "../../fixtures/chart-artifact.ts";
import { readIndex } from "./read-index.ts";

const HOST = "registry.example.com";
const { signal } = new AbortController();

/** A registry in memory that counts what it is asked for. */
class Registry implements Registries {
  readonly targets = new Map<string, Target>();
  readonly asked = { resolve: 0, open: 0 };
  /** What a repository does in a way of its own. */
  readonly odd = new Map<string, Partial<Target>>();
  listing: () => AsyncIterable<string> = async function* (this: Registry) {
    yield* this.targets.keys();
  };

  repository(_: string, name: string): Target {
    const target = this.targets.get(name) ?? openMemory(name);
    this.targets.set(name, target);
    return {
      ...(Object.fromEntries(
        (["put", "tag", "remove", "has", "tags"] as const).map((method) => [method, target[method].bind(target)]),
      ) as unknown as Target),
      name,
      resolve: (reference, stop) => {
        this.asked.resolve += 1;
        return target.resolve(reference, stop);
      },
      open: (descriptor, options) => {
        this.asked.open += 1;
        return target.open(descriptor, options);
      },
      ...this.odd.get(name),
    };
  }

  repositories(): AsyncIterable<string> {
    return this.listing();
  }

  async push(repository: string, tag: string, version = tag, name = repository.split("/").at(-1)!): Promise<void> {
    const built = chartArtifact({ name, version }, { archive: Buffer.from(`${repository} ${version}`) });
    await copy(openBuilt({ [tag]: built }), tag, this.repository(HOST, repository));
  }
}

let registry: Registry;
let store: Store;
let problems: Problem[];
beforeEach(async () => {
  registry = new Registry();
  store = await openStore("memory:");
  problems = [];
});

const everything: CoverageSettings = { registries: [HOST], repositories: [], include: [], exclude: [] };
const run = (by: string, settings: Partial<CoverageSettings> = {}, into = store, registries: Registries = registry) =>
  reconcile({
    by,
    coverage: openCoverage({ ...everything, ...settings }),
    split: "whole",
    store: into,
    registries,
    onProblem: (problem) => problems.push(problem),
    onConflict: () => {},
    signal,
  });
const names = async (): Promise<readonly string[]> =>
  Object.values((await readIndex(store)).entries).flatMap((list) => list.map((one) => `${one.name}-${one.version}`));

test("CR-T15: a registry without charts gives a valid, empty index, and nothing to tell", async () => {
  assert.equal(await run("1"), undefined);
  const { apiVersion, entries } = await readIndex(store);
  assert.deepEqual([apiVersion, entries], ["v1", {}]);
});

test("CR-T26: a full check repairs lost pushes and lost deletes, and fetches only where a HEAD shows a new digest", async () => {
  for (const version of ["1.0.0", "1.1.0"]) await registry.push("charts/lantern", version);
  await copy(
    openBuilt({ v1: buildImage({ platform: "linux/amd64", layers: [] }) }),
    "v1",
    registry.repository(HOST, "mixed/lantern"),
  );
  const first = await run("1");
  assert.deepEqual(first?.counts, { added: 2, changed: 0, removed: 0 });

  registry.asked.open = registry.asked.resolve = 0;
  assert.equal(await run("2"), undefined);
  assert.deepEqual(registry.asked, { resolve: 3, open: 0 });

  await registry.push("charts/lantern", "1.2.0");
  await registry.repository(HOST, "charts/lantern").remove("1.0.0");
  const third = await run("3");
  assert.deepEqual(
    [third?.added.map(({ version }) => version), third?.removed],
    [["1.2.0"], [{ name: "lantern", version: "1.0.0" }]],
  );
  assert.deepEqual(await names(), ["lantern-1.2.0", "lantern-1.1.0"]);
});

test("CR-T26: two checks at once become one", async () => {
  await registry.push("charts/lantern", "1.0.0");
  const [one, other] = await Promise.all([run("1"), run("2")]);
  assert.equal([one, other].filter((data) => data !== undefined).length, 1);
  assert.deepEqual([registry.asked.open], [2]);
  // nothing is left behind that would keep the next one away
  await registry.push("charts/lantern", "1.1.0");
  assert.equal((await run("3"))?.counts.added, 1);
});

test("a repository that vanished takes its charts out of the index, as does one that is not to be indexed any more", async () => {
  for (const repository of ["a/lantern", "b/torch", "c/candle"]) await registry.push(repository, "1.0.0");
  await run("1");
  registry.targets.delete("a/lantern");
  const gone = await run("2", { exclude: [`${HOST}/b/*`] });
  assert.deepEqual(gone?.removed.map(({ name }) => name).sort(), ["lantern", "torch"]);
  assert.deepEqual(await names(), ["candle-1.0.0"]);
  assert.deepEqual(
    (await run("3"))?.added.map(({ name }) => name),
    ["torch"],
  );
});

test("CR-W10: patterns say what is indexed, and a registry that cannot list is checked by names", async () => {
  for (const repository of ["a/lantern", "a/deep/torch", "b/candle"]) await registry.push(repository, "1.0.0");
  await run("1", { include: [`${HOST}/a/**`], exclude: [`${HOST}/a/deep/*`] });
  assert.deepEqual(await names(), ["lantern-1.0.0"]);
  await run("2", { registries: [], repositories: [`${HOST}/b/candle`] });
  assert.deepEqual(await names(), ["candle-1.0.0", "lantern-1.0.0"]);
});

test("CR-T10: a repository that denies is skipped and reported; what was known of it stays", async () => {
  for (const repository of ["a/lantern", "b/torch", "c/candle"]) await registry.push(repository, "1.0.0");
  await run("1");
  await registry.push("c/candle", "1.1.0");
  registry.odd.set("b/torch", {
    tags() {
      throw new RejectedError("REGISTRY_DENIED", "Cannot list: the registry answered 401");
    },
  });
  await run("2");
  assert.deepEqual(
    problems.map(({ repository }) => repository),
    ["b/torch"],
  );
  assert.deepEqual(await names(), ["candle-1.1.0", "candle-1.0.0", "lantern-1.0.0", "torch-1.0.0"]);
});

test("a tag that the registry refuses stays as it is; one repository that fails leaves the others alone", async () => {
  for (const tag of ["1.0.0", "1.1.0"]) await registry.push("a/lantern", tag);
  await registry.push("b/torch", "1.0.0");
  await run("1");
  const target = registry.targets.get("a/lantern")!;
  registry.odd.set("a/lantern", {
    async resolve(reference, stop) {
      if (reference === "1.0.0") throw new RejectedError("REGISTRY_REFUSED", "PROJECT_POLICY_VIOLATION");
      return target.resolve(reference, stop);
    },
  });
  registry.odd.set("b/torch", {
    tags() {
      throw new TransientError("REGISTRY_UNAVAILABLE", "Cannot list: the registry answered 500");
    },
  });
  await registry.push("c/candle", "1.0.0");
  await run("2");
  assert.deepEqual(problems.map(({ repository, tag }) => `${repository}:${tag}`).sort(), [
    "a/lantern:1.0.0",
    "b/torch:undefined",
  ]);
  assert.equal((await names()).length, 4);
});

test("a registry of which three repositories fail one after the other is left alone for the rest of the check", async () => {
  for (let i = 0; i < 30; i += 1) await registry.push(`p/chart${i}`, "1.0.0");
  await run("1");
  let asked = 0;
  for (const name of registry.targets.keys()) {
    registry.odd.set(name, {
      tags() {
        asked += 1;
        throw new TransientError("REGISTRY_UNAVAILABLE", "Cannot list: the registry answered 500");
      },
    });
  }
  assert.equal(await run("2"), undefined);
  assert.equal(problems.length, 30);
  assert.ok(asked <= 8, `asked ${asked} times`);
  assert.equal((await names()).length, 30);
});

test("CR-T14: a listing that fails is an error, never an empty registry: the index stays", async () => {
  await registry.push("a/lantern", "1.0.0");
  await run("1");
  for (const code of ["REGISTRY_REFUSED", "REGISTRY_UNAVAILABLE"] as const) {
    const error = code === "REGISTRY_REFUSED" ? new RejectedError(code, "422") : new TransientError(code, "500");
    registry.listing = async function* () {
      yield "x/first";
      throw error;
    };
    await assert.rejects(run("2"), { code });
  }
  assert.deepEqual(await names(), ["lantern-1.0.0"]);
});

test("5,000 tags in one repository are 5,000 versions, and a second look fetches nothing", async () => {
  const target = registry.repository(HOST, "charts/many");
  for (let minor = 0; minor < 5000; minor += 1) {
    const built = chartArtifact({ name: "many", version: `1.${minor}.0` });
    for (const { descriptor, bytes } of built.contents) await target.put(descriptor, async () => bytes());
    await target.tag(`1.${minor}.0`, built.descriptor);
  }
  const data = await run("1");
  assert.equal(data?.counts.added, 5000);
  assert.ok(data.truncated && data.added.length <= 50);
  assert.ok(JSON.stringify(data).length < 60_000);
  assert.equal((await changedCharts({ ...data }, store, signal)).length, 5000, "all are found by who reads the event");
  registry.asked.open = 0;
  assert.equal(await run("2"), undefined);
  assert.equal(registry.asked.open, 0);
});

test("tags that come and go while they are looked at are found by the next check at the latest", async () => {
  for (const tag of ["1.0.0", "1.1.0"]) await registry.push("a/lantern", tag);
  const target = registry.targets.get("a/lantern")!;
  let isChanging = true;
  registry.odd.set("a/lantern", {
    async *tags(stop) {
      yield* await Array.fromAsync(target.tags(stop));
      if (!isChanging) return;
      isChanging = false;
      await target.remove("1.0.0");
      await registry.push("a/lantern", "2.0.0");
    },
  });
  await run("1");
  assert.deepEqual(await names(), ["lantern-1.1.0"]);
  await run("2");
  assert.deepEqual(await names(), ["lantern-2.0.0", "lantern-1.1.0"]);
});

test("wherever a check dies, the redelivery of its event goes on where it was, and tells of all of it", async () => {
  for (const repository of ["a/lantern", "b/torch"]) await registry.push(repository, "1.0.0");
  await run("0");
  await registry.repository(HOST, "b/torch").remove("1.0.0");
  for (let i = 0; i < 3; i += 1) await registry.push(`c/chart${i}`, "1.0.0");
  const initial = store;
  for (let kill = 0; ; kill += 1) {
    store = await openStore("memory:");
    for await (const { key } of initial.list("")) await store.put(key, (await initial.get(key)).body);
    let left = kill;
    const dying = new Proxy(store, {
      get: (real, name: keyof Store) => {
        const method = real[name];
        if (typeof method !== "function") return method;
        return (...args: never[]) => {
          if (left-- <= 0) throw new Error("killed");
          return (method as (...all: never[]) => unknown).apply(real, args);
        };
      },
    });
    const died = await run("1", {}, dying).then(
      () => false,
      ({ message }: Error) => message === "killed",
    );
    const data = await run("1");
    assert.deepEqual(data?.counts, { added: 3, changed: 0, removed: 1 }, `died before operation ${kill}`);
    assert.equal((await names()).length, 4);
    if (!died) break;
  }
});

test("a tag that lost its record leaves the index when it is gone; an index that lost a part is made anew", async () => {
  for (const repository of ["a/lantern", "b/torch"]) await registry.push(repository, "1.0.0");
  await run("1");
  await store.delete(`index/entries/${HOST}/a/lantern/_tags/1.0.0.json`);
  await registry.repository(HOST, "a/lantern").remove("1.0.0");
  assert.deepEqual((await run("2"))?.removed, [{ name: "lantern", version: "1.0.0" }]);

  const [part] = await Array.fromAsync(store.list("index/whole/parts/"));
  await store.delete(part!.key);
  await run("3");
  await registry.push("b/torch", "1.1.0");
  await run("4");
  assert.deepEqual(await names(), ["torch-1.1.0", "torch-1.0.0"]);
});

test("nothing that was replaced stays in the store for long", async () => {
  for (let i = 0; i < 10; i += 1) {
    await registry.push("a/lantern", `1.${i}.0`);
    await run(`${i}`);
  }
  const keys = (await Array.fromAsync(store.list("index/whole/"))).map(({ key }) => key);
  const below = (folder: string) => keys.filter((key) => key.startsWith(`index/whole/${folder}/`)).length;
  assert.deepEqual([below("parts"), below("generations"), below("heads"), below("texts")], [1, 2, 2, 6]);
});

test("CR-T11: 250 repositories and 250 tags in one are all found, over pages with relative links", async () => {
  await using fake = await startFakeRegistry({ pageSize: 100 });
  await fill(fake);
  const registries = openRegistries({
    settings: [{ host: HOST, endpoint: fake.url }],
    credentialFiles: [],
    userAgent: "stowage-test",
  });
  assert.equal((await run("1", {}, store, registries))?.counts.added, 499);
  assert.ok(fake.requests.some(({ path }) => path.includes("%2F")));
  fake.misbehave("GET /v2/_catalog", (_, response) => refuse(response, 500, "UNKNOWN"), 10);
  await assert.rejects(run("2", {}, store, registries), { code: "REGISTRY_UNAVAILABLE" });
  assert.equal((await names()).length, 499);
});

/** 249 repositories with one chart, and one with 250. */
async function fill(fake: FakeRegistry): Promise<void> {
  const put = async (name: string, tag: string): Promise<void> => {
    const { blobs, manifests, tags } = fake.repository(name);
    const built = chartArtifact({ name: name.split("/")[1]!, version: tag });
    for (const content of built.contents) {
      const { digest, mediaType } = content.descriptor;
      const bytes = Buffer.concat(await Array.fromAsync(content.bytes()));
      if (digest === built.descriptor.digest) manifests.set(digest, { type: mediaType, bytes });
      else blobs.set(digest, bytes);
    }
    tags.set(tag, built.descriptor.digest);
  };
  for (let i = 0; i < 249; i += 1) await put(`charts/chart${i}`, "1.0.0");
  for (let i = 0; i < 250; i += 1) await put("charts/many", `1.${i}.0`);
}
