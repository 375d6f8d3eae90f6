import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { copy, openBuilt, openRegistries } from "../../lib/oci/index.ts";
import { openStore } from "../../lib/store/index.ts";
import { startFaultProxy } from "../fakes/fault-proxy.ts";
import { chartArchive } from "../fixtures/chart-archive.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf } from "../fixtures/chart-directory.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { runStowage } from "./stowage.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-crash-"));
after(() => rm(work, { recursive: true, force: true }));

test(
  "kill -9 between acceptance and completion: after a restart the work completes, once",
  requiring("docker-registry"),
  async () => {
    const data = join(work, "data");
    const archive = await chartArchive("web", "0.1.0", { "templates/pod.yaml": podOf("nginx:1.27") });
    await using docker = await startDockerRegistry();
    await using proxy = await startFaultProxy({ registry: docker.host });
    const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "test" });
    const chart = openBuilt({ "0.1.0": chartArtifact({ name: "web", version: "0.1.0" }, { archive }) });
    await copy(chart, "0.1.0", registries.repository(docker.host, "charts/web"));

    // the function has begun, and its registry does not answer
    proxy.inject({ faults: [{ kind: "stall" }] });
    const first = await runStowage({ data });
    const { status } = await fetch(first.ready.url, {
      method: "POST",
      headers: { "content-type": "application/cloudevents+json" },
      body: JSON.stringify({
        specversion: "1.0",
        id: "push",
        source: "/test",
        type: "dev.stowage.artifact.pushed.v1",
        data: { registry: proxy.host, repository: "charts/web", tag: "0.1.0", artifactKind: "chart" },
      }),
    });
    assert.equal(status, 202);
    while (proxy.passages.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const ended = once(first.child, "exit");
    first.child.kill("SIGKILL");
    await ended;
    assert.deepEqual(first.runs, []);

    proxy.heal();
    await using second = await runStowage({ data });
    await second.ran(({ function: name }) => name === "list-images");
    assert.deepEqual(
      second.runs.map(({ function: name, status }) => [name, status]),
      [
        ["index-charts", 200],
        ["list-images", 204],
      ],
    );
    const store = await openStore(`file:${join(data, "store")}`);
    assert.equal((await Array.fromAsync(store.list("images/"))).length, 1);
    const index = await (await fetch(`${second.ready.charts}index.yaml`)).text();
    assert.equal(index.match(/name: "web"/g)?.length, 1);
  },
);

test("a second process on the same directory is refused while the first runs", async () => {
  const data = join(work, "shared");
  await using _first = await runStowage({ data });
  await assert.rejects(runStowage({ data }), /DATA_IN_USE/);
});

test("SIGTERM ends stowage up with status 0", async () => {
  const stowage = await runStowage();
  const ended = once(stowage.child, "exit");
  stowage.child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
  await stowage[Symbol.asyncDispose]();
});
