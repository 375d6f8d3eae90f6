import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { digestAt, imageOf, indexOf, startPair } from "../mirror/pair.ts";
import { stowage } from "./harness.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-copy-list-"));
const pair = await startPair();
after(async () => {
  await pair[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});
const { from, to } = pair;
await from.push("devops_release/a", "v1", await indexOf("a"));
await from.push("library/b", "v1", await imageOf("b"));
const hop = ["--from", from.host, "--to", to.host];

let lists = 0;
async function write(...lines: readonly string[]): Promise<string> {
  const file = join(work, `${lists++}.list`);
  await writeFile(file, lines.map((line) => `${line}\n`).join(""));
  return file;
}
const visible = async (directory: string) => (await readdir(directory)).filter((name) => !name.startsWith("."));
const json = async (...path: readonly string[]) => JSON.parse(await readFile(join(...path), "utf8"));

test("copy --list mirrors a list and writes report.json; a second run finds everything there", async () => {
  const report = join(work, "report");
  const list = await write("release/a:v1", "library/b:v1");
  const args = ["copy", "--list", list, ...hop, "--rename", "release=devops_release", "--report", report];
  for (const status of ["copied", "present"] as const) {
    const ended = await stowage(args);
    assert.deepEqual([ended.status, ended.stderr], [0, ""]);
    const summary = JSON.parse(ended.stdout);
    assert.deepEqual([summary.complete, summary.images, summary[status]], [true, 2, 2]);
    assert.deepEqual(await visible(report), ["report.json"]);
    const { complete, images, defects } = await json(report, "report.json");
    assert.deepEqual([complete, defects], [true, []]);
    const [first] = images;
    assert.deepEqual(
      [first.source, first.target, first.status, first.attempts, first.error],
      [`${from.host}/devops_release/a:v1`, `${to.host}/release/a:v1`, status, 1, null],
    );
    assert.match(first.digest, /^sha256:[a-f0-9]{64}$/);
    for (const field of ["bytes", "reused", "seconds"]) assert.equal(typeof first[field], "number");
  }
});

test("an incomplete run is status 1 and names each failed image, on stderr and in the miss file; the next run removes it", async () => {
  const report = join(work, "missing");
  const list = await write("library/b:v1", "library/none:v1");
  const { status, stdout, stderr } = await stowage(["copy", "--list", list, ...hop, "--report", report]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    new RegExp(`^stowage copy: missing: ${from.host}/library/none:v1: Cannot resolve "v1" in .*\n$`),
  );
  const { complete, missing } = JSON.parse(stdout);
  assert.deepEqual([complete, missing], [false, 1]);
  assert.equal(await readFile(join(report, "miss_image.txt"), "utf8"), `${from.host}/library/none:v1\n`);
  const again = await stowage(["copy", "--list", await write("library/b:v1"), ...hop, "--report", report]);
  assert.equal(again.status, 0);
  assert.deepEqual(await visible(report), ["report.json"]);
});

test("a list with errors is status 1, copies nothing and names every line, with proposals", async () => {
  const report = join(work, "defects");
  const list = await write("library/b:v1", "library/php/7.1-apache", "library/c:v1'");
  pair.forget();
  const { status, stdout, stderr } = await stowage(["copy", "--list", list, ...hop, "--report", report]);
  assert.equal(status, 1);
  const [first, ...rest] = stderr.trimEnd().split("\n");
  assert.match(first!, /^stowage copy: Cannot use image lists with 2 errors: /);
  assert.match(rest[0]!, /\.list:2: "library\/php\/7\.1-apache" .*; perhaps "library\/php:7\.1-apache"$/);
  assert.equal(rest.length, 2);
  assert.equal(JSON.parse(stdout).complete, false);
  const { images, defects } = await json(report, "report.json");
  assert.deepEqual(images, []);
  const { file, line, text, defect } = defects[0];
  assert.deepEqual([file, line, text, defect], [list, 2, "library/php/7.1-apache", "slash-for-colon"]);
  assert.deepEqual([from.requests, to.requests], [[], []]);
  assert.deepEqual(await visible(report), ["miss_image.txt", "report.json"]);
});

test("several lists are one, by option, behind it, and of a directory; without --report the report is on stdout", async () => {
  const directory = await mkdtemp(join(work, "lists-"));
  await writeFile(join(directory, "one.list"), "library/b:v1\n");
  await writeFile(join(directory, "notes.listing.txt"), "library/none:v1\n");
  const other = await write("library/b:v1");
  const { status, stdout, stderr } = await stowage(["copy", `--list=${directory}`, other, "--list", other, ...hop]);
  assert.equal(status, 0);
  const { images, defects } = JSON.parse(stdout);
  assert.deepEqual([images.length, defects.length, defects[0].defect], [1, 2, "duplicate"]);
  assert.match(stderr, /^stowage copy: warning: .*more than once\n/);
});

test("--dry-run says what would be copied, writes no report and moves nothing", async () => {
  await from.push("library/new", "v1", await imageOf("new"));
  const report = join(work, "rehearsal");
  pair.forget();
  const list = await write("library/new:v1", "library/b:v1");
  const { status, stdout } = await stowage(["copy", "--list", list, ...hop, "--report", report, "--dry-run"]);
  assert.equal(status, 0);
  const { dryRun, images } = JSON.parse(stdout);
  assert.deepEqual([dryRun, images.map((each: { status: string }) => each.status)], [true, ["copied", "present"]]);
  assert.ok(to.requests.every((request) => /^(GET|HEAD) /.test(request)));
  await assert.rejects(readdir(report), { code: "ENOENT" });
});

test("--references mirrors what stowage images prints, each from its own host", async () => {
  const list = await write(`${from.host}/library/b:v1`);
  const { status, stdout } = await stowage(["copy", "--list", list, "--references", "--to", to.host]);
  assert.equal(status, 0, stdout);
  assert.equal(JSON.parse(stdout).images[0].target, `${to.host}/library/b:v1`);
  assert.equal((await stowage(["copy", "--list", list, ...hop])).status, 1, "a list of the other form has hosts");
});

test("which projects are allowed comes from the configuration, or from --project", async () => {
  const config = join(work, "stowage.yaml");
  const registries = `registries: [{ host: "${from.host}", renameWhenSource: { store: library } }]`;
  await writeFile(config, `${registries}\nlists: { projects: [store] }\n`);
  const list = await write("store/b:v1");
  const args = ["copy", "--list", list, ...hop];
  assert.equal((await stowage(args)).status, 1);
  const { status, stdout } = await stowage([...args, "--config", config]);
  assert.deepEqual([status, JSON.parse(stdout).images[0].source], [0, `${from.host}/library/b:v1`]);
  assert.equal((await stowage([...args, "--project", "store", "--rename", "store=library"])).status, 0);
});

test("--platform leaves images out of an index, which --rewrite-index lets a strict target take", async () => {
  const index = await indexOf("platforms");
  await from.push("library/platforms", "v1", index);
  const args = ["copy", "--list", await write("library/platforms:v1"), ...hop, "--platform", "linux/arm64"];
  const refused = await stowage(args);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^stowage copy: failed: .*have it rewritten \(rewriteIndex, --rewrite-index\)\n$/);
  const { status, stdout } = await stowage([...args, "--rewrite-index"]);
  assert.equal(status, 0);
  const [{ digest }] = JSON.parse(stdout).images;
  assert.notEqual(digest, index.descriptor.digest);
  assert.equal(await digestAt(to.host, "library/platforms", "v1"), digest);
});

