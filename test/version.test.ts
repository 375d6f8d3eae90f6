import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { VERSION } from "../lib/version.ts";

test("the version is that of package.json", () => {
  const text = readFileSync(join(dirname(import.meta.dirname), "package.json"), "utf8");
  assert.equal(VERSION, JSON.parse(text).version);
});
