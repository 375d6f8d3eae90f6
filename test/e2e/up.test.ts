import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { stowage } from "../cli/harness.ts";
import { runStowage } from "./stowage.ts";

const work = await mkdtemp(join(tmpdir(), "stowage-up-"));
after(() => rm(work, { recursive: true, force: true }));
const args = (name: string) => ["up", "--port", "0", "--registry-port", "0", "--data", join(work, name)];

test("the ready line says where everything is, and everything is there", async () => {
  await using running = await runStowage();
  const { ready, url, broker, charts, registry, hooks } = running.ready as typeof running.ready & { ready: boolean };
  assert.equal(ready, true);
  assert.deepEqual([broker, charts, hooks], [`${url}/`, `${url}/`, `${url}/hooks/`]);
  assert.equal((await fetch(`http://${registry}/v2/`)).status, 200);
  assert.equal((await fetch(`${charts}index.yaml`)).status, 200);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  assert.equal((await fetch(`${url}/nothing`)).status, 404);
  assert.equal((await fetch(broker, { method: "PUT" })).status, 405);
});

test("a port that is taken is status 1, naming it", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    for (const option of ["--port", "--registry-port"]) {
      const { status, stdout, stderr } = await stowage([...args("taken"), option, String(port)]);
      assert.deepEqual([status, stdout], [1, ""]);
      assert.match(stderr, new RegExp(`^stowage up: Cannot listen on 127\\.0\\.0\\.1:${port}: EADDRINUSE`));
    }
  } finally {
    server.close();
  }
});

test("a data directory that cannot be one is status 1", async () => {
  await writeFile(join(work, "file"), "");
  const { status, stderr } = await stowage(args("file"));
  assert.equal(status, 1);
  assert.match(stderr, /^stowage up: Cannot /);
});

test("triggers that ask for what the broker cannot do are status 1, naming file and field", async () => {
  const triggers = await mkdtemp(join(work, "triggers-"));
  const trigger = `apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: { name: odd }
spec:
  broker: stowage
  filters: [{ cesql: "type LIKE 'a%'" }]
  subscriber: { ref: { apiVersion: serving.knative.dev/v1, kind: Service, name: bury } }
`;
  await writeFile(join(triggers, "odd.yaml"), trigger);
  const { status, stderr } = await stowage(args("odd"), { triggers });
  assert.equal(status, 1);
  assert.match(stderr, /odd\.yaml.*cesql.*\(TRIGGER_INVALID\)/s);
  await writeFile(
    join(triggers, "odd.yaml"),
    trigger.replace("cesql: \"type LIKE 'a%'\"", "exact: { type: x }").replace("bury", "nobody"),
  );
  assert.match((await stowage(args("odd"), { triggers })).stderr, /no function "nobody"/);
});

test("CR-T34: another storage than a registry is status 1, with what there is", async () => {
  const { status, stderr } = await stowage([...args("storage"), "--storage=local"]);
  assert.equal(status, 1);
  assert.match(stderr, /^stowage up: Cannot use storage "local": there is only "registry"/);
});

test("an address beyond loopback is warned of", async () => {
  const stop = new AbortController();
  const ended = stowage([...args("wide"), "--host", "0.0.0.0"], {
    signal: stop.signal,
    onOutput: () => stop.abort(),
  });
  const { status, log } = await ended;
  assert.equal(status, 0);
  assert.ok(log.some(({ level, message }) => level === "warn" && message.includes("nobody is asked")));
});
