import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { gzipSync, type ZlibOptions } from "node:zlib";
import { bytesSegment, type TarEntry, tar } from "../../../lib/archive/index.ts";
import { type Chart, readChart } from "../../../lib/helm/render/chart.ts";
import { writeChart } from "../../fixtures/chart-directory.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-chart-files-"));
after(() => rm(work, { recursive: true, force: true }));

const chartYaml = (name: string, more = ""): string => `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n${more}`;

type Files = Readonly<Record<string, string | Uint8Array>>;

/** A chart archive with these files, each by its full path, and with more entries behind them. */
async function packed(files: Files, more: readonly TarEntry[] = [], gzip: ZlibOptions = {}): Promise<Buffer> {
  const entries = Object.entries(files).map(
    ([path, content]): TarEntry => ({ type: "file", path, content: bytesSegment(Buffer.from(content)) }),
  );
  const segment = tar([...entries, ...more]);
  return gzipSync(await buffer(segment.read(0, segment.size)), gzip);
}

let count = 0;
async function readPacked(files: Files, more: readonly TarEntry[] = []): Promise<Chart> {
  const path = join(work, `${++count}.tgz`);
  await writeFile(path, await packed(files, more));
  return readChart(path);
}

const paths = (files: readonly { readonly path: string }[]): string[] => files.map(({ path }) => path).sort();

test("a chart's files are sorted into what they are", async () => {
  const chart = await readPacked({
    "web/Chart.yaml": chartYaml("web"),
    "web/values.yaml": "a: 1\n",
    "web/values.schema.json": "{}",
    "web/Chart.lock": "",
    "web/requirements.yaml": "",
    "web/templates/_helpers.tpl": "",
    "web/templates/sub/pod.yaml": "",
    "web/crds/crd.yaml": "",
    "web/README.md": "",
    "web/charts/db/Chart.yaml": chartYaml("db"),
    "web/charts/_ignored/x": "",
    "web/charts/.ignored": "",
    "web/charts/db-1.tgz.prov": "",
  });
  assert.equal(chart.metadata.name, "web");
  assert.deepEqual([...chart.values], [["a", 1]]);
  assert.deepEqual(paths(chart.templates), ["templates/_helpers.tpl", "templates/sub/pod.yaml"]);
  assert.deepEqual(paths(chart.files), ["README.md", "charts/db-1.tgz.prov", "crds/crd.yaml"]);
  assert.deepEqual(
    chart.subcharts.map(({ metadata }) => metadata.name),
    ["db"],
  );
});

test("a subchart may be packed, and hold packed ones itself", async () => {
  const inner = await packed({ "b/Chart.yaml": chartYaml("b"), "b/values.yaml": "b: 1" });
  const outer = await packed({ "a/Chart.yaml": chartYaml("a"), "a/charts/b-1.0.0.tgz": inner });
  const chart = await readPacked({ "web/Chart.yaml": chartYaml("web"), "web/charts/a-1.0.0.tgz": outer });
  assert.deepEqual([...chart.subcharts[0]!.subcharts[0]!.values], [["b", 1]]);
});

test("a chart of helm 2 takes its dependencies from requirements.yaml, and templates can read it", async () => {
  const chart = await readPacked({
    "web/Chart.yaml": "name: web\nversion: 1.0.0\n",
    "web/requirements.yaml": "dependencies: [{ name: db, version: 1.x, condition: db.enabled }]",
  });
  assert.equal(chart.metadata.apiVersion, "v1");
  assert.deepEqual(
    chart.metadata.dependencies?.map(({ name, condition }) => [name, condition]),
    [["db", "db.enabled"]],
  );
  assert.deepEqual(paths(chart.files), ["requirements.yaml"]);
});

test("scalars of Chart.yaml become the text helm makes of them", async () => {
  const { metadata } = await readPacked({
    "web/Chart.yaml": chartYaml(
      "web",
      "appVersion: 1.10\nkubeVersion: 1\ndescription: true\nkeywords: [1.5, a]\nannotations: { a: 12345678901, t: 'x' }\nhome: null\n",
    ),
  });
  assert.deepEqual(
    [metadata.appVersion, metadata.kubeVersion, metadata.description, metadata.home],
    ["1.1", "1", "true", ""],
  );
  assert.deepEqual(metadata.keywords, ["1.5", "a"]);
  assert.deepEqual(
    [...metadata.annotations!],
    [
      ["a", "12345678901"],
      ["t", "x"],
    ],
  );
});

test("a byte order mark at the beginning of a file is no part of it", async () => {
  const chart = await readPacked({
    "web/Chart.yaml": `\ufeff${chartYaml("web")}`,
    "web/values.yaml": "\ufeffa: 1",
    "web/templates/a.yaml": "\ufeffa",
  });
  assert.deepEqual([...chart.values], [["a", 1]]);
  assert.equal(Buffer.from(chart.templates[0]!.bytes).toString(), "a");
});

