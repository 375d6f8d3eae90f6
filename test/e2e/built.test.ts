import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type FunctionName, functions } from "../../functions/index.ts";
import { buildMains, builtMains } from "../../tools/build.ts";
import { startKubeApi } from "../fakes/kube-api.ts";
import { startOtlpReceiver } from "../fakes/otlp-receiver.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { jobTemplate } from "../fixtures/job-template.ts";
import { startEmbeddedRegistry } from "../real/embedded-registry.ts";

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
const work = await mkdtemp(join(tmpdir(), "stowage-built-"));
stack.defer(() => rm(work, { recursive: true }));
const kube = stack.use(await startKubeApi());
const dist = join(work, "app/dist");
await mkdir(dist, { recursive: true });
await buildMains(dist);
await mkdir(join(work, "store"));
await writeFile(join(work, "store/readme.txt"), "read me");
await mkdir(join(work, "jobs"));
await writeFile(join(work, "jobs/build-bundle.yaml"), JSON.stringify(jobTemplate));
const config = join(work, "stowage.json");
await writeFile(
  config,
  JSON.stringify({ store: `file:${join(work, "store")}`, jobs: { templates: join(work, "jobs") } }),
);
const secretFile = join(work, "secret");
await writeFile(secretFile, "a secret of more than sixteen characters");
const env = {
  PATH: process.env["PATH"],
  HOME: work,
  STOWAGE_CONFIG: config,
  STOWAGE_WEBHOOK_SECRET_FILE: secretFile,
  KUBECONFIG: kube.kubeconfig,
};

/** A request to send and the status of its answer. Requests of one function share nothing. */
interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly status: number;
}

const structured = { "content-type": "application/cloudevents+json" };
const event = (type: string, data: unknown) => ({ specversion: "1.0", id: "built-1", source: "/test", type, data });
/** Of nothing but a file that lies in the store. */
const release = { name: "demo", version: "1.0.0", files: [{ path: "readme.txt", from: "readme.txt" }] };
const listed = { release: "demo", version: "1.0.0", key: "k", images: 0, optional: 0, possible: 0, suspected: 0 };
const notified = { "content-type": "application/vnd.docker.distribution.events.v2+json" };
const proven = { ...notified, authorization: "Bearer a secret of more than sixteen characters" };
/** Of the distribution registry: https://distribution.github.io/distribution/about/notifications/ */
const notification = { events: [] };

/** An event that a function answers as `status` says, alone in the world; the same event with bad data it refuses. */
const on = (type: string, data: unknown, status: 200 | 204): readonly [Sent, Sent] => [
  { headers: structured, body: event(type, data), status },
  { headers: structured, body: event(type, { nonsense: true }), status: 422 },
];

/** What each function is sent: something that it answers, and something that it refuses. A new function needs its line. */
const sent: Readonly<Record<FunctionName, readonly [answered: Sent, refused: Sent]>> = {
  "build-bundle": on("dev.stowage.bundle.requested.v1", { release }, 200),
  bury: [
    { headers: structured, body: event("com.example.any", {}), status: 204 },
    { headers: structured, body: { ...event("com.example.any", {}), id: "" }, status: 400 },
  ],
  "follow-release": on("dev.knative.sources.ping", { task: "follow-release" }, 204),
  "index-charts": on("dev.knative.sources.ping", { task: "index-charts" }, 204),
  "list-images": on("dev.stowage.images.requested.v1", { release }, 200),
  "mirror-images": on("dev.stowage.mirror.requested.v1", { images: ["a/b:1"], hops: [{ to: "127.0.0.1:1" }] }, 200),
  "receive-webhook": [
    { path: "/hooks/distribution", headers: proven, body: notification, status: 202 },
    { path: "/hooks/distribution", headers: notified, body: notification, status: 401 },
  ],
  "report-release": on("dev.stowage.images.listed.v1", listed, 204),
  "serve-charts": [
    { method: "GET", path: "/index.yaml", status: 200 },
    { method: "GET", path: "/charts/none-1.0.0.tgz", status: 404 },
  ],
  "start-job": [
    { path: "/build-bundle", headers: structured, body: event("dev.stowage.bundle.requested.v1", {}), status: 202 },
    { path: "/none", headers: structured, body: event("dev.stowage.bundle.requested.v1", {}), status: 422 },
  ],
};

interface Served {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  readonly port: number;
}

async function serve(name: string, more: Readonly<Record<string, string>> = {}): Promise<Served> {
  const child = spawn(process.execPath, [join(dist, "knative.mjs")], {
    cwd: work,
    env: { ...env, PORT: "0", FUNCTION_TARGET: name, ...more },
    stdio: ["ignore", "inherit", "pipe"],
  });
  stack.defer(() => void child.kill("SIGKILL"));
  const exit = once(child, "exit").then(([code]) => code as number | null);
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    void exit.then((code) => reject(new Error(`${name} ended with ${code}: ${said.join("\n")}`)));
    createInterface(child.stderr!).on("line", (line) => {
      said.push(line);
      const { msg, url } = JSON.parse(line) as { readonly msg: string; readonly url?: string };
      if (msg === "ready") resolve({ child, exit, port: Number(new URL(url!).port) });
    });
  });
}

