import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareVersions, diffIndex, foldIndex, type IndexRecord } from "../../lib/helm/index.ts";

interface Brief {
  readonly repository?: string;
  readonly tag?: string;
  readonly name?: string;
  readonly version: string;
  readonly content?: string;
  readonly created?: string;
}

/** A record of a chart; `content` is one hex digit that stands for its bytes. */
const record = ({
  repository = "charts/lantern",
  version,
  tag = version,
  name = "lantern",
  content = "a",
  created,
}: Brief): IndexRecord => ({
  registry: "r.example",
  repository,
  tag: tag.replaceAll("+", "_"),
  manifest: `sha256:${content.repeat(64)}`,
  chart: {
    mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    digest: `sha256:${content.repeat(64)}`,
    size: 1,
  },
  created: created ?? "2030-01-05T07:59:00.000Z",
  by: "event-1",
  metadata: { apiVersion: "v2", name, version },
});

const versions = (records: readonly IndexRecord[], name = "lantern") =>
  foldIndex(records).index.entries[name]?.map(({ version }) => version);

test("CR-T12: versions are in semantic order, newest first", () => {
  assert.deepEqual(versions(["1.9.0", "1.10.0", "1.10.0-rc.1"].map((version) => record({ version }))), [
    "1.10.0",
    "1.10.0-rc.1",
    "1.9.0",
  ]);
});

test("CR-T15: no records give a valid, empty index", () => {
  assert.deepEqual(foldIndex([]).index, { apiVersion: "v1", generated: "1970-01-01T00:00:00.000Z", entries: {} });
});

test("CR-T5: two tags of one digest are one entry", () => {
  assert.deepEqual(versions([record({ version: "1.2.0" }), record({ version: "1.2.0", tag: "stable" })]), ["1.2.0"]);
});

test("CR-T8: of two repositories with one chart version the first in name order is kept, and the conflict reported", () => {
  const folded = foldIndex([
    record({ repository: "b/lantern", version: "1.0.0", content: "b" }),
    record({ repository: "a/lantern", version: "1.0.0", content: "a" }),
  ]);
  assert.equal(folded.index.entries["lantern"]?.length, 1);
  assert.equal(folded.index.entries["lantern"]?.[0]?.digest, "a".repeat(64));
  assert.equal(folded.files["lantern-1.0.0.tgz"]?.repository, "a/lantern");
  assert.deepEqual(folded.conflicts, [
    { name: "lantern", version: "1.0.0", kept: "r.example/a/lantern:1.0.0", ignored: "r.example/b/lantern:1.0.0" },
  ]);
});

test("CR-T3: a version with + keeps it in file name and URL", () => {
  const { index, files } = foldIndex([record({ version: "1.2.0+b7" })]);
  assert.deepEqual(index.entries["lantern"]?.[0]?.urls, ["charts/lantern-1.2.0+b7.tgz"]);
  assert.equal(files["lantern-1.2.0+b7.tgz"]?.tag, "1.2.0_b7");
});

test("versions that are not semantic come last", () => {
  assert.deepEqual(versions(["latest", "0.0.1", "v1.0.0", "1.0"].map((version) => record({ version }))), [
    "v1.0.0",
    "0.0.1",
    "latest",
    "1.0",
  ]);
});

const brief = fc.record({
  repository: fc.constantFrom("a/x", "b/x", "c/y"),
  name: fc.constantFrom("x", "y"),
  version: fc.constantFrom("1.0.0", "1.0.0+a", "1.0.0+b", "2.0.0", "1.10.0", "1.9.0", "junk"),
  content: fc.constantFrom("a", "b", "c"),
  created: fc.constantFrom("2030-01-01T00:00:00.000Z", "2031-01-01T00:00:00.000Z"),
});
/** As in a store: one record a place. */
const records = fc
  .array(brief, { maxLength: 20 })
  .map((all) => [...new Map(all.map((each) => [`${each.repository}:${each.version}`, record(each)])).values()]);

test("CR-T30: the index is a pure function of the records, in whatever order they come", () => {
  fc.assert(
    fc.property(
      records.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => assert.equal(JSON.stringify(foldIndex(shuffled)), JSON.stringify(foldIndex(all))),
    ),
  );
});

test("diffIndex() from one index to another names what leads there", () => {
  fc.assert(
    fc.property(records, records, (before, after) => {
      const [old, now] = [foldIndex(before).index, foldIndex(after).index];
      const { added, changed, removed } = diffIndex(old, now);
      const files = (index: typeof old) =>
        new Map(
          Object.values(index.entries)
            .flat()
            .map((e) => [`${e.name} ${e.version}`, e.digest]),
        );
      const result = files(old);
      for (const { name, version } of removed) assert.ok(result.delete(`${name} ${version}`));
      for (const { name, version, digest } of [...added, ...changed]) result.set(`${name} ${version}`, digest);
      assert.deepEqual([...result].sort(), [...files(now)].sort());
      assert.deepEqual(diffIndex(now, now), { added: [], changed: [], removed: [] });
    }),
  );
});

test("compareVersions() is a total order", () => {
  const version = fc.constantFrom(
    "1.0.0",
    "1.0.0+a",
    "1.0.0+b",
    "1.0.0-rc.1",
    "v1.0.0",
    "2",
    "x",
    "",
    "10.0.0",
    "9.0.0",
  );
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)) + 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert.ok(compareVersions(a, c) <= 0);
      assert.equal(compareVersions(a, b) === 0, a === b);
    }),
  );
});
