import assert from "node:assert/strict";
import { test } from "node:test";
import { writeRecord } from "../../../lib/helm/index/record.ts";
import { refreshRecords, writeIndex } from "../../../lib/helm/index.ts";
import { copy, openBuilt } from "../../../lib/oci/index.ts";
import { openMemory } from "../../../lib/oci/memory.ts";
import { openStore } from "../../../lib/store/index.ts";
import { chartArtifact } from "../../fixtures/chart-artifact.ts";
import { claimOf } from "./claim.ts";
import { readIndex } from "./read-index.ts";
import { seenBy } from "./seen-by.ts";

const HOST = "registry.example.com";
const { signal } = new AbortController();

/** What a push asks of the store when the index has some other charts. */
async function operationsOfPush(others: number): Promise<readonly string[]> {
  const store = await openStore("memory:");
  const claims = Array.from({ length: others }, (_, i) =>
    claimOf({ name: `chart-${String(i).padStart(4, "0")}`, version: "1.0.0" }),
  );
  for (const claim of claims) await writeRecord(store, claim);
  // the last two heads are kept: from the third on all pushes do the same
  for (const claim of claims.slice(0, 3)) {
    await writeRecord(store, { ...claim, by: "event-1" });
    await writeIndex([claim], "whole", store, signal);
  }
  const target = openMemory();
  await copy(openBuilt({ "1.1.0": chartArtifact({ name: "chart-0001", version: "1.1.0" }) }), "1.1.0", target);
  const registries = { repository: () => target, async *repositories() {} };
  const operations: string[] = [];
  const counted = seenBy(store, async (what) => void operations.push(what));
  const at = { registry: HOST, repository: "charts/chart-0001", tag: "1.1.0" };
  const tags = await refreshRecords(at, "event-2", counted, registries, signal);
  await writeIndex(
    tags.map(({ record }) => record!),
    "whole",
    counted,
    signal,
  );
  assert.equal((await readIndex(store)).entries["chart-0001"]?.length, 2);
  return operations;
}

test("a push asks the same of the store whether there are five other charts or five hundred", async () => {
  const [few, many] = [await operationsOfPush(5), await operationsOfPush(500)];
  assert.equal(many.length, few.length);
  const entries = many.filter((what) => what.includes("index/entries/"));
  assert.ok(
    entries.every((what) => what.includes("charts/chart-0001/_")),
    "no record of another tag is read",
  );
  assert.equal(many.filter((what) => what.startsWith("put index/whole/parts/")).length, 1);
  assert.ok(many.length < 60, `${many.length} operations`);
});
