import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import buildBundle from "../../functions/build-bundle.ts";
import { openBundle, readSignatureCheck, verifyBundle } from "../../lib/bundle/index.ts";
import type { Event } from "../../lib/events/index.ts";
import { buildImage, buildLayer } from "../../lib/oci/index.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { Harness } from "./harness.ts";

const HOST = "registry.example.com";
const work = await mkdtemp(join(tmpdir(), "stowage-build-"));
const registry = await startEmbeddedRegistry();
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const keyFile = join(work, "key.pem");
const signature = readSignatureCheck(publicKey.export({ type: "spki", format: "pem" }).toString());
before(async () => {
  await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  const layer = await buildLayer([{ path: "data", content: "hello" }]);
  await registry.push("demo/web", "1", buildImage({ platform: "linux/amd64", layers: [layer] }));
});
after(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

const open = (bundles: object) => new Harness({ bundles }, { [HOST]: `http://${registry.host}` });

async function build(harness: Harness, more: object = {}) {
  const release = { name: "b", version: "1", images: [`${HOST}/demo/web:1`], ...more };
  const outcome = await harness.run(buildBundle, "dev.stowage.bundle.requested.v1", { release });
  return { outcome, data: (outcome.reply as Event<"dev.stowage.bundle.built.v1"> | undefined)?.data };
}

async function problemsOf(harness: Harness, key: string): Promise<readonly string[]> {
  const store = await harness.store();
  return (await verifyBundle(await openBundle(store, key), { signature })).problems;
}

test("a bundle is signed by the configured key, and by none without one", async () => {
  const signed = open({ signingKey: { file: keyFile } });
  const { data } = await build(signed);
  assert.deepEqual(await problemsOf(signed, data!.key), []);
  assert.ok(data!.moved > 0);
  assert.deepEqual([data!.reused, data!.copied], [0, 0]);
  const unsigned = open({});
  assert.deepEqual(await problemsOf(unsigned, (await build(unsigned)).data!.key), ["bundle.json.sig is missing"]);
});

test("the key may be in a variable", async (t) => {
  process.env["BUNDLE_KEY"] = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  t.after(() => delete process.env["BUNDLE_KEY"]);
  const harness = open({ signingKey: { env: "BUNDLE_KEY" } });
  assert.deepEqual(await problemsOf(harness, (await build(harness)).data!.key), []);
});

test("an exact package is built without a signature, for which it has no place", async () => {
  const harness = open({ signingKey: { file: keyFile } });
  const { outcome, data } = await build(harness, { package: { exact: true } });
  assert.equal(outcome.status, 200);
  assert.deepEqual(await problemsOf(harness, data!.key), ["bundle.json.sig is missing"]);
});

test("a key that cannot be had or read fails the event, and nothing of it is told", async () => {
  await writeFile(join(work, "bad.pem"), "a secret that is no key");
  for (const [file, code] of [
    [join(work, "no.pem"), "CONFIG_INVALID"],
    [join(work, "bad.pem"), "KEY_INVALID"],
  ] as const) {
    const harness = open({ signingKey: { file } });
    const { outcome } = await build(harness);
    assert.equal(outcome.status, 422);
    assert.match(JSON.stringify(outcome), new RegExp(code));
    assert.doesNotMatch(JSON.stringify([outcome, harness.log.lines]), /a secret that/);
  }
});
