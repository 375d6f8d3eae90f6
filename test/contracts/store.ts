import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RejectedError } from "../../lib/errors.ts";
import { assembled, type ObjectRange, type RangeBody, type Reader, type Store } from "../../lib/store/index.ts";

/** An empty store of a test, and the end of whatever is behind it. */
export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
}

type Promised = (title: string, run: (store: Store) => Promise<void>) => void;

export interface StoreKind {
  /** Whether it refuses a key that is another key's directory. Default: true */
  readonly directories?: boolean;
}

/** What every store promises. `open` gives a new, empty one each time. */
export function testStore(
  name: string,
  open: () => Promise<OpenedStore>,
  { directories = true }: StoreKind = {},
): void {
  describe(`a store (${name})`, () => {
    const promise: Promised = (title, run) => {
      it(title, async () => {
        await using opened = await open();
        await run(opened.store);
      });
    };
    contents(promise);
    writes(promise);
    interruptions(promise);
    if (directories) keysAsDirectories(promise);
    keyRules(promise);
    listings(promise);
    assemblies(promise);
  });
}

function contents(promise: Promised): void {
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

function writes(promise: Promised): void {
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

function interruptions(promise: Promised): void {
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

function listings(promise: Promised): void {
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

function keysAsDirectories(promise: Promised): void {
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

function keyRules(promise: Promised): void {
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

function assemblies(promise: Promised): void {
  promise("makes an object of its own objects' ranges and other bytes", async (store) => {
    const blob = (size: number, seed: number): Buffer =>
      Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * seed) % 251));
    const blobs = [blob(700_000, 3), blob(5, 5), blob(900_001, 7)];
    const pieces: (ObjectRange | RangeBody)[] = [];
    const whole: Buffer[] = [];
    for (const [index, bytes] of blobs.entries()) {
      const key = `blobs/${index} +%`;
      await store.put(key, bytes);
      const { version } = (await store.stat(key))!;
      const head = Buffer.alloc(512, index);
      pieces.push(
        { size: head.byteLength, read: (start, end) => once(head.subarray(start, end)) },
        { key, start: 1, size: bytes.byteLength - 1, version },
      );
      whole.push(head, bytes.subarray(1));
    }
    const body = assembled(store, pieces);
    assert.equal(await store.put("whole", body), "written");
    assert.deepEqual(await read(store, "whole"), Buffer.concat(whole));
    const part = Buffer.concat(await collect(body.read(600, 800_000)));
    assert.deepEqual(part, Buffer.concat(whole).subarray(600, 800_000));

    await store.put("blobs/0 +%", "changed");
    await assert.rejects(store.put("whole", body), { name: "TransientError", code: "STORE_UNAVAILABLE" });
    assert.deepEqual(await read(store, "whole"), Buffer.concat(whole));
  });
}

const once = async function* (bytes: Uint8Array) {
  yield bytes;
};

const slowly = async function* (text: string) {
  for (const letter of text) {
    await new Promise(setImmediate);
    yield Buffer.from(letter);
  }
};

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

async function read(store: Reader, key: string, options?: Parameters<Reader["get"]>[1]): Promise<Buffer> {
  return Buffer.concat(await collect((await store.get(key, options)).body));
}

async function keys(store: Reader, prefix = "", signal?: AbortSignal): Promise<string[]> {
  return (await collect(store.list(prefix, signal))).map(({ key }) => key);
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Sets of valid keys of which none is the directory of another; few letters, so that they meet. */
const anyKeys: fc.Arbitrary<string[]> = fc
  .uniqueArray(
    fc
      .array(fc.string({ unit: fc.constantFrom("a", "b", "-", ".", "0", " "), minLength: 1, maxLength: 3 }), {
        minLength: 1,
        maxLength: 4,
      })
      .filter((parts) => parts.every((part) => part !== "." && part !== ".."))
      .map((parts) => parts.join("/")),
    { minLength: 1, maxLength: 12 },
  )
  .map((some) => some.filter((key) => !some.some((other) => other.startsWith(`${key}/`))));

const rejected = (code: string) => (error: unknown) => {
  assert.ok(error instanceof RejectedError, String(error));
  assert.equal(error.code, code);
  return true;
};
