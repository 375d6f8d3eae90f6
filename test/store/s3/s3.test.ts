import assert from "node:assert/strict";
import { test } from "node:test";
import { RejectedError } from "../../../lib/errors.ts";
import { openStore } from "../../../lib/store/index.ts";
import { startObjectService } from "../../fakes/object-service/server.ts";

const bucket = "s3://releases";

test("keys that the settings name are used, wrong ones denied without being told, missing ones named", async () => {
  await using service = await startObjectService({ kind: "s3" });
  const { endpoint, keys } = service;
  const secrets = new Map([
    ["id", keys.accessKeyId],
    ["secret", keys.accessKeySecret],
    ["wrong", "wrong-secret"],
  ]);
  const open = (file: string) =>
    openStore(bucket, {
      buckets: [{ bucket, endpoint, accessKeyId: { env: "id" }, accessKeySecret: { file } }],
      env: {},
      async secret({ file: name, env }) {
        const value = secrets.get(name ?? env ?? "");
        if (value === undefined) throw new RejectedError("CONFIG_INVALID", "Cannot use secret: it is not there");
        return value;
      },
    });
  await (await open("secret")).put("a", "1");
  assert.equal((await (await open("secret")).stat("a"))?.size, 1);
  await assert.rejects((await open("wrong")).put("a", "1"), {
    code: "STORE_DENIED",
    message: 'Cannot put "a": the service answered 403 SignatureDoesNotMatch',
  });
  await assert.rejects((await open("missing")).put("a", "1"), { code: "CONFIG_INVALID" });
});

test("bodies are sent as they are, with their MD5, and never in chunks of AWS", async () => {
  await using service = await startObjectService({ kind: "s3" });
  const env = { AWS_ENDPOINT_URL_S3: service.endpoint, AWS_ACCESS_KEY_ID: service.keys.accessKeyId };
  const store = await openStore(bucket, { env: { ...env, AWS_SECRET_ACCESS_KEY: service.keys.accessKeySecret } });
  service.faults.add({ on: "put", fault: { kind: "flip" }, times: 1 });
  await store.put("a", Buffer.alloc(1000, 1));
  // The service refuses aws-chunked, and the ETag of what it holds is the MD5 of what was sent.
  assert.deepEqual(service.log, ["put a", "put a"]);
  assert.equal((await store.stat("a"))?.version, "f0835dbe66a7e90b0e0e8647354d0c0b");
});
