import assert from "node:assert/strict";
import { test } from "node:test";
import { checkConfig } from "../../lib/config/index.ts";

const key = { accessKeyId: { env: "ID" }, accessKeySecret: { file: "/etc/secret/key" } };

test("buckets are described once each, by what their URLs begin with", () => {
  const stores = [
    { bucket: "oss://infra-release", region: "cn-hangzhou", internal: true },
    { bucket: "s3://packages", endpoint: "https://minio.example.com", partBytes: 16 * 1024 * 1024, ...key },
  ];
  assert.deepEqual(checkConfig({ stores }).stores, stores);
  for (const wrong of [
    [{ bucket: "s3://packages/prefix" }],
    [{ bucket: "file:///packages" }],
    [{ bucket: "s3://packages" }, { bucket: "s3://packages" }],
    [{ bucket: "s3://packages", partBytes: 1024 }],
    [{ bucket: "s3://packages", accessKeyId: key.accessKeyId }],
    [{ bucket: "s3://packages", accessKeySecret: "plain" }],
    [{ bucket: "s3://packages", endpoint: "minio.example.com" }],
  ]) {
    assert.throws(() => checkConfig({ stores: wrong }), { code: "CONFIG_INVALID" });
  }
});
