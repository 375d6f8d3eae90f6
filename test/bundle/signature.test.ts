import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { readSignatureCheck, readSigner, verifyBundle } from "../../lib/bundle/index.ts";
import { requiring } from "../real/programs.ts";
import { bundleOf, HOST, openWorkshop, type Workshop } from "./workshop.ts";

const run = promisify(execFile);
let shop: Workshop;
before(async () => {
  shop = await openWorkshop();
  await shop.push("demo/web:1");
});
after(() => shop[Symbol.asyncDispose]());

const release = (more: object = {}) => ({ name: "b", version: "1", images: [`${HOST}/demo/web:1`], ...more });

const keys = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    secret: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    open: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
};

test("a signed bundle verifies with its key, not with another, and not without a signature", async () => {
  const [own, other] = [keys(), keys()];
  const { bytes } = await shop.build(release(), { signer: readSigner(own.secret) });
  const problems = async (given: Uint8Array, pem: string) =>
    (await verifyBundle(bundleOf(given), { signature: readSignatureCheck(pem) })).problems;
  assert.deepEqual(await problems(bytes, own.open), []);
  assert.deepEqual(await problems(bytes, other.open), [
    "bundle.json.sig is not the signature of bundle.json by this key",
  ]);
  const unsigned = await shop.build(release());
  assert.deepEqual(await problems(unsigned.bytes, own.open), ["bundle.json.sig is missing"]);
  const exact = await shop.build(release({ package: { exact: true } }));
  assert.deepEqual(await problems(exact.bytes, own.open), ["bundle.json.sig is missing"]);
});

test("openssl makes keys that stowage takes, and checks what it signed", requiring("openssl"), async () => {
  const work = await mkdtemp(join(shop.directory, "openssl-"));
  await run("openssl", ["genpkey", "-algorithm", "ed25519", "-out", "key.pem"], { cwd: work });
  await run("openssl", ["pkey", "-in", "key.pem", "-pubout", "-out", "key.pub"], { cwd: work });
  const signer = readSigner(await readFile(join(work, "key.pem"), "utf8"));
  const directory = await shop.unpacked(release(), { signer });
  const { stdout } = await run(
    "openssl",
    [
      ...["pkeyutl", "-verify", "-pubin", "-inkey", join(work, "key.pub"), "-rawin"],
      ...["-in", "bundle.json", "-sigfile", "bundle.json.sig"],
    ],
    { cwd: join(directory, "b-1") },
  );
  assert.match(stdout, /Signature Verified Successfully/);
  await run("sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: join(directory, "b-1") });
});

test("keys of another kind are refused, and nothing of them is told", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  assert.throws(() => readSigner(pem), {
    code: "KEY_INVALID",
    message: "Cannot use private key: it is ec, not ed25519",
  });
  assert.throws(() => readSigner("secret"), {
    code: "KEY_INVALID",
    message: "Cannot read private key: it is no private key in PEM",
  });
  assert.throws(() => readSignatureCheck(keys().secret), { code: "KEY_INVALID" });
});

test("an exact package has no place for a signature", async () => {
  const signer = readSigner(keys().secret);
  await assert.rejects(shop.build(release({ package: { exact: true } }), { signer }), {
    code: "RELEASE_INVALID",
    message: /package\.exact/,
  });
});
