import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { copy, openBuilt, openRegistries } from "../../lib/oci/index.ts";
import { startFakeRegistry } from "../fakes/registry.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";

const HOST = "registry.example.com";
const main = join(import.meta.dirname, "../../bin/stowage.ts");
/** More than one step of a reconcile takes. */
const REPOSITORIES = 20;

test("CR-T26: of two processes one reconciles; the next one goes on where a killed one was, and tells all of it", async () => {
  await using stack = new AsyncDisposableStack();
  const work = await mkdtemp(join(tmpdir(), "stowage-reconcile-"));
  stack.defer(() => rm(work, { recursive: true, force: true }));
  const fake = stack.use(await startFakeRegistry());
  const registries = openRegistries({
    settings: [{ host: HOST, endpoint: fake.url }],
    credentialFiles: [],
    userAgent: "stowage-test",
  });
  const names = Array.from({ length: REPOSITORIES }, (_, i) => `chart-${String(i).padStart(2, "0")}`);
  for (const name of names) {
    const built = openBuilt({ "1.0.0": chartArtifact({ name, version: "1.0.0" }) });
    await copy(built, "1.0.0", registries.repository(HOST, `charts/${name}`));
  }
  const config = join(work, "stowage.json");
  await writeFile(
    config,
    JSON.stringify({
      store: `file:${join(work, "store")}`,
      registries: [{ host: HOST, endpoint: fake.url }],
      index: { registries: [HOST] },
    }),
  );
  const reconcile = async (id: string): Promise<ChildProcess> => {
    const event = join(work, `${id}.json`);
    const type = "dev.knative.sources.ping";
    await writeFile(
      event,
      JSON.stringify({ specversion: "1.0", id, source: "/test", type, data: { task: "index-charts" } }),
    );
    const child = spawn(process.execPath, [main, "run", "index-charts", "--event", event, "--config", config], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    stack.defer(() => void child.kill("SIGKILL"));
    return child;
  };
  const ended = async (child: ChildProcess) => {
    const [said, [status]] = await Promise.all([text(child.stdout!), once(child, "exit")]);
    return { said, status };
  };
  const listings = () => fake.requests.filter(({ path }) => path.includes("/tags/list")).map(({ path }) => path);

  const stuck = Promise.withResolvers<void>();
  fake.misbehave(`/charts/${names.at(-1)}/tags/list`, () => stuck.resolve());
  const first = await reconcile("first");
  await stuck.promise;
  assert.ok(listings().length <= REPOSITORIES);

  const before = listings().length;
  assert.deepEqual(await ended(await reconcile("second")), { said: "", status: 0 });
  assert.equal(listings().length, before, "the second process asked for tags");

  const killed = once(first, "exit");
  first.kill("SIGKILL");
  await killed;
  const { said, status } = await ended(await reconcile("first"));
  assert.equal(status, 0);
  const { data } = JSON.parse(said);
  assert.deepEqual(data.counts, { added: REPOSITORIES, changed: 0, removed: 0 });
  assert.ok(
    !listings()
      .slice(before)
      .some((path) => path.includes(names[0]!)),
    "it began from the beginning",
  );
});