test("documents of a values.yaml are laid one over the other", async () => {
  const chart = await readPacked({
    "web/Chart.yaml": chartYaml("web"),
    "web/values.yaml": "---\na: {b: 1, c: 1}\n---   # second\na: {c: 2}\n---\n",
  });
  assert.deepEqual(
    chart.values,
    new Map([
      [
        "a",
        new Map([
          ["b", 1],
          ["c", 2],
        ]),
      ],
    ]),
  );
});

test("an archive of what lies in a directory is read as helm does: the dot is its folder", async () => {
  const directory = await mkdtemp(join(work, "dot-"));
  await mkdir(join(directory, "templates"));
  await writeFile(join(directory, "Chart.yaml"), chartYaml("web"));
  await writeFile(join(directory, "templates", "a.yaml"), "a");
  const inside = join(work, "inside.tgz");
  execFileSync("tar", ["-czf", inside, "-C", directory, "."]);
  assert.deepEqual(paths((await readChart(inside)).templates), ["templates/a.yaml"]);
  // a folder below the dot is one too many
  const outside = join(work, "outside.tgz");
  execFileSync("tar", ["-czf", outside, "-C", work, `./${basename(directory)}`]);
  await assert.rejects(readChart(outside), /Chart\.yaml file is missing/);
});

test("an archive made on Windows is read", async () => {
  const chart = await readPacked({ "web\\Chart.yaml": chartYaml("web"), "web\\templates\\a.yaml": "a" });
  assert.deepEqual(paths(chart.templates), ["templates/a.yaml"]);
});

const refused: readonly (readonly [title: string, files: Files, message: RegExp])[] = [
  ["without Chart.yaml", { "web/values.yaml": "" }, /Chart\.yaml file is missing/],
  ["with a Chart.yaml that is no mapping", { "web/Chart.yaml": "[a]" }, /Chart\.yaml: it is not a mapping/],
  ["with a Chart.yaml that is no YAML", { "web/Chart.yaml": "a: [" }, /Chart\.yaml: .*YAML/],
  ["without a name", { "web/Chart.yaml": "version: 1.0.0" }, /name is required/],
  ["with a name that is a path", { "web/Chart.yaml": chartYaml("a/b") }, /"a\/b" is invalid/],
  ["without a version", { "web/Chart.yaml": "name: web" }, /version is required/],
  ["with a version that is none", { "web/Chart.yaml": "name: web\nversion: one" }, /"one" is invalid/],
  ["with a type that is none", { "web/Chart.yaml": chartYaml("web", "type: thing") }, /application or library/],
  ["of a future format", { "web/Chart.yaml": "apiVersion: v3\nname: web\nversion: 1.0.0" }, /unsupported.*"v3"/],
  ["with a list where a text is due", { "web/Chart.yaml": chartYaml("web", "icon: [a]") }, /icon is not a text/],
  [
    "with two dependencies of one name",
    { "web/Chart.yaml": chartYaml("web", "dependencies: [{name: a}, {name: b, alias: a}]") },
    /more than one dependency.*"a"/,
  ],
  ["with values that are no mapping", { "web/Chart.yaml": chartYaml("web"), "web/values.yaml": "- a" }, /values\.yaml/],
  ["with a subchart that is none", { "web/Chart.yaml": chartYaml("web"), "web/charts/a": "" }, /subchart a in web/],
  [
    "with a subchart that is no archive",
    { "web/Chart.yaml": chartYaml("web"), "web/charts/a.tgz": "text" },
    /subchart a\.tgz in web/,
  ],
  ["with a file beside its folder", { "web/Chart.yaml": chartYaml("web"), file: "" }, /"file".*it is empty/],
  ["with a path that climbs", { "web\\..\\..\\x": "" }, /"\.\."/],
  ["with a path that names a drive", { "web\\c:\\x": "" }, /drive/],
  ["with an alias bomb", { "web/Chart.yaml": chartYaml("web"), "web/values.yaml": aliasBomb() }, /values\.yaml.*alias/],
];

