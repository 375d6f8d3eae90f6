import assert from "node:assert/strict";
import { collect, keys, once, type Promised, read, rejected, slowly } from "./support.ts";

export function writes(promise: Promised): void {
  promise("puts where nothing is, and says so where something is", async (store) => {
    assert.equal(await store.put("a", "first", { ifAbsent: true }), "written");
    const untouched: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => assert.fail("read a body that is not needed"),
    };
    assert.equal(await store.put("a", untouched, { ifAbsent: true }), "present");
    assert.equal((await read(store, "a")).toString(), "first");
    assert.equal(await store.put("a", "second"), "written");
    assert.equal((await read(store, "a")).toString(), "second");
  });

  promise("lets exactly one of many concurrent puts be the first", async (store) => {
    const bodies = Array.from({ length: 20 }, (_, index) => `body ${index}`);
    const results = await Promise.all(bodies.map((body) => store.put("dir/a", slowly(body), { ifAbsent: true })));
    assert.equal(results.filter((result) => result === "written").length, 1);
    const winner = bodies[results.indexOf("written")];
    assert.equal((await read(store, "dir/a")).toString(), winner);
  });

  promise("shows readers the old or the new object while it is overwritten, never a mix", async (store) => {
    const version = (index: number): Buffer => Buffer.alloc(200_000 + index * 1000, index);
    await store.put("a", version(0));
    let writing = true;
    const write = async (): Promise<void> => {
      for (let index = 1; index <= 20; index++) await store.put("a", once(version(index)));
      writing = false;
    };
    const readAll = async (): Promise<void> => {
      do {
        const { size, body } = await store.get("a");
        const bytes = Buffer.concat(await collect(body));
        assert.equal(bytes.byteLength, size);
        assert.deepEqual(bytes, version(bytes[0]!));
      } while (writing);
    };
    await Promise.all([write(), readAll(), readAll(), readAll()]);
    assert.deepEqual(await read(store, "a"), version(20));
  });

  promise("forgets what is deleted, and does not mind when nothing was there", async (store) => {
    await store.put("a/b/c", "1");
    await store.put("a/d", "2");
    await store.delete("a/b/c");
    await store.delete("a/b/c");
    await store.delete("a/d/e");
    await store.delete("a");
    assert.deepEqual(await keys(store), ["a/d"]);
    await store.put("a/b", "a name that was a directory");
    assert.deepEqual(await keys(store), ["a/b", "a/d"]);
  });

  promise("survives puts and deletes that race in one directory", async (store) => {
    const rounds = async (key: string): Promise<void> => {
      for (let round = 0; round < 25; round++) {
        await store.put(key, key);
        assert.equal((await read(store, key)).toString(), key);
        await store.delete(key);
      }
      await store.put(key, "last");
    };
    const all = ["x/y/1", "x/y/2", "x/y/3", "x/4"];
    await Promise.all(all.map(rounds));
    assert.deepEqual(await keys(store), ["x/4", "x/y/1", "x/y/2", "x/y/3"]);
  });
}

export function interruptions(promise: Promised): void {
  promise("keeps what it had when a body fails, and ends that body", async (store) => {
    const broken = new Error("broken");
    const failing = async function* () {
      yield Buffer.alloc(300_000);
      throw broken;
    };
    await store.put("old", "value");
    await assert.rejects(store.put("old", failing()), broken);
    await assert.rejects(store.put("new/a", failing()), broken);
    assert.equal((await read(store, "old")).toString(), "value");
    assert.deepEqual(await keys(store), ["old"]);
  });

  promise("refuses a body that is not as long as it promises", async (store) => {
    for (const size of [3, 5]) {
      const body = { size, read: () => once(Buffer.from("four")) };
      await assert.rejects(store.put("a", body), rejected("CONTENT_MISMATCH"));
    }
    assert.deepEqual(await keys(store), []);
  });

  promise("stops when it is told to, also while a body hangs, and keeps what it had", async (store) => {
    await store.put("a", Buffer.alloc(600_000, 1));
    const reason = new Error("enough");
    const aborted = AbortSignal.abort(reason);
    await assert.rejects(store.put("a", "new", { signal: aborted }), reason);
    await assert.rejects(store.stat("a", aborted), reason);
    await assert.rejects(store.get("a", { signal: aborted }), reason);
    await assert.rejects(store.delete("a", aborted), reason);
    await assert.rejects(keys(store, "", aborted), reason);

    const controller = new AbortController();
    const hanging = async function* () {
      yield Buffer.from("begun");
      queueMicrotask(() => controller.abort(reason));
      await new Promise(() => {});
    };
    await assert.rejects(store.put("a", hanging(), { signal: controller.signal }), reason);

    const reading = new AbortController();
    const { body } = await store.get("a", { signal: reading.signal });
    const iterator = body[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).done, false);
    reading.abort(reason);
    await assert.rejects(async () => {
      while (!(await iterator.next()).done);
    }, reason);
    assert.deepEqual(await read(store, "a"), Buffer.alloc(600_000, 1));
  });

  promise("tells a range body when it is told to stop", async (store) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let seen: AbortSignal | undefined;
    const body = {
      size: 2,
      async *read(_start: number, _end: number, signal?: AbortSignal) {
        seen = signal;
        yield Buffer.from("1");
        controller.abort(reason);
        yield Buffer.from("2");
      },
    };
    await assert.rejects(store.put("a", body, { signal: controller.signal }), reason);
    assert.equal(seen?.aborted, true);
    assert.equal(await store.stat("a"), undefined);
  });
}
