import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ImageResult } from "../../lib/mirror/image.ts";
import { type MirrorReport, reasonOf, summarize, unfinishedReport, writeReport } from "../../lib/mirror/report.ts";
import { openStore, readObject } from "../../lib/store/index.ts";

const never = new AbortController().signal;
const image = (name: string, rest: Partial<ImageResult> = {}): ImageResult => ({
  source: `s.example/devops_release/${name}:v1`,
  target: `t.example/release/${name}:v1`,
  status: "copied",
  side: null,
  digest: null,
  attempts: 1,
  bytes: 1,
  reused: 2,
  attached: 0,
  leftOut: 0,
  seconds: 0,
  error: null,
  code: null,
  ...rest,
});
const failed = (status: "missing" | "denied" | "failed", side: "source" | "target") =>
  ({ status, side, error: "Cannot", code: "CONTENT_UNKNOWN" }) as const;
const report = (images: readonly ImageResult[], rest: Partial<MirrorReport> = {}): MirrorReport => ({
  ...unfinishedReport,
  refused: null,
  complete: images.every(({ error }) => error === null),
  images,
  ...rest,
});

async function filesOf(store: Awaited<ReturnType<typeof openStore>>): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { key } of store.list("")) {
    files[key] = Buffer.from(await readObject(store, key, 1024 * 1024)).toString();
  }
  return files;
}

const mixed = report([
  image("a"),
  image("b", failed("missing", "source")),
  image("c", failed("denied", "source")),
  image("d", failed("failed", "target")),
  image("e", { status: "present", bytes: 0 }),
]);

test("OEM-W8: what was not pulled is named as pulled, what was not pushed as pushed", async () => {
  const store = await openStore("memory:");
  assert.equal(await writeReport(store, "x/", mixed, never), "x/report.json");
  const files = await filesOf(store);
  assert.equal(files["x/miss_image.txt"], "s.example/devops_release/b:v1\ns.example/devops_release/c:v1\n");
  assert.equal(files["x/miss_push_image.txt"], "t.example/release/d:v1\n");
  assert.deepEqual(JSON.parse(files["x/report.json"]!), mixed);
});

test("OEM-T10: nothing of the first run remains in the second, on disk and in any store", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-report-"));
  t.after(() => rm(directory, { recursive: true }));
  for (const url of ["memory:", `file:${directory}`]) {
    const store = await openStore(url);
    await writeReport(store, "", mixed, never);
    await writeReport(store, "", report([image("d", failed("failed", "target"))]), never);
    assert.deepEqual(Object.keys(await filesOf(store)), ["miss_push_image.txt", "report.json"]);
    await writeReport(store, "", report([image("d")]), never);
    assert.deepEqual(Object.keys(await filesOf(store)), ["report.json"]);
  }
  assert.deepEqual(
    (await readdir(directory)).filter((name) => !name.startsWith(".")),
    ["report.json"],
  );
  assert.equal(JSON.parse(await readFile(join(directory, "report.json"), "utf8")).complete, true);
});

test("a run that has not ended or was refused has a miss file that says so: gates look whether there is one", async () => {
  for (const refused of [unfinishedReport.refused, { code: "LIST_INVALID", message: "Cannot use" }]) {
    const store = await openStore("memory:");
    await writeReport(store, "", report([], { refused, complete: false }), never);
    const files = await filesOf(store);
    assert.equal(files["miss_image.txt"], `# ${refused!.message}\n`);
    assert.equal(JSON.parse(files["report.json"]!).complete, false);
  }
});

test("a report in numbers, and why it is incomplete", () => {
  assert.deepEqual(summarize(mixed), {
    complete: false,
    images: 5,
    copied: 1,
    present: 1,
    missing: 1,
    denied: 1,
    failed: 1,
    bytes: 4,
    reused: 10,
    seconds: 0,
  });
  assert.equal(reasonOf(mixed), "3 of 5 images failed, first s.example/devops_release/b:v1: Cannot");
  assert.equal(reasonOf(report([image("a")])), undefined);
  assert.equal(reasonOf(unfinishedReport), "The run has not come to its end");
});
