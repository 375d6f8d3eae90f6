import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { openStore } from "../../lib/store/index.ts";

test("a file store opens by path and by URL, and its own URL opens it again", async () => {
  await using temporary = await mkdtempDisposable(join(tmpdir(), "stowage-store-"));
  const directory = join(temporary.path, "not yet", "50% there");
  const first = await openStore(`file:${directory}`);
  await first.put("a", "1");
  assert.equal(first.url, pathToFileURL(directory).href);
  for (const url of [first.url, `file:${relative(process.cwd(), directory)}`, `file:${directory}/`]) {
    const again = await openStore(url);
    assert.equal(again.url, first.url);
    assert.equal((await again.stat("a"))?.size, 1);
  }
});

test("each memory store is another one", async () => {
  const [one, other] = [await openStore("memory:"), await openStore("memory:")];
  await one.put("a", "1");
  assert.equal(await other.stat("a"), undefined);
});

test("a URL of another kind is refused, saying what is supported and keeping its secrets", async () => {
  for (const url of ["ftp://user:hidden@host/x", "hidden", "", "/hidden", "FILE:/hidden", "memory:hidden"]) {
    await assert.rejects(openStore(url), (error: Error & { code?: string }) => {
      assert.equal(error.code, "STORE_URL_INVALID");
      assert.match(error.message, /s3:\/\/BUCKET, oss:\/\/BUCKET and memory: are supported$/);
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    });
  }
});

test("a malformed file URL is refused", async () => {
  for (const url of ["file:", "file:a\0b", "file://host/x", "file:///x?y", "file:///x#y", "file:///%2f"]) {
    await assert.rejects(openStore(url), { code: "STORE_URL_INVALID" }, url);
  }
});

test("a bucket's URL names it and a prefix, and opens without asking the service", async () => {
  const env = { AWS_REGION: "eu-central-1", OSS_REGION: "cn-hangzhou" };
  for (const [url, own] of [
    ["s3://releases", "s3://releases"],
    ["s3://releases/", "s3://releases"],
    ["oss://releases/a%20b/c/", "oss://releases/a%20b/c"],
    ["oss://releases/a b", "oss://releases/a%20b"],
  ] as const) {
    assert.equal((await openStore(url, { env })).url, own);
  }
});

test("a malformed bucket URL is refused, keeping its secrets", async () => {
  for (const place of [
    "",
    "/",
    "ab",
    "Upper",
    "id:hidden@bucket",
    "bucket/a//b",
    "bucket/../b",
    "bucket/%",
    "bucket?hidden",
  ]) {
    for (const scheme of ["s3", "oss"]) {
      await assert.rejects(openStore(`${scheme}://${place}`, { env: {} }), (error: Error & { code?: string }) => {
        assert.equal(error.code, "STORE_URL_INVALID", place);
        assert.doesNotMatch(error.message, /hidden/);
        return true;
      });
    }
  }
});
