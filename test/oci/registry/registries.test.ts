import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { mediaTypes } from "../../../lib/oci/descriptor.ts";
import { readManifest } from "../../../lib/oci/manifest.ts";
import { openRegistries } from "../../../lib/oci/registry/registries.ts";
import { dockerImageFixture, imageFixture, layerPiece, putAll, read } from "../../contracts/image-fixture.ts";
import { startFakeRegistry } from "../../fakes/registry.ts";
import { startDockerRegistry } from "../../real/docker-registry.ts";
import { requiring } from "../../real/programs.ts";
import { auth, openForTest } from "./opened-registry.ts";

const run = promisify(execFile);

/** bcrypt of `pa:ss`, made with Python's crypt */
const HTPASSWD = "carrier:$2y$05$abcdefghijklmnopqrstuuZImxV28ixwKVAA3Ib6WvqJ3jaF2SHwO\n";

test("a registry with passwords takes and gives an image", requiring("docker-registry"), async () => {
  await using registry = await startDockerRegistry({ htpasswd: HTPASSWD });
  const image = imageFixture("basic");

  await using anonymous = await openForTest();
  await assert.rejects(anonymous.registries.repository(registry.host, "a/b").resolve("v1"), {
    code: "REGISTRY_DENIED",
    message: /; there are no credentials for it$/,
  });
  await using wrong = await openForTest({ [registry.host]: auth("carrier", "other") });
  await assert.rejects(wrong.registries.repository(registry.host, "a/b").resolve("v1"), { code: "REGISTRY_DENIED" });

  await using opened = await openForTest({ [`https://${registry.host}/v1/`]: auth("carrier", "pa:ss") });
  const target = opened.registries.repository(registry.host, "a/b");
  await putAll(target, image.pieces);
  await target.tag("v1", image.manifest.descriptor);
  assert.equal((await target.resolve("v1")).digest, image.manifest.descriptor.digest);
  assert.deepEqual(await Array.fromAsync(opened.registries.repositories(registry.host)), ["a/b"]);
});

test("a blob is mounted between repositories of the real registry", requiring("docker-registry"), async () => {
  await using registry = await startDockerRegistry();
  await using opened = await openForTest();
  const blob = layerPiece("mounted");
  const unopened = async () => assert.fail("opened");
  await putAll(opened.registries.repository(registry.host, "from"), [blob]);
  const target = opened.registries.repository(registry.host, "to");
  assert.equal(await target.put(blob.descriptor, unopened, { from: "from" }), "mounted");
  assert.equal(await target.put(blob.descriptor, unopened), "present");
  assert.deepEqual(await read(target, blob.descriptor), Buffer.from(blob.bytes));
});

test("more repositories than a page holds are all listed", requiring("docker-registry"), async () => {
  await using registry = await startDockerRegistry();
  await using opened = await openForTest();
  const { config, layers, manifest } = imageFixture("many", { layers: [] });
  const names = Array.from({ length: 105 }, (_, number) => `many/r${number}`);
  for (const name of names) {
    const target = opened.registries.repository(registry.host, name);
    await putAll(target, [config, ...layers, manifest]);
  }
  const listed = await Array.fromAsync(opened.registries.repositories(registry.host));
  assert.deepEqual(listed.sort(), names.sort());
});

test(
  "what skopeo pushed is read, and what is put here skopeo reads",
  requiring("docker-registry", "skopeo"),
  async () => {
    await using registry = await startDockerRegistry();
    await using opened = await openForTest();
    const work = await mkdtemp(join(tmpdir(), "stowage-skopeo-"));
    try {
      const ours = opened.registries.repository(registry.host, "ours");
      const image = dockerImageFixture("skopeo");
      await putAll(ours, image.pieces);
      await ours.tag("v1", image.manifest.descriptor);

      const theirs = `docker://${registry.host}/theirs:v2`;
      await run("skopeo", [
        "copy",
        "--src-tls-verify=false",
        `docker://${registry.host}/ours:v1`,
        `oci:${work}/oci:v1`,
      ]);
      await run("skopeo", ["copy", "--dest-tls-verify=false", `oci:${work}/oci:v1`, theirs]);

      const pulled = opened.registries.repository(registry.host, "theirs");
      assert.deepEqual(await Array.fromAsync(pulled.tags()), ["v2"]);
      const found = await pulled.resolve("v2");
      assert.equal(found.mediaType, mediaTypes.ociManifest);
      const { manifest } = await readManifest(pulled, found);
      assert.ok(manifest.kind === "image");
      const [layer] = manifest.layers;
      assert.deepEqual(await read(pulled, layer!), Buffer.from(image.layers[0]!.bytes));
    } finally {
      await rm(work, { recursive: true });
    }
  },
);