test("--recheck finds signatures that came after the image was mirrored", async () => {
  const image = await imageOf("signed");
  await from.push("library/signed", "v1", image);
  const args = ["copy", "--list", await write("library/signed:v1"), ...hop];
  assert.equal((await stowage(args)).status, 0);
  await from.push("library/signed", `${image.descriptor.digest.replace(":", "-")}.sig`, await imageOf("signature"));
  for (const [more, status, attached] of [
    [[], "present", 0],
    [["--recheck"], "copied", 1],
    [["--recheck"], "present", 1],
  ] as const) {
    const [found] = JSON.parse((await stowage([...args, ...more])).stdout).images;
    assert.deepEqual([found.status, found.attached], [status, attached]);
  }
});

test("a list that names a million images is refused, in no more memory than a short one", async () => {
  const file = join(work, "million.list");
  const lines = async function* () {
    for (let thousand = 0; thousand < 1000; thousand += 1) {
      yield Array.from({ length: 1000 }, (_, one) => `release/app-${thousand * 1000 + one}:v1\n`).join("");
    }
  };
  await writeFile(file, lines());
  // their bytes alone would not fit
  const args = [
    "--max-old-space-size=48",
    "bin/stowage.ts",
    "copy",
    "--list",
    file,
    ...hop,
    "--report",
    join(work, "million"),
  ];
  const ended = await promisify(execFile)(process.execPath, args).catch((error: unknown) => error);
  const { code, stdout, stderr } = ended as { code: number; stdout: string; stderr: string };
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /^stowage copy: Cannot use image lists with 1 error: .*:50001: "release\/app-50000:v1" is one image more than 50000\n/,
  );
  assert.deepEqual([JSON.parse(stdout).complete, JSON.parse(stdout).images], [false, 0]);
});

test("a list that is not there is status 1 and named", async () => {
  const { status, stderr } = await stowage(["copy", "--list", "/nowhere/a.list", ...hop]);
  assert.deepEqual(
    [status, stderr],
    [1, 'stowage copy: Cannot read image list "/nowhere/a.list": ENOENT (LIST_INVALID)\n'],
  );
});

for (const [what, args] of [
  ["no target", ["--from", "a.example"]],
  ["no source", ["--to", "b.example"]],
  ["a host that is none", ["--from", "a.example", "--to", "https://b.example"]],
  ["a rename that is none", ["--from", "a.example", "--to", "b.example", "--rename", "release"]],
  ["a rename of more than the first part", ["--from", "a.example", "--to", "b.example", "--rename", "a/b=c"]],
  ["a rename without --from", ["--references", "--to", "b.example", "--rename", "a=b"]],
  ["an unknown option", ["--from", "a.example", "--to", "b.example", "--colour"]],
] as const) {
  test(`copy --list with ${what} is a usage error`, async () => {
    const { status, stdout, stderr } = await stowage(["copy", "--list", "/nowhere/a.list", ...args]);
    assert.deepEqual([status, stdout], [2, ""]);
    assert.match(stderr, /Usage: stowage copy/);
  });
}
