import assert from "node:assert/strict";
import { test } from "node:test";
import { layerPiece, noise, piece } from "../../contracts/image-fixture.ts";
import { serve } from "./serving.ts";

const blob = layerPiece("blob", 200_000);
const { digest } = blob.descriptor;
const path = `/v2/a/b/blobs/${digest}`;

test("a blob is given as it was pushed, with its digest, length and tag", async () => {
  await using registry = await serve();
  await registry.push("a/b", [blob]);
  const { status, headers, body } = await registry.send("GET", path);
  assert.equal(status, 200);
  assert.deepEqual(body, blob.bytes);
  assert.equal(headers["content-length"], "200000");
  assert.equal(headers["content-type"], "application/octet-stream");
  assert.equal(headers["docker-content-digest"], digest);
  assert.equal(headers.etag, `"${digest}"`);
  assert.equal(headers["accept-ranges"], "bytes");
});

test("HEAD tells the same as GET without a body, and HEAD of nothing has none either", async () => {
  await using registry = await serve();
  await registry.push("a/b", [blob]);
  const [head, get] = [await registry.send("HEAD", path), await registry.send("GET", path)];
  const { date: _, ...expected } = get.headers;
  const { date: __, ...actual } = head.headers;
  assert.deepEqual(actual, expected);
  assert.equal(head.status, 200);
  assert.equal(head.body.byteLength, 0);
  const missing = await registry.send("HEAD", path.replace("a/b", "a/c"));
  assert.equal(missing.status, 404);
  assert.equal(missing.body.byteLength, 0);
});

test("a part of a blob is given where one range is asked for", async () => {
  await using registry = await serve();
  await registry.push("a/b", [blob]);
  const part = async (range: string) => {
    const { status, headers, body } = await registry.send("GET", path, { headers: { range } });
    return { status, range: headers["content-range"], body };
  };
  assert.deepEqual(await part("bytes=100-199"), {
    status: 206,
    range: "bytes 100-199/200000",
    body: blob.bytes.subarray(100, 200),
  });
  assert.deepEqual(await part("bytes=199999-"), {
    status: 206,
    range: "bytes 199999-199999/200000",
    body: blob.bytes.subarray(199_999),
  });
  assert.deepEqual(await part("bytes=-10"), {
    status: 206,
    range: "bytes 199990-199999/200000",
    body: blob.bytes.subarray(199_990),
  });
  const none = await part("bytes=200000-");
  assert.deepEqual([none.status, none.range], [416, "bytes */200000"]);
  assert.deepEqual(await part("bytes=0-1,5-6"), { status: 200, range: undefined, body: blob.bytes });
});

test("a range is for the content it was asked of: If-Range with another tag gives the whole", async () => {
  await using registry = await serve();
  await registry.push("a/b", [blob]);
  const ask = async (tag: string) =>
    (await registry.send("GET", path, { headers: { range: "bytes=0-9", "if-range": tag } })).status;
  assert.equal(await ask(`"${digest}"`), 206);
  assert.equal(await ask('"other"'), 200);
});

test("a client that has the blob is told so", async () => {
  await using registry = await serve();
  await registry.push("a/b", [blob]);
  const ask = (tags: string) => registry.send("GET", path, { headers: { "if-none-match": tags } });
  const known = await ask(`"x", "${digest}"`);
  assert.deepEqual([known.status, known.body.byteLength], [304, 0]);
  assert.equal((await ask('"x"')).status, 200);
});

test("a blob of no bytes is a blob", async () => {
  await using registry = await serve();
  const empty = piece("application/octet-stream", "");
  await registry.push("a/b", [empty]);
  const { status, headers, body } = await registry.send("GET", `/v2/a/b/blobs/${empty.descriptor.digest}`);
  assert.deepEqual([status, headers["content-length"], body.byteLength], [200, "0", 0]);
});

test("a blob belongs to the repository it was pushed to, and to no other", async () => {
  await using registry = await serve();
  await registry.push("a/b", [blob]);
  for (const other of ["a", "a/c", "a/b/c", "b"]) {
    const { status, codes } = await registry.send("GET", `/v2/${other}/blobs/${digest}`);
    assert.deepEqual([status, codes], [404, ["BLOB_UNKNOWN"]]);
  }
});

test("a deleted blob is gone from its repository and stays in the others", async () => {
  await using registry = await serve();
  await registry.push("a/b", [blob]);
  await registry.push("a/c", [blob]);
  assert.equal((await registry.send("DELETE", path)).status, 202);
  assert.equal((await registry.send("GET", path)).status, 404);
  const again = await registry.send("DELETE", path);
  assert.deepEqual([again.status, again.codes], [404, ["BLOB_UNKNOWN"]]);
  assert.deepEqual((await registry.send("GET", path.replace("a/b", "a/c"))).body, blob.bytes);
});

test("what is no sha256 digest is refused", async () => {
  await using registry = await serve();
  for (const wrong of ["sha256:abc", `sha512:${"0".repeat(128)}`, `sha256:${"A".repeat(64)}`, "latest", `${digest}0`]) {
    const { status, codes } = await registry.send("GET", `/v2/a/b/blobs/${wrong}`);
    assert.deepEqual([status, codes], [400, ["DIGEST_INVALID"]], wrong);
  }
});

test("the digest may be percent-encoded", async () => {
  await using registry = await serve();
  await registry.push("a/b", [blob]);
  assert.equal((await registry.send("GET", path.replace("sha256:", "sha256%3A"))).status, 200);
});

test("many readers of one blob all get it whole", async () => {
  await using registry = await serve();
  const large = piece("application/octet-stream", noise("large", 3_000_000));
  await registry.push("a/b", [large]);
  const replies = await Promise.all(
    Array.from({ length: 12 }, () => registry.send("GET", `/v2/a/b/blobs/${large.descriptor.digest}`)),
  );
  for (const { body } of replies) assert.ok(body.equals(large.bytes));
});
