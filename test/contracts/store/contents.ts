import assert from "node:assert/strict";
import fc from "fast-check";
import { collect, once, type Promised, read, rejected } from "./support.ts";

export function contents(promise: Promised): void {
  promise("gives back what was put, in every form a body can have", async (store) => {
    const bytes = Buffer.from("grüße");
    const chunks = async function* () {
      yield bytes.subarray(0, 3);
      yield new Uint8Array();
      yield bytes.subarray(3);
    };
    const ranges = {
      size: bytes.byteLength,
      read: (start: number, end: number) => once(bytes.subarray(start, end)),
    };
    for (const [key, body] of Object.entries({ bytes, text: "grüße", stream: chunks(), ranges })) {
      assert.equal(await store.put(key, body), "written");
      assert.deepEqual(await read(store, key), bytes);
    }
    await store.put("bytes", "");
    assert.equal((await read(store, "bytes")).byteLength, 0);
  });

  promise("gives an object another version when other bytes are written, and at no other time", async (store) => {
    const versions = new Set<string>();
    for (let i = 0; i < 50; i++) {
      await store.put("same", `${i}`.padStart(4, "0"));
      versions.add((await store.stat("same"))!.version);
    }
    assert.equal(versions.size, 50);
    const again = await store.get("same");
    for await (const _ of again.body);
    const [listed] = await Array.fromAsync(store.list("same"));
    assert.deepEqual([again.version, listed?.version], Array(2).fill((await store.stat("same"))!.version));
  });

  promise("knows size and time of what it holds, and nothing of what it does not", async (store) => {
    const before = Date.now();
    await store.put("a/b", "four");
    const stat = await store.stat("a/b");
    assert.deepEqual([stat?.key, stat?.size], ["a/b", 4]);
    // Clocks of stores count in seconds at worst.
    assert.ok(Math.abs(stat!.modified.getTime() - before) < 60_000);
    for (const absent of ["a", "b", "a/c", "a/b/c"]) {
      assert.equal(await store.stat(absent), undefined);
      await assert.rejects(store.get(absent), rejected("STORE_NOT_FOUND"));
    }
    const { body, ...got } = await store.get("a/b", { start: 1, end: 2 });
    assert.deepEqual(got, stat);
    assert.equal(Buffer.concat(await collect(body)).toString(), "o");
  });

  promise("keeps its bytes apart from those of its callers", async (store) => {
    const mine = Buffer.from("mine");
    await store.put("a", mine);
    mine.fill("x");
    for (const chunk of await collect((await store.get("a")).body)) chunk.fill(0x78);
    assert.equal((await read(store, "a")).toString(), "mine");
  });

  promise("takes a body that fills one buffer again and again", async (store) => {
    const body = async function* () {
      const buffer = Buffer.alloc(3);
      for (const text of ["abc", "def", "ghi"]) {
        buffer.write(text);
        yield buffer;
      }
    };
    await store.put("a", body());
    assert.equal((await read(store, "a")).toString(), "abcdefghi");
  });

  promise("gives any range of an object", async (store) => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
    await store.put("full", bytes);
    await store.put("empty", "");
    const anyRange = fc
      .tuple(fc.nat(1200), fc.option(fc.nat(1200), { nil: undefined }))
      .filter(([start, end]) => end === undefined || start <= end);
    const check = async ([start, end]: [number, number | undefined]): Promise<void> => {
      assert.deepEqual(await read(store, "full", { start, end }), bytes.subarray(start, end));
      assert.equal((await read(store, "empty", { start, end })).byteLength, 0);
    };
    for (const edge of [
      [0, 0],
      [0, 1000],
      [0, undefined],
      [999, 1000],
      [1000, undefined],
      [999, 5000],
    ] as const) {
      await check([...edge]);
    }
    await fc.assert(fc.asyncProperty(anyRange, check), { numRuns: 40 });
    await assert.rejects(store.get("full", { start: 2, end: 1 }), RangeError);
    await assert.rejects(store.get("full", { start: -1 }), RangeError);
  });

  promise("moves 8 MiB as a stream, taking one chunk after the other", async (store) => {
    const chunk = Buffer.alloc(128 * 1024, 7);
    let asked = 0;
    let open = 0;
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          assert.equal(++open, 1, "asked for a chunk before the last one was given");
          await new Promise(setImmediate);
          open--;
          return asked++ < 64 ? { done: false, value: chunk } : { done: true, value: undefined };
        },
      }),
    };
    await store.put("large", body);
    let size = 0;
    for await (const part of (await store.get("large")).body) {
      assert.ok(part.every((byte) => byte === 7));
      size += part.byteLength;
    }
    assert.equal(size, 64 * chunk.byteLength);
  });

  promise("may be read in part only", async (store) => {
    await store.put("large", Buffer.alloc(1024 * 1024, 1));
    for await (const chunk of (await store.get("large")).body) {
      assert.equal(chunk[0], 1);
      break;
    }
    const { body } = await store.get("large");
    await body[Symbol.asyncIterator]().return?.();
    await store.delete("large");
    assert.equal(await store.stat("large"), undefined);
  });
}