function aliasBomb(): string {
  const levels = Array.from({ length: 30 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(10)}]`);
  return ["l0: &l0 [x]", ...levels].join("\n");
}

for (const [title, files, message] of refused) {
  test(`a chart ${title} is refused`, () => assert.rejects(readPacked(files), { name: "Refusal", message }));
}

test("a link in an archive is refused", async () => {
  const link: TarEntry = { type: "symlink", path: "web/templates/x.yaml", target: "../values.yaml" };
  await assert.rejects(readPacked({ "web/Chart.yaml": chartYaml("web") }, [link]), /links are not allowed/);
});

test("a gzip bomb is refused before it is inflated, also as a subchart", async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const path = join(work, "bomb.tgz");
  await writeFile(path, bomb);
  await assert.rejects(readChart(path), /inflates more than/);
  await assert.rejects(readPacked({ "web/Chart.yaml": chartYaml("web"), "web/charts/a.tgz": bomb }), /subchart a\.tgz/);
});

test("an archive that is too large to be read at once is read as it flows, to the same files", async () => {
  const content = randomBytes(4 * 1024 * 1024);
  const names = ["a", "b", "c", "d", "e"];
  const files = Object.fromEntries(names.map((name) => [`web/${name}`, content]));
  const path = join(work, "large.tgz");
  await writeFile(path, await packed({ "web/Chart.yaml": chartYaml("web"), ...files }, [], { level: 0 }));
  const chart = await readChart(path);
  assert.deepEqual(paths(chart.files), names);
  for (const { bytes } of chart.files) assert.ok(content.equals(bytes));
});

test("a file larger than any chart is refused by its beginning", async () => {
  const path = join(work, "endless.tgz");
  await writeFile(path, "");
  // sparse: it takes no room, and could not be held in memory
  await truncate(path, 2 ** 33);
  await assert.rejects(readChart(path), { name: "Refusal", message: /incorrect header check/ });
});

test("an archive is refused for what comes first, as it flows: a file that is too large before what inflates too much", async () => {
  const large = Buffer.alloc(6 * 1024 * 1024);
  const files = { "web/Chart.yaml": chartYaml("web"), "web/large": large };
  await assert.rejects(readPacked(files), /"web\/large" has more than 5242880 bytes/);
  const umbrella = { "web/Chart.yaml": chartYaml("web"), "web/charts/a.tgz": await packed(files) };
  await assert.rejects(
    readPacked(umbrella),
    /subchart a\.tgz in web: its file "web\/large" has more than 5242880 bytes/,
  );
});

test("a file larger than helm takes is refused", async () => {
  const large = Buffer.alloc(5 * 1024 * 1024 + 1, "random-ish \n");
  await assert.rejects(readPacked({ "web/Chart.yaml": chartYaml("web"), "web/large": large }), /"web\/large" has more/);
});

test("what is no chart at all is refused with the reason", async () => {
  const path = join(work, "text");
  await writeFile(path, "not a chart");
  await assert.rejects(readChart(path), { name: "Refusal" });
  await assert.rejects(readChart(join(work, "nothing")), { name: "Refusal", message: /ENOENT/ });
});

test("a directory leaves out what its .helmignore names, and follows links that stay in it", async () => {
  const directory = await writeChart(
    work,
    { name: "linked", version: "1.0.0" },
    { ".helmignore": "*.md\nci/\n", "README.md": "", "ci/a.yaml": "", "conf/a.txt": "a", "templates/.x": "" },
  );
  await symlink("conf", join(directory, "more"));
  await symlink("../conf/a.txt", join(directory, "templates", "a.yaml"));
  const chart = await readChart(directory);
  assert.deepEqual(paths(chart.files), [".helmignore", "conf/a.txt", "more/a.txt"]);
  assert.deepEqual(paths(chart.templates), ["templates/a.yaml"]);
});

test("a link that leads out of a directory, or in a circle, is refused unless it is ignored", async () => {
  const directory = await writeChart(work, { name: "astray", version: "1.0.0" }, { "a/x": "" });
  await symlink("/etc/hostname", join(directory, "a", "host"));
  await assert.rejects(readChart(directory), /"a\/host" leads out/);
  await writeFile(join(directory, ".helmignore"), "host\n");
  assert.deepEqual(paths((await readChart(directory)).files), [".helmignore", "a/x"]);
  await mkdir(join(directory, "b"));
  await symlink("..", join(directory, "b", "up"));
  await assert.rejects(readChart(directory), /circle/);
});

test("reading a directory or archive ends with the reason of an abort", async () => {
  const directory = await writeChart(work, { name: "aborted", version: "1.0.0" }, {});
  const archive = join(work, "aborted.tgz");
  await writeFile(archive, await packed({ "web/Chart.yaml": chartYaml("web") }));
  for (const path of [directory, archive]) {
    await assert.rejects(readChart(path, AbortSignal.abort(new Error("enough"))), /enough/);
  }
});

test("a chart that is ended gives back the memory of its archives, those within it included", async () => {
  const inner = await packed({ "db/Chart.yaml": chartYaml("db"), "db/templates/a.yaml": "a: 1\n" });
  const path = join(work, "ended.tgz");
  await writeFile(path, await packed({ "web/Chart.yaml": chartYaml("web"), "web/charts/db.tgz": inner }));
  const chart = await readChart(path);
  const sizes = (): readonly number[] =>
    [chart.definition.get("Chart.yaml")!, chart.subcharts[0]!.templates[0]!.bytes].map(({ byteLength }) => byteLength);
  assert.deepEqual(sizes(), [chartYaml("web").length, 5]);
  chart[Symbol.dispose]();
  assert.deepEqual(sizes(), [0, 0]);
});
