import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { parse } from "yaml";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { openHelm } from "../real/helm.ts";
import { requiring } from "../real/programs.ts";
import { runStowage } from "./stowage.ts";

const run = promisify(execFile);
const work = await mkdtemp(join(tmpdir(), "stowage-clients-"));
after(() => rm(work, { recursive: true, force: true }));

async function packageChart(name: string, version: string): Promise<string> {
  const directory = await writeChart(work, { name, version }, { "templates/pod.yaml": podOf("nginx:1.27") });
  await using helm = await openHelm();
  await helm.run("package", directory, "--destination", work);
  return join(work, `${name}-${version}.tgz`);
}

test("helm pushes, adds the repository, searches and pulls the same bytes", async () => {
  await using stowage = await runStowage();
  await using helm = await openHelm();
  const file = await packageChart("lantern", "1.2.0");
  await helm.run("push", file, `oci://${stowage.ready.registry}/charts`, "--plain-http");
  await stowage.ran(({ reply }) => reply === "dev.stowage.index.updated.v1");
  await helm.run("repo", "add", "stowage", stowage.ready.charts);
  assert.match(await helm.run("search", "repo", "stowage/", "--versions"), /stowage\/lantern\s+1\.2\.0/);
  await helm.run("pull", "stowage/lantern", "--version", "1.2.0", "--destination", helm.home);
  assert.deepEqual(await readFile(join(helm.home, "lantern-1.2.0.tgz")), await readFile(file));
  await helm.run(
    "pull",
    `oci://${stowage.ready.registry}/charts/lantern`,
    "--version",
    "1.2.0",
    "--plain-http",
    "--destination",
    helm.home,
  );
});

test("skopeo copies into the embedded registry and out again", requiring("skopeo", "umoci"), async () => {
  await using stowage = await runStowage();
  const layout = join(work, "layout");
  await run("umoci", ["init", "--layout", layout]);
  await run("umoci", ["new", "--image", `${layout}:1`]);
  const place = `docker://${stowage.ready.registry}/demo/empty:1`;
  await run("skopeo", ["copy", "--quiet", "--dest-tls-verify=false", `oci:${layout}:1`, place]);
  await run("skopeo", ["copy", "--quiet", "--src-tls-verify=false", place, `oci:${join(work, "back")}:1`]);
  const index = async (directory: string) => parse(await readFile(join(work, directory, "index.json"), "utf8"));
  assert.equal((await index("back")).manifests[0].digest, (await index("layout")).manifests[0].digest);
});

test(
  "a chart pushed to a real docker-registry arrives through its notification",
  requiring("docker-registry"),
  async () => {
    const secretFile = join(work, "secret");
    await writeFile(secretFile, "correct horse battery staple\n");
    await using stowage = await runStowage({ env: { STOWAGE_WEBHOOK_SECRET_FILE: secretFile } });
    const headers = { Authorization: "Bearer correct horse battery staple" };
    await using registry = await startDockerRegistry({
      notify: { url: `${stowage.ready.hooks}distribution`, headers },
    });
    await using helm = await openHelm();
    await helm.run("push", await packageChart("beacon", "2.0.0"), `oci://${registry.host}/team/charts`, "--plain-http");
    await stowage.ran(({ function: name }) => name === "list-images");
    const index = parse(await (await fetch(`${stowage.ready.charts}index.yaml`)).text());
    assert.equal(index.entries.beacon[0].version, "2.0.0");
    const chart = await fetch(`${stowage.ready.charts}${index.entries.beacon[0].urls[0]}`);
    assert.deepEqual(Buffer.from(await chart.arrayBuffer()), await readFile(join(work, "beacon-2.0.0.tgz")));
  },
);

test("stowage up makes a webhook secret of its own, readable by its owner only", async () => {
  await using stowage = await runStowage();
  const { stat } = await import("node:fs/promises");
  const file = join(stowage.data, "secrets", "webhook");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const secret = (await readFile(file, "utf8")).trim();
  const post = (authorization: string) =>
    fetch(`${stowage.ready.hooks}distribution`, {
      method: "POST",
      headers: { authorization, "content-type": "application/vnd.docker.distribution.events.v2+json" },
      body: '{"events":[]}',
    });
  assert.equal((await post(`Bearer ${secret}`)).status, 202);
  assert.equal((await post("Bearer something else")).status, 401);
});

test("an event posted with curl wakes its function", requiring("curl"), async () => {
  await using stowage = await runStowage();
  const event = {
    specversion: "1.0",
    id: "1",
    source: "/me",
    type: "dev.knative.sources.ping",
    task: "index-charts",
    data: { task: "index-charts" },
  };
  const args = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", stowage.ready.broker];
  const structured = await run("curl", [
    ...args,
    "-H",
    "content-type: application/cloudevents+json",
    "-d",
    JSON.stringify(event),
  ]);
  assert.equal(structured.stdout, "202");
  await stowage.ran(({ function: name, status }) => name === "index-charts" && status === 204);
  const refused = await run("curl", [...args, "-H", "content-type: application/cloudevents+json", "-d", "{}"]);
  assert.equal(refused.stdout, "400");
});