const open = (port: number, { method = "POST", path = "/", headers = {} }: Sent): ClientRequest =>
  request({ port, host: "127.0.0.1", method, path, headers, agent: false });

async function answerTo(outgoing: ClientRequest): Promise<{ readonly status: number; readonly said: string }> {
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, said: await text(response) };
}

async function ask(port: number, one: Sent) {
  const outgoing = open(port, one);
  outgoing.end(one.body && JSON.stringify(one.body));
  return answerTo(outgoing);
}

/** Resolves once nobody listens any more. */
async function closed(port: number): Promise<void> {
  for (;;) {
    const refused = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(false);
      }).on("error", () => resolve(true));
    });
    if (refused) return;
    await sleep(5);
  }
}

describe("built", { concurrency: 2 }, () => {
  for (const name of Object.keys(functions) as FunctionName[]) {
    test(`${name} answers, refuses, and ends on SIGTERM only after what is in flight is answered`, async () => {
      const [answered, refused] = sent[name];
      const { child, exit, port } = await serve(name);
      const bad = await ask(port, refused);
      assert.equal(bad.status, refused.status, bad.said);

      // the head of the request has arrived when the server says so, and its body has not been sent yet
      const bytes = JSON.stringify(answered.body ?? {});
      const headers = { ...answered.headers, expect: "100-continue", "content-length": String(bytes.length) };
      const outgoing = open(port, { ...answered, headers });
      const received = once(outgoing, "continue");
      outgoing.flushHeaders();
      await received;
      child.kill("SIGTERM");
      await closed(port);
      outgoing.end(bytes);
      const good = await answerTo(outgoing);
      assert.equal(good.status, answered.status, good.said);
      assert.equal(await exit, 0);
    });
  }
});

test("a build makes what is started, and parts of it with the licences of what is in them", async () => {
  const made = await readdir(dist);
  assert.deepEqual(
    builtMains.filter((file) => !made.includes(file)),
    [],
  );
  const parts = made.filter((file) => !builtMains.includes(file));
  for (const file of parts) assert.match(file, /^[\w-]+-[A-Z0-9]{8}\.mjs(\.LEGAL\.txt)?$|\.mjs\.LEGAL\.txt$/);
  assert.ok(parts.some((file) => file.endsWith(".LEGAL.txt")));
});

/** What is loaded to run `entry`, without what it loads later. */
async function loadedBy(...entries: readonly string[]): Promise<readonly string[]> {
  const loaded = new Map<string, string>();
  const load = async (file: string): Promise<void> => {
    if (loaded.has(file)) return;
    const source = await readFile(join(dist, file), "utf8");
    loaded.set(file, source);
    for (const [, part] of source.matchAll(/(?:from|import)"\.\/([^"]+)"/g)) await load(part!);
  };
  for (const entry of entries) await load(entry);
  return [...loaded.values()];
}

test("threads load no part that they have no use for: no client of registries, nor of stores", async () => {
  const sources = await loadedBy("render-worker.mjs", "images-worker.mjs");
  assert.ok(sources.some((source) => source.includes("Cannot render chart")));
  assert.deepEqual(
    ["Www-Authenticate", "www-authenticate", "docker-content-digest"].filter((word) =>
      sources.some((source) => source.includes(word)),
    ),
    [],
  );
});

test("what lists the images of a chart on disk loads neither YAML, schemas, logs nor registries beside its thread", async () => {
  const made = await readdir(dist);
  const verb = made.filter((name) => /^(command-line|images)-[A-Z0-9]{8}\.mjs$/.test(name));
  assert.equal(verb.length, 2);
  const sources = await loadedBy("stowage.mjs", ...verb);
  assert.ok(sources.some((source) => source.includes("--skip-schema-validation")));
  const bytes = sources.reduce((sum, source) => sum + source.length, 0);
  assert.ok(bytes < 60_000, `it loads ${bytes} bytes`);
});

test("what is made is the same when it is made again", async () => {
  const again = join(work, "again");
  await buildMains(again);
  assert.deepEqual((await readdir(again)).sort(), (await readdir(dist)).sort());
  for (const file of builtMains) assert.deepEqual(await readFile(join(again, file)), await readFile(join(dist, file)));
});

test("what the image's build runs to fill Node's compile cache runs every main, and fills it", async () => {
  const cache = join(work, "cache");
  const warm = join(import.meta.dirname, "../../image/warm.mjs");
  const child = spawn(process.execPath, [warm, dist], {
    env: { PATH: env.PATH, HOME: work, NODE_COMPILE_CACHE: cache },
    stdio: ["ignore", "inherit", "pipe"],
  });
  const [[code], said] = await Promise.all([once(child, "exit"), text(child.stderr)]);
  assert.equal(code, 0, said);
  const [version = ""] = await readdir(cache);
  assert.ok(version.startsWith(`v${process.versions.node}-`));
  assert.ok((await readdir(join(cache, version))).length >= 3);
});

