import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { startDockerRegistry } from "../real/docker-registry.ts";
import { requiring } from "../real/programs.ts";
import { runStowage } from "./stowage.ts";

const SECRET = "a secret of more than sixteen characters";
/** Milliseconds; much longer than it ever takes. */
const PATIENCE = 240_000;

interface Chart {
  readonly name: string;
  readonly version: string;
}
const names = Array.from({ length: 50 }, (_, i) => `chart-${i}`);
const charts = Array.from({ length: 20 }, (_, i) => `1.${i}.0`).flatMap((version) =>
  names.map((name): Chart => ({ name, version })),
);
const fileOf = ({ name, version }: Chart): string => `${name}-${version}.tgz`;
const filesOf = (list: readonly Chart[]): readonly string[] => list.map(fileOf).sort();

test(
  "of 1,000 charts pushed at once every one is served, told by nothing but notifications",
  requiring("docker-registry"),
  async () => {
    await using site = await openSite(() => true);
    await site.push(charts);
    await site.requireServed(charts);
  },
);

test(
  "where 10 % of the notifications are lost, one reconcile makes the index complete",
  requiring("docker-registry"),
  async () => {
    const isLost = (tag: string | undefined): boolean => tag === "1.3.0" || tag === "1.13.0";
    await using site = await openSite(({ tag }) => !isLost(tag));
    await site.push(charts);
    const told = charts.filter(({ version }) => !isLost(version));
    assert.equal(told.length, 900);
    await site.requireServed(told);
    await site.reconcile();
    await site.requireServed(charts);
  },
);

/** What a notification says of an artifact. */
interface Told {
  readonly repository: string;
  readonly tag?: string;
}

/** A real registry whose notifications reach `stowage up` as far as they are delivered. */
async function openSite(isDelivered: (told: Told) => boolean) {
  const stack = new AsyncDisposableStack();
  const work = await mkdtemp(join(tmpdir(), "stowage-many-"));
  stack.defer(() => rm(work, { recursive: true, force: true }));
  const line = stack.use(await openLine(isDelivered));
  const notify = { url: line.url, headers: { Authorization: SECRET } };
  const registry = stack.use(await startDockerRegistry({ notify }));
  const secretFile = join(work, "secret");
  await writeFile(secretFile, SECRET);
  const config = join(work, "stowage.json");
  await writeFile(
    config,
    JSON.stringify({ index: { registries: [registry.host] }, webhooks: { distribution: { secretFile } } }),
  );
  const stowage = stack.use(await runStowage({ args: ["--config", config] }));
  line.connect(`${stowage.ready.hooks}distribution`);
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  stack.defer(() => agent.destroy());

  const files = async (): Promise<readonly string[]> => {
    const { entries } = (await (await fetch(`${stowage.ready.charts}index.json`)).json()) as {
      readonly entries: Readonly<Record<string, readonly Chart[]>>;
    };
    return filesOf(Object.values(entries).flat());
  };
  return {
    push: (list: readonly Chart[]) => Promise.all(list.map((chart) => push(chart, `http://${registry.host}`, agent))),
    /** The index has these charts in the end, and no others. */
    async requireServed(list: readonly Chart[]): Promise<void> {
      const end = Date.now() + PATIENCE;
      let found = await files();
      while (found.length < list.length && Date.now() < end) {
        await sleep(100);
        found = await files();
      }
      const missing = list.filter((chart) => !found.includes(fileOf(chart)));
      const subjects = missing.map(({ name, version }) => `charts/${name}:${version}`);
      const ran = stowage.runs.filter(({ subject = "" }) => subjects.includes(subject));
      assert.deepEqual(found, filesOf(list), `missing: ${subjects.join(" ")}; for them ran ${JSON.stringify(ran)}`);
    },
    /** What a tick of the schedule asks for. */
    async reconcile(): Promise<void> {
      const id = randomUUID();
      const event = { specversion: "1.0", id, source: "/test", subject: id, type: "dev.knative.sources.ping" };
      const answer = await fetch(stowage.ready.broker, {
        method: "POST",
        headers: { "content-type": "application/cloudevents+json" },
        body: JSON.stringify({ ...event, task: "index-charts", data: { task: "index-charts" } }),
      });
      assert.equal(answer.status, 202);
      const { status } = await stowage.ran(({ subject }) => subject === id);
      assert.equal(status, 200);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** What lies between a registry and stowage: it loses some of the notifications, and says they have arrived. */
async function openLine(isDelivered: (told: Told) => boolean) {
  const agent = new Agent({ keepAlive: true });
  let target: string | undefined;
  const deliver = async ({ headers }: IncomingMessage, body: Buffer): Promise<number> => {
    const { events } = JSON.parse(body.toString()) as { readonly events: readonly { readonly target: Told }[] };
    if (!events.some(({ target: told }) => isDelivered(told))) return 200;
    assert.equal(events.length, 1, "distribution sends events one by one");
    const { "content-type": type, authorization } = headers;
    return (await send("POST", target!, { type: type!, authorization: authorization!, body, agent })).statusCode!;
  };
  const server = createServer((incoming, response) => {
    Array.fromAsync<Buffer>(incoming)
      .then((chunks) => deliver(incoming, Buffer.concat(chunks)))
      .then((status) => response.writeHead(status).end())
      .catch(() => response.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connect(to: string): void {
      target = to;
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Push as helm does, without asking first what is there. */
async function push({ name, version }: Chart, registry: string, agent: Agent): Promise<void> {
  const repository = `${registry}/v2/charts/${name}`;
  const built = chartArtifact({ name, version, type: "library" });
  for (const { descriptor, bytes } of built.contents) {
    const { digest, mediaType } = descriptor;
    const body = Buffer.concat(await Array.fromAsync(bytes()));
    if (digest === built.descriptor.digest) {
      await send("PUT", `${repository}/manifests/${version}`, { type: mediaType, body, agent });
    } else {
      const { headers } = await send("POST", `${repository}/blobs/uploads/`, { agent });
      const upload = new URL(headers.location!, registry);
      upload.searchParams.set("digest", digest);
      await send("PUT", upload.href, { type: "application/octet-stream", body, agent });
    }
  }
}

interface Sent {
  readonly agent: Agent;
  readonly type?: string;
  readonly authorization?: string;
  readonly body?: Buffer;
}

/** @returns the answer, read to its end */
async function send(method: string, url: string, { agent, type, authorization, body }: Sent): Promise<IncomingMessage> {
  const headers = { "content-type": type, authorization, "content-length": body?.byteLength ?? 0 };
  const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined));
  const sent = request(url, { method, agent, headers: given }).end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  await Array.fromAsync(answer);
  if (answer.statusCode! >= 300) throw new Error(`${method} ${url}: ${answer.statusCode}`);
  return answer;
}
