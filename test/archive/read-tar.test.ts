import assert from "node:assert/strict";
import { test } from "node:test";
import { type ReadLimits, readTar, readTarInMemory } from "../../lib/archive/index.ts";
import { type Read, tarReaderContract, wide } from "../contracts/tar-reader.ts";
import { collect, inChunks, noise } from "./bytes.ts";
import { archived, hostile, pax, raw, refused } from "./raw.ts";

async function* streamed(archive: Uint8Array, limits: ReadLimits, chunkSize = 64 * 1024): AsyncGenerator<Read> {
  for await (const { body, ...entry } of readTar(inChunks(archive, chunkSize), limits)) {
    yield { ...entry, content: (await collect(body)).toString() };
  }
}

async function* inMemory(archive: Uint8Array, limits: ReadLimits): AsyncGenerator<Read> {
  for (const { content, ...entry } of readTarInMemory(archive, limits)) {
    yield { ...entry, content: Buffer.from(content).toString() };
  }
}

tarReaderContract("readTar()", streamed);
tarReaderContract("readTarInMemory()", inMemory);

test("the content of an entry in memory is a view of the archive", () => {
  const archive = archived({ path: "a", content: "1" }, { path: "b", content: "22" });
  const [, second] = [...readTarInMemory(archive, wide)];
  assert.equal(second!.content.buffer, archive.buffer);
  assert.equal(second!.content.byteOffset, archive.byteOffset + 3 * 512);
});

test("sizes are read in octal, base 256 and PAX", async () => {
  const size = 9 * 2 ** 30;
  const limits = { entries: 10, bytes: 2 * size };
  const paxSize = { flag: "x", content: pax(`size=${size}`) };
  for (const archive of [archived({ size, gnu: true }), archived(paxSize, { size: 0 })]) {
    for await (const entry of readTar(inChunks(archive), limits)) {
      assert.equal(entry.size, size);
      break;
    }
  }
});

test("bodies that are not read, or only begun, are skipped", async () => {
  const content = noise(5000).toString("latin1");
  const archive = archived({ path: "a", content }, { path: "b", content }, { path: "c", content: "end" });
  const seen: string[] = [];
  for await (const { path, body } of readTar(inChunks(archive, 100), wide)) {
    seen.push(path);
    if (path === "b") for await (const _ of body) break;
    if (path === "c") assert.equal((await collect(body)).toString(), "end");
  }
  assert.deepEqual(seen, ["a", "b", "c"]);
});

test("a body cannot be read any more once the next entry was asked for", async () => {
  const entries = readTar(inChunks(archived({ path: "a", content: "1" }, { path: "b" })), wide);
  const first = (await entries.next()).value!;
  const begun = first.body[Symbol.asyncIterator]();
  await entries.next();
  await assert.rejects(collect(first.body), /Cannot read entry "a"/);
  await assert.rejects(begun.next(), /Cannot read entry "a"/);
});

test("a reader that stops early ends the source", async () => {
  let ended = false;
  const source = async function* () {
    try {
      yield* inChunks(archived({ path: "a" }, { path: "b" }), 512);
    } finally {
      ended = true;
    }
  };
  for await (const _ of readTar(source(), wide)) break;
  assert.ok(ended);
});

test("what the source throws passes as it is", async () => {
  const broken = new Error("connection lost");
  const source = async function* () {
    yield raw({ content: "1" });
    throw broken;
  };
  await assert.rejects(async () => {
    for await (const _ of readTar(source(), wide));
  }, broken);
});

for (const [name, [archive, why]] of Object.entries(hostile)) {
  test(`${name} is refused, also when nobody reads the bodies`, async () => {
    await assert.rejects(async () => {
      for await (const _ of readTar(inChunks(archive), wide));
    }, refused(why));
  });
}
