import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { metrics } from "../../lib/telemetry/index.ts";

const root = dirname(dirname(import.meta.dirname));

test("docs/observability.md names every metric there is, and no other", () => {
  const page = readFileSync(join(root, "docs/observability.md"), "utf8");
  const named = [...page.matchAll(/^\| `(stowage\.[a-z_.]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(named.sort(), Object.keys(metrics).sort());
});
