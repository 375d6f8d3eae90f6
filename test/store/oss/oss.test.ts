import assert from "node:assert/strict";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import OSS from "ali-oss";
import { openStore } from "../../../lib/store/index.ts";
import { environmentOf } from "../../fakes/object-service/environment.ts";
import { type FakeObjectService, startObjectService } from "../../fakes/object-service/server.ts";
import { numberedBytes } from "../numbered-bytes.ts";

const bucket = "oss://releases";
const roleArn = "acs:ram::113511544585:role/stowage";
const providerArn = "acs:ram::113511544585:oidc-provider/ack-rrsa-c1";

interface RoleService extends AsyncDisposable {
  readonly service: FakeObjectService;
  readonly env: Readonly<Record<string, string>>;
  /** Give the service account another token; the old one counts no more. */
  rotate(token: string): Promise<void>;
}

async function startWithRole(life?: number): Promise<RoleService> {
  const directory = await mkdtempDisposable(join(tmpdir(), "stowage-token-"));
  const file = join(directory.path, "token");
  let current = "";
  const rotate = async (token: string): Promise<void> => {
    current = token;
    await writeFile(file, `${token}\n`);
  };
  await rotate("first");
  const sts = { token: () => current, roleArn, providerArn, ...(life !== undefined && { life }) };
  const service = await startObjectService({ kind: "oss", sts });
  const env = {
    OSS_ENDPOINT: service.endpoint,
    OSS_REGION: "oss-cn-hangzhou",
    ALIBABA_CLOUD_ROLE_ARN: roleArn,
    ALIBABA_CLOUD_OIDC_PROVIDER_ARN: providerArn,
    ALIBABA_CLOUD_OIDC_TOKEN_FILE: file,
  };
  return {
    ...{ service, env, rotate },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

test("the role of a service account gives one key for many requests", async () => {
  await using role = await startWithRole();
  const { service, env } = role;
  const store = await openStore(bucket, { buckets: [{ bucket, stsEndpoint: service.endpoint }], env });
  await Promise.all(["a", "b", "c"].map((key) => store.put(key, key)));
  await store.put("large", numberedBytes(10_000_000));
  assert.equal(service.sts.given.length, 1);
});

test("a key that ends is replaced before it does, with the token as it is then", async () => {
  await using role = await startWithRole(400);
  const { service, env, rotate } = role;
  const store = await openStore(bucket, { buckets: [{ bucket, stsEndpoint: service.endpoint }], env });
  for (const token of ["second", "third", "fourth"]) {
    await store.put("a", token);
    await rotate(token);
    const ends = service.sts.given.at(-1)!.ends;
    while (Date.now() < ends) await new Promise(setImmediate);
  }
  await store.put("a", "last");
  assert.equal(service.sts.given.length, 4);
});

test("a key that the service takes no more is replaced at once", async () => {
  await using role = await startWithRole();
  const { service, env } = role;
  const store = await openStore(bucket, { buckets: [{ bucket, stsEndpoint: service.endpoint }], env });
  await store.put("a", "1");
  service.sts.revoke();
  await Promise.all([store.put("a", "2"), store.put("b", "2"), store.stat("a")]);
  assert.equal(service.sts.given.length, 2);
});

test("a role that may not be assumed is denied; an STS that is busy is asked again", async () => {
  await using role = await startWithRole();
  const { service, env } = role;
  const buckets = [{ bucket, stsEndpoint: service.endpoint }];
  const other = await openStore(bucket, { buckets, env: { ...env, ALIBABA_CLOUD_ROLE_ARN: `${roleArn}2` } });
  await assert.rejects(other.stat("a"), { code: "STORE_DENIED", message: /STS answered 404 EntityNotExist\.Role$/ });
  const lost = await openStore(bucket, { buckets, env: { ...env, ALIBABA_CLOUD_OIDC_TOKEN_FILE: "/nowhere" } });
  await assert.rejects(lost.stat("a"), { code: "STORE_DENIED", message: /the token file cannot be read: ENOENT$/ });
  service.faults.add({ on: "sts", fault: { kind: "status", status: 503, code: "ServiceUnavailable" }, times: 2 });
  const store = await openStore(bucket, { buckets, env });
  assert.equal(await store.stat("a"), undefined);
});

test("keys that the settings name are used, and wrong ones denied without being told", async () => {
  await using service = await startObjectService({ kind: "oss" });
  const { endpoint, keys } = service;
  const secrets = new Map([
    ["id", keys.accessKeyId],
    ["secret", keys.accessKeySecret],
    ["wrong", "wrong-secret"],
  ]);
  const open = (secret: string) =>
    openStore(bucket, {
      buckets: [
        { bucket, endpoint, region: "cn-hangzhou", accessKeyId: { env: "id" }, accessKeySecret: { file: secret } },
      ],
      env: {},
      secret: async ({ file, env }) => secrets.get(file ?? env ?? "") ?? "",
    });
  await (await open("secret")).put("a", "1");
  await assert.rejects((await open("wrong")).put("a", "1"), (error: Error & { code?: string }) => {
    assert.equal(error.code, "STORE_DENIED");
    assert.equal(error.message, 'Cannot put "a": the service answered 403 SignatureDoesNotMatch');
    return true;
  });
});

test("without credentials every request is denied", async () => {
  const store = await openStore(bucket, { env: { OSS_REGION: "cn-hangzhou" } });
  await assert.rejects(store.stat("a"), { code: "STORE_DENIED", message: /no credentials were found$/ });
});

test("a bucket whose region is not known is refused; endpoints tell it as well", async () => {
  await assert.rejects(openStore(bucket, { env: {} }), { code: "CONFIG_INVALID" });
  await openStore(bucket, { env: { OSS_ENDPOINT: "https://oss-cn-shanghai-internal.aliyuncs.com" } });
  await openStore(bucket, { buckets: [{ bucket, region: "cn-beijing" }], env: {} });
});

test("a bucket is reached at its own domain", async () => {
  await using service = await startObjectService({ kind: "oss", cname: true });
  const buckets = [{ bucket, endpoint: service.endpoint, cname: true, pathStyle: false }];
  const store = await openStore(`${bucket}/v1`, { buckets, env: environmentOf(service) });
  const body = numberedBytes(9_000_000);
  await store.put("large file+.tar", body);
  const read = Buffer.concat(await Array.fromAsync((await store.get("large file+.tar")).body));
  assert.ok(read.equals(body.all()));
});

test("the fake service takes the SDK's signed URLs, and no others", async () => {
  await using service = await startObjectService({ kind: "oss" });
  const { endpoint, keys } = service;
  service.held.put("a b/c+.txt", Buffer.from("text"), undefined);
  const sdk = new OSS({ ...keys, bucket: "releases", endpoint, region: "oss-cn-hangzhou", ...{ sldEnable: true } });
  const signed: string = await sdk.signatureUrlV4("GET", 60, {}, "a b/c+.txt");
  const answer = await fetch(signed);
  assert.deepEqual([answer.status, await answer.text()], [200, "text"]);
  for (const other of [signed.replace(/(x-oss-signature=)./, "$1x"), signed.replace("c%2B", "d%2B")]) {
    const refused = await fetch(other);
    assert.equal(refused.status, 403);
    await refused.arrayBuffer();
  }
});
