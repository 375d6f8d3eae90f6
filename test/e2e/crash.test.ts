import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { copy, openBuilt, openRegistries } from "../../lib/oci/index.ts";
import { openStore } from "../../lib/store/index.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { podOf, writeChart } from "../fixtures/chart-directory.ts";
import { ensureHelm, openHelm } from "../real/helm.ts";
import { runStowage } from "./stowage.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-crash-"));
after(() => rm(work, { recursive: true, force: true }));

/** A helm that says it was started, then waits for a file before it works. */
async function waitingHelm(): Promise<{ readonly binary: string; readonly started: string; readonly go: string }> {
  const [binary, started, go] = [join(work, "helm.sh"), join(work, "started"), join(work, "go")];
  const real = await ensureHelm();
  const script = `#!/bin/sh
if [ "$1" = template ]; then
  : > ${started}
  while [ ! -e ${go} ]; do sleep 0.05; done
fi
exec ${real} "$@"
`;
  await writeFile(binary, script, { mode: 0o755 });
  return { binary, started, go };
}

test("kill -9 between acceptance and completion: after a restart the work completes, once", async () => {
  const { binary, started, go } = await waitingHelm();
  const data = join(work, "data");
  const directory = await writeChart(
    work,
    { name: "web", version: "0.1.0" },
    { "templates/pod.yaml": podOf("nginx:1.27") },
  );
  await using helm = await openHelm();
  await helm.run("package", directory, "--destination", work);
  const archive = await readFile(join(work, "web-0.1.0.tgz"));

  // what a killed process leaves in its temporary directory is ours to remove
  const first = await runStowage({ data, env: { HELM_BIN: binary, TMPDIR: work } });
  const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "test" });
  const chart = openBuilt({ "0.1.0": chartArtifact({ name: "web", version: "0.1.0" }, { archive }) });
  await copy(chart, "0.1.0", registries.repository(first.ready.registry, "charts/web"));
  while (!(await exists(started))) await new Promise((resolve) => setTimeout(resolve, 10));
  const ended = once(first.child, "exit");
  first.child.kill("SIGKILL");
  await ended;
  await writeFile(go, "");
  assert.deepEqual(
    first.runs.map(({ function: name }) => name),
    ["index-charts"],
  );

  await using second = await runStowage({ data, env: { HELM_BIN: binary } });
  await second.ran(({ function: name }) => name === "list-images");
  assert.deepEqual(
    second.runs.map(({ function: name, status }) => [name, status]),
    [["list-images", 204]],
  );
  const store = await openStore(`file:${join(data, "store")}`);
  assert.equal((await Array.fromAsync(store.list("images/"))).length, 1);
  const index = await (await fetch(`${second.ready.charts}index.yaml`)).text();
  assert.equal(index.match(/name: "web"/g)?.length, 1);
});

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

const exists = (path: string): Promise<boolean> =>
  readFile(path).then(
    () => true,
    () => false,
  );
