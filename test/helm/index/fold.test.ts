import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareVersions, foldChart } from "../../../lib/helm/index/fold.ts";
import type { Claim } from "../../../lib/helm/index/record.ts";

interface Brief {
  readonly repository?: string;
  readonly tag?: string;
  readonly name?: string;
  readonly version: string;
  readonly content?: string;
  readonly created?: string;
}

/** A tag that holds a chart; `content` is one hex digit that stands for its bytes. */
const record = ({
  repository = "charts/lantern",
  version,
  tag = version,
  name = "lantern",
  content = "a",
  created,
}: Brief): Claim => ({
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

const versions = (claims: readonly Claim[]) => foldChart(claims).entries.map(({ version }) => version);

test("CR-T12: versions are in semantic order, newest first", () => {
  assert.deepEqual(versions(["1.9.0", "1.10.0", "1.10.0-rc.1"].map((version) => record({ version }))), [
    "1.10.0",
    "1.10.0-rc.1",
    "1.9.0",
  ]);
});

test("CR-T5: two tags of one digest are one entry", () => {
  assert.deepEqual(versions([record({ version: "1.2.0" }), record({ version: "1.2.0", tag: "stable" })]), ["1.2.0"]);
});

test("CR-T8: of two repositories with one chart version the first in name order is kept, and the conflict reported", () => {
  const folded = foldChart([
    record({ repository: "b/lantern", version: "1.0.0", content: "b" }),
    record({ repository: "a/lantern", version: "1.0.0", content: "a" }),
  ]);
  assert.deepEqual(
    folded.entries.map(({ digest }) => digest),
    ["a".repeat(64)],
  );
  assert.equal(folded.files["lantern-1.0.0.tgz"]?.repository, "a/lantern");
  assert.deepEqual(folded.conflicts, [
    { name: "lantern", version: "1.0.0", kept: "r.example/a/lantern:1.0.0", ignored: "r.example/b/lantern:1.0.0" },
  ]);
});

test("CR-T3: a version with + keeps it in file name and URL", () => {
  const { entries, files } = foldChart([record({ version: "1.2.0+b7" })]);
  assert.deepEqual(entries[0]?.urls, ["charts/lantern-1.2.0+b7.tgz"]);
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

test("what a URL does not take is percent-encoded in it, and the file keeps its name", () => {
  const { entries, files } = foldChart([record({ version: "1 /../%é", tag: "odd" })]);
  assert.deepEqual(entries[0]?.urls, ["charts/lantern-1%20%2F..%2F%25%C3%A9.tgz"]);
  assert.deepEqual(Object.keys(files), ["lantern-1 /../%é.tgz"]);
});

const brief = fc.record({
  repository: fc.constantFrom("a/x", "b/x", "c/y"),
  version: fc.constantFrom("1.0.0", "1.0.0+a", "1.0.0+b", "2.0.0", "1.10.0", "1.9.0", "junk"),
  content: fc.constantFrom("a", "b", "c"),
  created: fc.constantFrom("2030-01-01T00:00:00.000Z", "2031-01-01T00:00:00.000Z"),
});
/** As in a store: one record a place. */
const records = fc
  .array(brief, { maxLength: 20 })
  .map((all) => [...new Map(all.map((each) => [`${each.repository}:${each.version}`, record(each)])).values()]);

test("CR-T30: a chart of the index is a pure function of its claims, in whatever order they come", () => {
  fc.assert(
    fc.property(
      records.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => assert.equal(JSON.stringify(foldChart(shuffled)), JSON.stringify(foldChart(all))),
    ),
  );
});

test("CR-T8: every entry has the file of its digest, and nothing else has one", () => {
  fc.assert(
    fc.property(records, (all) => {
      const { entries, files } = foldChart(all);
      const digests = Object.values(files).map(({ chart }) => chart.digest);
      assert.deepEqual(
        entries.map(({ digest }) => `sha256:${digest}`),
        digests,
      );
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
