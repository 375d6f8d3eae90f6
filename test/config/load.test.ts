import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkConfig, isConfigured, loadConfig } from "../../lib/config/index.ts";

const directory = await mkdtemp(join(tmpdir(), "stowage-config-"));
after(() => rm(directory, { recursive: true, force: true }));

let count = 0;
async function load(yaml: string, env: Record<string, string> = {}) {
  const file = join(directory, `${count++}.yaml`);
  await writeFile(file, yaml);
  return loadConfig({ HOME: "/nowhere", ...env }, { file });
}

test("everything has a default", async () => {
  const config = await loadConfig({ HOME: "/home/x" });
  assert.equal(config.store, "file:./stowage-data/store");
  assert.deepEqual(config.credentials, ["/home/x/.docker/config.json", "/etc/secret/dockerconfigjson"]);
  assert.deepEqual(config.registries, []);
});

test("the file wins over the host's defaults, the environment over both", async () => {
  const file = join(directory, "layers.yaml");
  await writeFile(file, "store: file:/from/file\n");
  const defaults = { store: "file:/default", index: { registries: ["a.example"] } };
  const config = await loadConfig({}, { file, defaults });
  assert.equal(config.store, "file:/from/file");
  assert.deepEqual(config.index.registries, ["a.example"]);
  assert.equal((await loadConfig({ STOWAGE_STORE: "memory:" }, { file, defaults })).store, "memory:");
});

test("K_SINK and the webhook secret file come from the environment", async () => {
  const config = await loadConfig({ K_SINK: "http://broker/", STOWAGE_WEBHOOK_SECRET_FILE: "/etc/secret/hook" });
  assert.equal(config.sink, "http://broker/");
  assert.equal(config.webhooks.distribution?.secretFile, "/etc/secret/hook");
});

test("configured credentials come before the usual places", async () => {
  const config = await load("credentials: [/mine]\n", { DOCKER_CONFIG: "/dc", HOME: "/h" });
  assert.deepEqual(config.credentials, [
    "/mine",
    "/dc/config.json",
    "/h/.docker/config.json",
    "/etc/secret/dockerconfigjson",
  ]);
});

test("the configuration is frozen through and through", async () => {
  const config = await load("registries: [{host: a.example}]\n");
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.registries) && Object.isFrozen(config.registries[0]));
});

test("all problems are reported together", async () => {
  const yaml = "stroe: x\nregistries: [{host: 'a b'}, {host: b.example, scheme: ftp}]\nsink: ftp://x\n";
  await assert.rejects(load(yaml), (error: Error & { code: string }) => {
    assert.equal(error.code, "CONFIG_INVALID");
    for (const part of ["stroe", "registries.0.host", "registries.1.scheme", "sink"])
      assert.match(error.message, new RegExp(part));
    return true;
  });
});

for (const [what, yaml] of [
  ["no mapping", "- a\n"],
  ["a plain text", "hello\n"],
  ["broken YAML", "a: [\n"],
  ["a key given twice", "store: a\nstore: b\n"],
  ["one host twice", "registries: [{host: a.example}, {host: a.example}]\n"],
  [
    "an alias bomb",
    `a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [${"*a, ".repeat(9)}*a]\nc: &c [${"*b, ".repeat(9)}*b]\nd: [${"*c, ".repeat(9)}*c]\n`,
  ],
  ["more than a megabyte", `store: "${"x".repeat(1024 * 1024)}"\n`],
  ["webhooks that are no mapping", "webhooks: 3\n"],
] as const) {
  test(`${what} is refused, naming the file`, async () => {
    await assert.rejects(load(yaml), (error: Error & { code: string }) => {
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, /\.yaml"/);
      return true;
    });
  });
}

test("a file that is not there is refused, naming it", async () => {
  await assert.rejects(loadConfig({}, { file: "/nowhere/stowage.yaml" }), {
    code: "CONFIG_INVALID",
    message: 'Cannot read configuration "/nowhere/stowage.yaml": ENOENT',
  });
});

test("rules of mirrors: renames of first parts of paths, targets that must be empty, projects of lists", () => {
  const registries = [{ host: "a.example", renameWhenSource: { release: "devops_release" }, mustBeEmpty: true }];
  const config = checkConfig({ registries, lists: { projects: ["store", "*"] } });
  assert.deepEqual([config.registries, config.lists.projects], [registries, ["store", "*"]]);
  assert.deepEqual(checkConfig({}).lists.projects, ["release", "library"]);
  for (const wrong of [
    { registries: [{ host: "a.example", renameWhenSource: { "a/b": "c" } }] },
    { registries: [{ host: "a.example", renameWhenSource: { a: "B" } }] },
    { registries: [{ host: "a.example", mustBeEmpty: "yes" }] },
    { lists: { projects: [] } },
  ]) {
    assert.throws(() => checkConfig(wrong), { code: "CONFIG_INVALID" });
  }
});

test("only where something is said can it be wrong, and does the configuration have to be read", () => {
  for (const env of [{}, { HOME: "/nowhere", DOCKER_CONFIG: "/here", STOWAGE_CONFIG: "", K_SINK: "" }]) {
    assert.equal(isConfigured(env), false);
  }
  assert.equal(isConfigured({}, "stowage.yaml"), true);
  for (const name of [
    "STOWAGE_CONFIG",
    "STOWAGE_STORE",
    "K_SINK",
    "STOWAGE_WEBHOOK_SECRET_FILE",
    "STOWAGE_STORAGE_REGISTRY_REPO",
  ]) {
    assert.equal(isConfigured({ [name]: "something" }), true, name);
  }
  assert.throws(() => isConfigured({ STOWAGE_STORAGE: "local" }), { code: "CONFIG_INVALID" });
});