test("CR-13: the entry point without a function takes the place of the original adapter, with its arguments", async () => {
  await using registry = await startEmbeddedRegistry();
  await registry.push("charts/lantern", "1.0.0", chartArtifact({ name: "lantern", version: "1.0.0" }));
  const adapter = ["--storage=registry", `--storage-registry-repo=${registry.host}`, "--port=0"];
  const here = ["--host=127.0.0.1", "--registry-port=0", `--data=${join(work, "adapter")}`];
  await symlink(join(import.meta.dirname, "../../triggers"), join(work, "app/triggers"));
  const child = spawn(process.execPath, [join(dist, "container.mjs"), ...adapter, ...here], {
    cwd: work,
    env: { PATH: env.PATH, HOME: work },
    stdio: ["ignore", "pipe", "ignore"],
  });
  stack.defer(() => void child.kill("SIGKILL"));
  const exit = once(child, "exit");
  const ended = exit.then(([code]) => Promise.reject(new Error(`it ended with ${code}`)));
  const [line] = (await Promise.race([once(createInterface(child.stdout), "line"), ended])) as [string];
  const { charts } = JSON.parse(line) as { readonly charts: string };
  const served = async (): Promise<boolean> =>
    (await (await fetch(new URL("index.yaml", charts))).text()).includes("lantern");
  while (!(await served())) await sleep(20);
  ended.catch(() => {});
  child.kill("SIGTERM");
  assert.deepEqual(await exit, [0, null]);
});

test("job.mjs runs the function of its environment on the mounted event, and writes the ledger", async () => {
  const [{ body }, { body: bad }] = sent["list-images"];
  const run = async (given: object): Promise<number | null> => {
    await writeFile(join(work, "event"), JSON.stringify(given));
    const child = spawn(process.execPath, [join(dist, "job.mjs")], {
      cwd: work,
      env: { ...env, FUNCTION_TARGET: "list-images", K_EVENT_PATH: work },
      stdio: "ignore",
    });
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  };
  assert.equal(await run({ ...body, id: "job-1" }), 0);
  assert.equal(await run({ ...bad, id: "job-2" }), 3);
  const runs = join(work, "store/runs");
  const [day = ""] = await readdir(runs);
  const [good, refused] = await Promise.all(
    ["job-1", "job-2"].map(async (id) => JSON.parse(await readFile(join(runs, day, `${id}.json`), "utf8"))),
  );
  assert.deepEqual(
    [good.status, good.function, refused.status, refused.code],
    [200, "list-images", 422, "EVENT_INVALID"],
  );
});

test("a Job and a command, called as in the image, send what they saw before they end", async () => {
  await using receiver = await startOtlpReceiver();
  const [{ body }] = sent["list-images"];
  await writeFile(join(work, "event"), JSON.stringify({ ...body, id: "sent-1" }));
  await symlink(join(dist, "stowage.mjs"), join(work, "stowage"));
  const observed = {
    ...env,
    PATH: `${dirname(process.execPath)}:${env.PATH}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    FUNCTION_TARGET: "list-images",
    K_EVENT_PATH: work,
  };
  const commands = [
    [process.execPath, join(dist, "job.mjs")],
    [join(work, "stowage"), "run", "list-images", "--event", join(work, "event")],
  ] as const;
  for (const [program, ...args] of commands) {
    const child = spawn(program, args, { cwd: work, env: observed, stdio: ["ignore", "ignore", "pipe"] });
    const [[code], said] = await Promise.all([once(child, "exit"), text(child.stderr)]);
    assert.equal(code, 0, said);
  }
  const runs = receiver.spans.filter(({ name }) => name === "list-images");
  assert.deepEqual([receiver.problems, runs.length, new Set(runs.map(({ traceId }) => traceId)).size], [[], 2, 1]);
  assert.equal(receiver.metrics.get("stowage.runs")?.points.length, 1);
});

test("OpenTelemetry is in a file of its own, which is loaded only where something says where to send", async () => {
  await using receiver = await startOtlpReceiver();
  const made = (await readdir(dist)).filter((name) => name.endsWith(".mjs"));
  const holders: string[] = [];
  for (const name of made) if ((await readFile(join(dist, name), "utf8")).includes("resourceSpans")) holders.push(name);
  assert.match(holders.join(), /^open-telemetry-[A-Z0-9]{8}\.mjs$/);
  const [answered] = sent.bury;
  const observed = await serve("bury", { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
  assert.equal((await ask(observed.port, answered)).status, 204);
  observed.child.kill("SIGTERM");
  assert.equal(await observed.exit, 0);
  assert.deepEqual(receiver.problems, []);
  assert.ok(receiver.spans.some(({ name }) => name === "bury"));

  const [file, aside] = [join(dist, holders.join()), join(work, "aside.mjs")];
  await copyFile(file, aside);
  await rm(file);
  const { connections } = receiver;
  try {
    const alone = await serve("bury");
    assert.equal((await ask(alone.port, answered)).status, 204);
    alone.child.kill("SIGTERM");
    assert.equal(await alone.exit, 0);
    await assert.rejects(serve("bury", { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }), /open-telemetry/);
  } finally {
    await copyFile(aside, file);
  }
  assert.equal(receiver.connections, connections);
});
