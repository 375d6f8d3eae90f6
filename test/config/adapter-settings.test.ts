import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig, withAdapterArguments } from "../../lib/config/index.ts";

const load = async (...args: readonly string[]) => {
  const env = withAdapterArguments({ HOME: "/nowhere" }, args);
  const { registries, index } = await loadConfig(env);
  return { port: env["PORT"], registries, walked: index.registries };
};

test("CR-6 to CR-9: the arguments of the old adapter say which registry is indexed, and how it is reached", async () => {
  assert.deepEqual(await load("--storage=registry", "--storage-registry-repo=192.168.0.1:5000", "--port=8088"), {
    port: "8088",
    registries: [{ host: "192.168.0.1:5000", scheme: "auto" }],
    walked: ["192.168.0.1:5000"],
  });
});

test("CR-8: without an address it is the registry of the same machine", async () => {
  assert.deepEqual((await load("--storage", "registry")).walked, ["localhost:5000"]);
});

test("CR-W6: the scheme is the argument in any case, else the prefix of the address, else found out", async () => {
  const schemeOf = async (...args: readonly string[]) => (await load(...args)).registries[0]?.scheme;
  const address = "--storage-registry-repo=https://registry.example.com/";
  assert.equal(await schemeOf(address, "--storage-registry-scheme=HTTP"), "http");
  assert.equal(await schemeOf(address, "--storage-registry-scheme=Https"), "https");
  assert.equal(await schemeOf(address, "--storage-registry-scheme="), "https");
  assert.equal(await schemeOf("--storage-registry-repo=HTTP://registry.example.com"), "http");
  assert.equal(await schemeOf("--storage-registry-repo=registry.example.com"), "auto");
});

test("the same settings come from the environment, and an argument wins over it", async () => {
  const env = { HOME: "/nowhere", STOWAGE_STORAGE_REGISTRY_REPO: "a.example.com", PORT: "1" };
  assert.deepEqual((await loadConfig(env)).index.registries, ["a.example.com"]);
  const given = withAdapterArguments(env, ["--storage-registry-repo", "b.example.com"]);
  assert.deepEqual((await loadConfig(given)).index.registries, ["b.example.com"]);
  assert.equal(given["PORT"], "1");
});

test("without any of them nothing is configured", async () => {
  assert.deepEqual(await load(), { port: undefined, registries: [], walked: [] });
});

test("CR-T34: another storage than a registry is refused at start, with what there is", async () => {
  await assert.rejects(load("--storage=local"), {
    code: "CONFIG_INVALID",
    message: /"local": there is only "registry"/,
  });
});

test("an address that is none and an argument that nobody knows are refused", async () => {
  await assert.rejects(load("--storage-registry-repo=a b"), { code: "CONFIG_INVALID" });
  await assert.rejects(load("--storage-registry-repo=a.example.com/path"), { code: "CONFIG_INVALID" });
  assert.throws(() => withAdapterArguments({}, ["--speed=1"]), { code: "CONFIG_INVALID", message: /--port/ });
  assert.throws(() => withAdapterArguments({}, ["serve"]), { code: "CONFIG_INVALID" });
});
