import assert from "node:assert/strict";
import { it } from "node:test";
import { openMemoryStore } from "../../lib/store/memory.ts";
import { prefixed } from "../../lib/store/prefixed.ts";
import { testStore } from "../contracts/store.ts";

testStore("prefixed memory:", async () => {
  const whole = openMemoryStore();
  // Neighbours whose keys begin alike must never show.
  await whole.put("releases/x.y", "neighbour");
  await whole.put("releases/x0/a", "neighbour");
  return { store: prefixed(whole, "releases/x"), async [Symbol.asyncDispose]() {} };
});

it("puts below its prefix", async () => {
  const whole = openMemoryStore();
  const part = prefixed(whole, "releases/a b");
  await part.put("c", "1");
  assert.equal((await whole.stat("releases/a b/c"))?.size, 1);
  assert.equal(part.url, "memory:/releases/a%20b");
});
