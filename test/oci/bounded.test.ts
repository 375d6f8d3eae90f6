import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Bounded } from "../../lib/oci/bounded.ts";

test("it forgets what was set first", () => {
  const map = new Bounded<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  map.set("c", 4);
  assert.deepEqual([map.get("a"), map.get("b"), map.get("c")], [3, undefined, 4]);
  map.delete("a");
  map.delete("never there");
  map.set("d", 5);
  assert.deepEqual([map.get("c"), map.get("d")], [4, 5]);
});

test("whatever is set, it never weighs more than it may, and gives what was set last", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.nat(8), fc.boolean()));
  fc.assert(
    fc.property(steps, (all) => {
      const map = new Bounded<string, number>(10, (value) => value);
      const last = new Map<string, number>();
      for (const [key, value, isRemoved] of all) {
        if (isRemoved) map.delete(key);
        else map.set(key, value);
        last.set(key, value);
        if (isRemoved) last.delete(key);
        const kept = ["a", "b", "c", "d"].map((one) => map.get(one));
        assert.ok(kept.reduce<number>((sum, one) => sum + (one ?? 0), 0) <= 10);
        for (const [index, one] of kept.entries()) assert.ok(one === undefined || one === last.get("abcd"[index]!));
      }
    }),
  );
});

test("what is heavier than all it may hold is not kept", () => {
  const map = new Bounded<string, number>(10, (value) => value);
  map.set("a", 11);
  assert.equal(map.get("a"), undefined);
});
