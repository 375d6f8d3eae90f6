import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { StowageError, TransientError } from "../../../lib/errors.ts";
import { mediaTypes } from "../../../lib/oci/descriptor.ts";
import { layerPiece, noise, piece, read } from "../../contracts/image-fixture.ts";
import { type Misbehaviour, startFakeRegistry } from "../../fakes/registry.ts";
import { openForTest } from "./opened-registry.ts";

const SIZE = 300_000;
const { descriptor, bytes } = layerPiece("download", SIZE);

/** A fake that holds one blob, and its repository through the client. */
async function openBlob() {
  const fake = await startFakeRegistry();
  fake.repository("a/b").blobs.set(descriptor.digest, Buffer.from(bytes));
  const opened = await openForTest();
  return {
    fake,
    target: opened.registries.repository(fake.host, "a/b"),
    waits: opened.waits,
    ranges: () => fake.requests.map(({ headers }) => headers["range"]),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

/** Announce everything that was asked for, send a part of it and hang up. */
const hangUpAfter =
  (sent: number): Misbehaviour =>
  (request, response) => {
    const start = Number(/=(\d+)/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const headers = { "content-length": SIZE - start, "content-range": `bytes ${start}-${SIZE - 1}/${SIZE}` };
    response.writeHead(request.headers.range ? 206 : 200, headers);
    response.write(bytes.subarray(start, start + sent), () => response.socket?.end());
  };

test("a broken transfer goes on from the byte it reached and is verified as one", async () => {
  await using place = await openBlob();
  place.fake.misbehave("GET", hangUpAfter(100_000));
  place.fake.misbehave("GET", hangUpAfter(50_000));
  assert.deepEqual(await read(place.target, descriptor), Buffer.from(bytes));
  assert.deepEqual(place.ranges(), [undefined, "bytes=100000-299999", "bytes=150000-299999"]);
  assert.equal(place.waits.length, 2);
});

test("a partial read goes on too, up to the byte that was asked for", async () => {
  await using place = await openBlob();
  place.fake.misbehave("GET", hangUpAfter(50_000));
  const part = await read(place.target, descriptor, { start: 10_000, end: 99_999 });
  assert.deepEqual(part, Buffer.from(bytes.subarray(10_000, 100_000)));
  assert.deepEqual(place.ranges(), ["bytes=10000-99999", "bytes=60000-99999"]);
});

test("a transfer that gets on between breaks may break more often than that", async () => {
  const MIB = 1024 * 1024;
  const long = piece(mediaTypes.ociLayer, Buffer.alloc(41 * MIB, "long"));
  await using place = await openBlob();
  place.fake.repository("a/b").blobs.set(long.descriptor.digest, Buffer.from(long.bytes));
  for (let times = 0; times < 4; times++) {
    place.fake.misbehave("GET", (request, response) => {
      const start = Number(/=(\d+)/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const headers = {
        "content-length": long.bytes.byteLength - start,
        "content-range": `bytes ${start}-${long.bytes.byteLength - 1}/${long.bytes.byteLength}`,
      };
      response.writeHead(request.headers.range ? 206 : 200, headers);
      response.write(long.bytes.subarray(start, start + 10 * MIB), () => response.socket?.end());
    });
  }
  let size = 0;
  for await (const chunk of await place.target.open(long.descriptor)) size += chunk.byteLength;
  assert.equal(size, long.bytes.byteLength);
  assert.equal(place.ranges().length, 5);
});

test("a transfer that breaks a fourth time is given up for now", async () => {
  await using place = await openBlob();
  place.fake.misbehave("GET", hangUpAfter(10_000), 9);
  await assert.rejects(read(place.target, descriptor), (error) => {
    assert.ok(error instanceof TransientError);
    assert.equal(error.code, "REGISTRY_UNAVAILABLE");
    return true;
  });
  assert.equal(place.fake.requests.length, 4);
});

test("a store that ignores Range gives the right part all the same", async () => {
  await using place = await openBlob();
  const everything: Misbehaviour = (_, response) => response.writeHead(200, { "content-length": SIZE }).end(bytes);
  place.fake.misbehave("GET", hangUpAfter(100_000));
  place.fake.misbehave("GET", everything, 9);
  assert.deepEqual(await read(place.target, descriptor), Buffer.from(bytes));
  for (const [start, end] of [
    [0, 0],
    [5, 70_000],
    [299_999, 299_999],
  ] as const) {
    assert.deepEqual(await read(place.target, descriptor, { start, end }), Buffer.from(bytes.subarray(start, end + 1)));
  }
});

const isMismatch = (error: unknown): boolean => error instanceof StowageError && error.code === "CONTENT_MISMATCH";

test("a flipped bit, a shorter blob and a longer one never come to a good end", async () => {
  await using place = await openBlob();
  const flipped = Buffer.from(bytes);
  flipped[200_000]! ^= 1;
  const lies: readonly Misbehaviour[] = [
    (_, response) => response.end(flipped),
    (_, response) => response.end(bytes.subarray(1)),
    (_, response) => response.end(Buffer.concat([bytes, Buffer.from("x")])),
    (_, response) => response.writeHead(200, { "transfer-encoding": "chunked" }).end(bytes.subarray(1)),
    (_, response) =>
      response.writeHead(200, { "transfer-encoding": "chunked" }).end(Buffer.concat([bytes, Buffer.from("x")])),
    (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>Sign in</html>"),
  ];
  for (const lie of lies) {
    place.fake.misbehave("GET", lie);
    await assert.rejects(read(place.target, descriptor), isMismatch);
  }
});

test("a part that is another part than asked for is refused", async () => {
  await using place = await openBlob();
  for (const range of ["bytes 0-9/300000", "bytes 10-19/300001", "bytes */300000", "nonsense", ""]) {
    place.fake.misbehave("GET", (_, response) =>
      response.writeHead(206, { "content-range": range }).end(bytes.subarray(10, 20)),
    );
    await assert.rejects(read(place.target, descriptor, { start: 10, end: 19 }), isMismatch, range);
  }
  for (const sent of [bytes.subarray(10, 19), bytes.subarray(10, 21)]) {
    place.fake.misbehave("GET", (_, response) =>
      response.writeHead(206, { "content-range": "bytes 10-19/300000" }).end(sent),
    );
    await assert.rejects(read(place.target, descriptor, { start: 10, end: 19 }), isMismatch);
  }
});

test("a part behind the end is empty and costs no request", async () => {
  await using place = await openBlob();
  assert.equal((await read(place.target, descriptor, { start: SIZE })).byteLength, 0);
  assert.equal((await read(place.target, descriptor, { start: 5, end: 4 })).byteLength, 0);
  assert.deepEqual(place.fake.requests, []);
});

test("a large blob is never held: the registry gets rid of bytes only as the reader takes them", async () => {
  const block = noise("large", 256 * 1024);
  const blocks = 256;
  const size = block.byteLength * blocks;
  const hash = createHash("sha256");
  for (let number = 0; number < blocks; number++) hash.update(block);
  const large = { mediaType: mediaTypes.ociLayer, digest: `sha256:${hash.digest("hex")}`, size } as const;

  await using place = await openBlob();
  let sent = 0;
  place.fake.misbehave("GET", async (_, response) => {
    response.writeHead(200, { "content-length": size });
    for (let number = 0; number < blocks; number++) {
      sent += block.byteLength;
      if (!response.write(block)) await once(response, "drain");
    }
    response.end();
  });
  let taken = 0;
  let most = 0;
  for await (const chunk of await place.target.open(large)) {
    // everybody else gets the chance to run ahead
    await new Promise(setImmediate);
    most = Math.max(most, sent - taken);
    taken += chunk.byteLength;
  }
  assert.equal(taken, size);
  // what the kernel holds for a loopback connection is in this too
  assert.ok(most < 16 * 1024 * 1024, `${most} bytes were under way at once`);
});
