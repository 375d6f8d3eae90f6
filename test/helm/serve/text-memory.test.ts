import assert from "node:assert/strict";
import { test } from "node:test";
import { TextMemory } from "../../../lib/helm/serve/text-memory.ts";
import { digestOf } from "../../../lib/oci/index.ts";

/** Texts of ten bytes. */
const text = (name: string) => Buffer.from(name.padEnd(10));

function remembering(limit: number) {
  const memory = new TextMemory(limit);
  const reads: string[] = [];
  const get = (name: string, size = 10) =>
    memory.get(digestOf(text(name)), size, async () => {
      reads.push(name);
      if (name === "broken") throw new Error("gone");
      return text(name);
    });
  return { get, reads };
}

test("what fits is read once, also by those who want it at the same time", async () => {
  const { get, reads } = remembering(10);
  const [one, other] = await Promise.all([get("a"), get("a")]);
  assert.deepEqual([one, other], [text("a"), text("a")]);
  await get("a");
  assert.deepEqual(reads, ["a"]);
});

test("what is larger than all there is, is not read at all", () => {
  const { get, reads } = remembering(9);
  assert.equal(get("a"), undefined);
  assert.deepEqual(reads, []);
});

test("what was not asked for the longest makes room", async () => {
  const { get, reads } = remembering(20);
  for (const name of ["a", "b", "a", "c", "a", "b"]) await get(name);
  assert.deepEqual(reads, ["a", "b", "c", "b"]);
});

test("what could not be read takes no room and is read again", async () => {
  const { get, reads } = remembering(10);
  for (let time = 0; time < 2; time++) await assert.rejects(get("broken")!, /gone/);
  await get("a");
  await get("a");
  assert.deepEqual(reads, ["broken", "broken", "a"]);
});