test("an endpoint serves a host that keeps its name and its credentials", async () => {
  await using fake = await startFakeRegistry({ auth: "bearer", users: { user: "secret" } });
  const settings = [{ host: "docker.io", endpoint: fake.url }];
  await using opened = await openForTest({ "https://index.docker.io/v1/": auth("user", "secret") }, settings);
  const target = opened.registries.repository("docker.io", "library/nginx");
  assert.equal(target.name, "docker://docker.io/library/nginx");
  const image = imageFixture("endpoint");
  await putAll(target, image.pieces);
  assert.equal((await target.resolve(image.manifest.descriptor.digest)).digest, image.manifest.descriptor.digest);
});

test("all repositories of a registry share its tokens", async () => {
  await using fake = await startFakeRegistry({ auth: "bearer" });
  await using opened = await openForTest();
  const resolve = () => opened.registries.repository(fake.host, "a").resolve("v1");
  for (let i = 0; i < 3; i++) await assert.rejects(resolve(), { code: "CONTENT_UNKNOWN" });
  assert.equal(fake.requests.filter(({ path }) => path.startsWith("/token")).length, 1);
});

test("a password that changes while a run goes on is read again when the next token is needed", async () => {
  const work = await mkdtemp(join(tmpdir(), "stowage-rotating-"));
  const users: Record<string, string> = { user: "old" };
  await using fake = await startFakeRegistry({ auth: "bearer", users });
  try {
    // as Kubernetes mounts a secret: the file is a link through a directory that is replaced as a whole
    const mount = async (password: string) => {
      const data = await mkdtemp(join(work, "data-"));
      const auths = { [fake.host]: auth("user", password) };
      await writeFile(join(data, ".dockerconfigjson"), JSON.stringify({ auths }));
      await symlink(data, join(work, "..data_tmp"));
      await rename(join(work, "..data_tmp"), join(work, "..data"));
    };
    await mount("old");
    const file = join(work, ".dockerconfigjson");
    await symlink("..data/.dockerconfigjson", file);
    const registries = openRegistries({ settings: [], credentialFiles: [file], userAgent: "stowage-test" });
    const repository = registries.repository(fake.host, "team/app");
    const { pieces } = imageFixture("rotating");
    await putAll(repository, pieces.slice(0, 1));
    users["user"] = "new";
    fake.revokeTokens();
    await mount("new");
    await putAll(repository, pieces);
    assert.equal(fake.repository("team/app").manifests.size, 1);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
});

test("credentials that cannot be read are named, and nothing is sent without them", async () => {
  await using fake = await startFakeRegistry({ auth: "basic" });
  const file = join(tmpdir(), `stowage-${randomUUID()}.json`);
  await writeFile(file, "secret");
  try {
    const registries = openRegistries({ settings: [], credentialFiles: [file], userAgent: "stowage-test" });
    await assert.rejects(registries.repository(fake.host, "a").resolve("v1"), {
      code: "CREDENTIALS_INVALID",
      message: `Cannot read credentials file "${file}": it is not JSON`,
    });
    assert.equal(fake.requests.length, 1);
  } finally {
    await rm(file);
  }
});

test("a registry configured twice is refused", () => {
  const settings = [{ host: "reg.example" }, { host: "reg.example", scheme: "http" }] as const;
  assert.throws(() => openRegistries({ settings, credentialFiles: [], userAgent: "stowage-test" }), {
    code: "CONFIG_INVALID",
  });
});
