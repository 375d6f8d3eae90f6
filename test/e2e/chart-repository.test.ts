import assert from "node:assert/strict";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { parse } from "yaml";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";
import { type Helm, openHelm } from "../real/helm.ts";
import { runStowage } from "./stowage.ts";

/** A chart and its signature, made once with a key that is used for nothing else: helm verifies it with the keyring. */
const signed = join(import.meta.dirname, "../fixtures/signed-chart");

const stowage = await runStowage();
const helm: Helm = await openHelm();
after(async () => {
  await helm[Symbol.asyncDispose]();
  await stowage[Symbol.asyncDispose]();
});
const { charts, registry } = stowage.ready;

async function push(file: string): Promise<void> {
  const before = stowage.runs.filter(({ reply }) => reply === "dev.stowage.index.updated.v1").length;
  await helm.run("push", file, `oci://${registry}/charts`, "--plain-http");
  await stowage.ran(() => stowage.runs.filter(({ reply }) => reply === "dev.stowage.index.updated.v1").length > before);
}

async function packageChart(version: string): Promise<string> {
  const chart = { name: "lantern", version };
  const directory = await writeChart(helm.home, chart, { "templates/pod.yaml": podOf("nginx:1.27") });
  await helm.run("package", directory, "--destination", helm.home);
  return join(helm.home, `lantern-${version}.tgz`);
}

const versions = ["1.9.0", "1.10.0-rc.1", "1.10.0", "1.2.0+b7"];

test("helm finds, updates, verifies, pulls and installs what was pushed", async (context) => {
  await push(join(signed, "lantern-1.1.0.tgz"));
  for (const version of versions) await push(await packageChart(version));
  await helm.run("repo", "add", "stowage", charts);

  await context.test("CR-T12: helm search shows every version, the newest first", async () => {
    const found = JSON.parse(
      await helm.run("search", "repo", "stowage/lantern", "--versions", "--devel", "-o", "json"),
    );
    assert.deepEqual(
      found.map(({ version }: { version: string }) => version),
      ["1.10.0", "1.10.0-rc.1", "1.9.0", "1.2.0+b7", "1.1.0"],
    );
  });

  await context.test("CR-T17: helm pulls a version with + as it was pushed", async () => {
    const pushed = await readFile(join(helm.home, "lantern-1.2.0+b7.tgz"));
    const into = await mkdtemp(join(helm.home, "pulled-"));
    await helm.run("pull", "stowage/lantern", "--version", "1.2.0+b7", "--destination", into);
    assert.deepEqual(await readFile(join(into, "lantern-1.2.0+b7.tgz")), pushed);
  });

  await context.test("helm verifies a signed chart while it pulls it, and no unsigned one", async () => {
    const pull = (version: string) =>
      helm.run(
        ...["pull", "stowage/lantern", "--version", version, "--destination", helm.home],
        ...["--verify", "--keyring", join(signed, "pubring.gpg")],
      );
    assert.match(await pull("1.1.0"), /Signed by: Harbour Master/);
    assert.deepEqual(
      await readFile(join(helm.home, "lantern-1.1.0.tgz.prov")),
      await readFile(join(signed, "lantern-1.1.0.tgz.prov")),
    );
    await assert.rejects(pull("1.9.0"), /prov/);
  });

  await context.test("helm installs from it, as far as that needs no cluster", async () => {
    const manifests = await helm.run("install", "x", "stowage/lantern", "--version", "1.10.0", "--dry-run=client");
    assert.match(manifests, /image: "nginx:1\.27"/);
    const direct = await helm.run("template", "x", "lantern", "--repo", charts, "--version", "1.9.0");
    assert.match(direct, /image: "nginx:1\.27"/);
  });

  await context.test("helm repo update sees what was pushed since", async () => {
    await push(await packageChart("2.0.0"));
    await helm.run("repo", "update", "stowage");
    assert.match(await helm.run("search", "repo", "stowage/lantern"), /stowage\/lantern\s+2\.0\.0/);
  });

  await context.test(
    "the root and health are where the original adapter and ChartMuseum have them (CR-W11)",
    async () => {
      assert.equal(await (await fetch(charts)).text(), "Hello, World!");
      assert.equal((await fetch(`${charts}health`)).status, 200);
      assert.equal((await fetch(`${charts}api/charts/lantern/1.2.0+b7`)).status, 200);
    },
  );
});

test("CR-6 to CR-10: with the arguments of the original adapter a registry is served as it is, in its place", async () => {
  await using other = await startEmbeddedRegistry();
  await other.push("old/lamp", "1.0.0", chartArtifact({ name: "lamp", version: "1.0.0" }));
  const place = ["--storage=registry", `--storage-registry-repo=${other.host}`, "--storage-registry-scheme=HTTP"];
  await using adapter = await runStowage({ args: place });
  await adapter.ran(({ reply }) => reply === "dev.stowage.index.updated.v1");
  const { entries } = parse(await (await fetch(`${adapter.ready.charts}index.yaml`)).text());
  assert.deepEqual(Object.keys(entries), ["lamp"]);
  const chart = await fetch(new URL(entries.lamp[0].urls[0], adapter.ready.charts));
  assert.equal(await chart.text(), "the archive of lamp 1.0.0");
});

test("helm reads a repository that asks for a name and a password, and no other way", async () => {
  const config = join(helm.home, "readers.yaml");
  await writeFile(config, "charts: { readers: [{ user: anna, secret: { env: ANNAS_PASSWORD } }] }\n");
  await using closed = await runStowage({ args: ["--config", config], env: { ANNAS_PASSWORD: "pass:word" } });
  const file = await packageChart("3.0.0");
  await helm.run("push", file, `oci://${closed.ready.registry}/charts`, "--plain-http");
  await closed.ran(({ reply }) => reply === "dev.stowage.index.updated.v1");
  const add = (name: string, password: string) =>
    helm.run("repo", "add", name, closed.ready.charts, "--username", "anna", "--password", password);
  await assert.rejects(add("wrong", "password"), /401/);
  await add("closed", "pass:word");
  const into = await mkdtemp(join(helm.home, "pulled-"));
  await helm.run("pull", "closed/lantern", "--destination", into);
  assert.deepEqual(await readFile(join(into, "lantern-3.0.0.tgz")), await readFile(file));
  assert.equal((await fetch(`${closed.ready.charts}charts/lantern-3.0.0.tgz`)).status, 401);
  assert.equal((await fetch(`${closed.ready.charts}health`)).status, 200);
});
