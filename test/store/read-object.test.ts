import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { openMemoryStore } from "../../lib/store/memory.ts";
import { readJson, readObject } from "../../lib/store/read-object.ts";

test("an object is read up to its limit and refused beyond", async () => {
  const store = openMemoryStore();
  await store.put("a", "12345");
  assert.equal(Buffer.from(await readObject(store, "a", 5)).toString(), "12345");
  await assert.rejects(readObject(store, "a", 4), { code: "STORE_OBJECT_INVALID" });
  await assert.rejects(readObject(store, "b", 4), { code: "STORE_NOT_FOUND" });
});

test("JSON is read when it fits its schema, and refused with the reason otherwise", async () => {
  const store = openMemoryStore();
  const schema = z.object({ images: z.array(z.string()) });
  await store.put("good", '{"images":["a:1"]}');
  await store.put("no json", "{");
  await store.put("other", '{"images":[1]}');
  assert.deepEqual(await readJson(store, "good", schema, 100), { images: ["a:1"] });
  await assert.rejects(readJson(store, "no json", schema, 100), {
    code: "STORE_OBJECT_INVALID",
    message: 'Cannot read object "no json": it is not JSON',
  });
  await assert.rejects(readJson(store, "other", schema, 100), {
    code: "STORE_OBJECT_INVALID",
    message: /^Cannot read object "other": images\.0: /,
  });
  await assert.rejects(readJson(store, "good", schema, 5), { code: "STORE_OBJECT_INVALID" });
});
