import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { compose, type Surroundings } from "../lib/compose.ts";
import { checkConfig } from "../lib/config/index.ts";
import { refuse, startFakeRegistry } from "./fakes/registry.ts";
import { collectingLog } from "./functions/harness.ts";

const open = (config: object = {}, more: Partial<Surroundings> = {}) =>
  compose(checkConfig({ store: "memory:", ...config }), { log: collectingLog(), ...more });

test("ports are opened once and shared", async () => {
  const deps = open();
  const [one, other] = await Promise.all([deps.ports(["store"]), deps.ports(["store", "config"])]);
  assert.equal(one.store, other.store);
});

test("a port that could not be opened is tried again", async () => {
  const deps = open({ store: "ftp://bucket" });
  await assert.rejects(deps.ports(["store"]), { code: "STORE_URL_INVALID" });
  await assert.rejects(deps.ports(["store"]), { code: "STORE_URL_INVALID" });
});

test("publishing without a sink is refused, not forgotten", async () => {
  const { publish } = await open().ports(["publish"]);
  await assert.rejects(publish([]), { code: "PORT_UNAVAILABLE" });
});

test("the API server is the one of KUBECONFIG; where there is neither that nor a pod, there is none", async (t) => {
  const env = process.env;
  t.after(() => {
    process.env = env;
  });
  process.env = { ...env };
  delete process.env["KUBERNETES_SERVICE_HOST"];
  process.env["KUBECONFIG"] = "/nowhere";
  await assert.rejects(open().ports(["kube"]), { code: "CREDENTIALS_INVALID", message: /"\/nowhere"/ });
  delete process.env["KUBECONFIG"];
  await assert.rejects(open().ports(["kube"]), { code: "PORT_UNAVAILABLE" });
});

test("secrets are read anew each time, without white space, and bounded", async () => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-secrets-"));
  try {
    const file = join(directory, "secret");
    const { secrets } = await open().ports(["secrets"]);
    for (const secret of ["first", "second"]) {
      await writeFile(file, `${secret}\n`);
      assert.equal(await secrets({ file }), secret);
    }
    await writeFile(file, "x".repeat(5000));
    await assert.rejects(secrets({ file }), { code: "CONFIG_INVALID" });
    await assert.rejects(secrets({ file: "/nowhere" }), { code: "CONFIG_INVALID" });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("a registry may ask for five seconds where a broker delivers again, and for two minutes where nobody does", async () => {
  await using registry = await startFakeRegistry();
  const stop = new AbortController();
  const resolve = async (patient: boolean, seconds: number): Promise<unknown> => {
    const { registries } = await open({}, { patient }).ports(["registries"]);
    registry.misbehave(`app-${seconds}/`, (_, response) => {
      response.setHeader("retry-after", `${seconds}`);
      refuse(response, 429, "TOOMANYREQUESTS");
    });
    return registries.repository(registry.host, `app-${seconds}`).resolve("1", stop.signal);
  };
  const waiting = [resolve(false, 4), resolve(true, 119)].map((each) => assert.rejects(each, { name: "AbortError" }));
  for (const [patient, seconds] of [
    [false, 6],
    [true, 121],
  ] as const) {
    await assert.rejects(resolve(patient, seconds), { code: "REGISTRY_UNAVAILABLE", retryAfter: seconds });
  }
  // nobody waits for these here; that they had not failed by now is all there is to see
  stop.abort();
  await Promise.all(waiting);
});
