import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const demo = join(dirname(dirname(import.meta.dirname)), "examples", "demo.ts");

test("the demo takes a release through everything; twice it gives the same bundle", async () => {
  const results = [];
  for (let i = 0; i < 2; i++) {
    const { stdout } = await promisify(execFile)(process.execPath, [demo]);
    results.push(JSON.parse(stdout.trimEnd().split("\n").at(-1)!));
  }
  const [first, second] = results;
  assert.equal(first.ok, true);
  assert.deepEqual(first.images, [
    "registry.example.com/demo/guestbook:2.1.0",
    "registry.example.com/demo/hello:1.0.0",
  ]);
  assert.equal(first.bundle.sha256, second.bundle.sha256);
  const bytes = await readFile(second.bundle.path);
  assert.equal(createHash("sha256").update(bytes).digest("hex"), second.bundle.sha256);
});
