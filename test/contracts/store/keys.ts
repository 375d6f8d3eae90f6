import assert from "node:assert/strict";
import fc from "fast-check";
import { anyKeys, byBytes, keys, type Promised, read, rejected } from "./support.ts";

export function listings(promise: Promised): void {
  promise("lists any set of keys in byte order, by any prefix", async (store) => {
    await fc.assert(
      fc.asyncProperty(anyKeys, fc.nat(), fc.nat(), async (some, which, length) => {
        await Promise.all(some.map((key) => store.put(key, key)));
        const sorted = some.toSorted(byBytes);
        assert.deepEqual(await keys(store), sorted);
        const example = sorted[which % sorted.length] ?? "";
        const prefix = example.slice(0, length % (example.length + 1));
        assert.deepEqual(
          await keys(store, prefix),
          sorted.filter((key) => key.startsWith(prefix)),
        );
        await Promise.all(some.map((key) => store.delete(key)));
        assert.deepEqual(await keys(store), []);
      }),
      { numRuns: 60 },
    );
  });

  promise("lists names around the slash in byte order", async (store) => {
    const ordered = ["a!", "a-b/x", "a.b", "a/b-c", "a/b.c", "a/b/c", "a/b0", "a0", "b"];
    for (const key of ordered.toReversed()) await store.put(key, "");
    assert.deepEqual(await keys(store), ordered);
    assert.deepEqual(await keys(store, "a/"), ["a/b-c", "a/b.c", "a/b/c", "a/b0"]);
    assert.deepEqual(await keys(store, "a/b/c"), ["a/b/c"]);
    assert.deepEqual(await keys(store, "a/b/c/"), []);
    assert.deepEqual(await keys(store, "c/d/e"), []);
  });
}

export function keysAsDirectories(promise: Promised): void {
  promise("does not let a key be the directory of another", async (store) => {
    await store.put("a/b/c", "1");
    await store.put("file", "2");
    for (const key of ["a", "a/b", "file/x", "file/x/y", "a/b/c/d"]) {
      await assert.rejects(store.put(key, "no"), rejected("STORE_KEY_INVALID"), key);
      await assert.rejects(store.put(key, "no", { ifAbsent: true }), rejected("STORE_KEY_INVALID"), key);
    }
    assert.deepEqual(await keys(store), ["a/b/c", "file"]);
  });
}

export function keyRules(promise: Promised): void {
  promise("refuses every text that is no key", async (store) => {
    const refuse = async (key: string): Promise<void> => {
      await assert.rejects(store.put(key, "x"), rejected("STORE_KEY_INVALID"), key);
      await assert.rejects(store.get(key), rejected("STORE_KEY_INVALID"), key);
      await assert.rejects(store.stat(key), rejected("STORE_KEY_INVALID"), key);
      await assert.rejects(store.delete(key), rejected("STORE_KEY_INVALID"), key);
    };
    const long = "x".repeat(256);
    const known = ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "a\\b", "a\0b", "ä", "a\nb", long];
    for (const key of [...known, `${"x/".repeat(512)}x`]) await refuse(key);
    const tricky = fc
      .array(fc.constantFrom("..", ".", "/", "\\", "\0", "a", "%2e", "\u2024", "\n", "~"), { minLength: 1 })
      .map((parts) => parts.join(""))
      .filter((text) => text.split("/").some((part) => !/^[ -.0-[\]-~]+$/.test(part) || /^\.\.?$/.test(part)));
    await fc.assert(fc.asyncProperty(tricky, refuse), { numRuns: 200 });
    for (const prefix of ["/", "../", "a//", "a/./", "a\\", "a\0", "ä"]) {
      await assert.rejects(keys(store, prefix), rejected("STORE_KEY_INVALID"), prefix);
    }
    assert.deepEqual(await keys(store), []);
  });

  promise("takes keys of every allowed character and length", async (store) => {
    const printable = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index));
    const all = printable.filter((character) => character !== "/" && character !== "\\").join("");
    const long = [..."abc"].map((letter) => letter.repeat(255)).join("/");
    for (const key of [all, long, "...", ".a", "a..", " ", "~", "%2e%2e", "a?b#c"]) {
      await store.put(key, key);
      assert.equal((await read(store, key)).toString(), key);
      assert.deepEqual(await keys(store, key), [key]);
      await store.delete(key);
    }
  });
}
