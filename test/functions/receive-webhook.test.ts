import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import receiveWebhook from "../../functions/receive-webhook.ts";
import { compose } from "../../lib/compose.ts";
import { checkConfig } from "../../lib/config/index.ts";
import { TransientError } from "../../lib/errors.ts";
import { answer, defineSink, type HttpRequest } from "../../lib/runtime/index.ts";
import { startLocal } from "../../lib/runtime/local/index.ts";
import { collectTrigger } from "../fixtures/collect-trigger.ts";
import { type Kind, proven, SECRET, sample, settingsOf } from "../webhooks/deliveries.ts";
import { bodyOf, collectingLog, Harness } from "./harness.ts";

const directory = await mkdtemp(join(tmpdir(), "stowage-webhook-"));
after(() => rm(directory, { recursive: true, force: true }));
const secretFile = join(directory, "secret");
await writeFile(secretFile, `${SECRET}\n`);

const settings = (kind: Kind, rest: object = {}) => settingsOf(kind, { secrets: [{ file: secretFile }], ...rest });
const open = (...sources: readonly object[]) => new Harness({ webhooks: { sources } });

/** A sample as an HTTP request to the source that is called like its kind. */
function requestOf(name: string, { secret = SECRET, body }: { secret?: string; body?: Uint8Array } = {}) {
  const kind = name.split("/", 1)[0] as Kind;
  const given = sample(name);
  const delivery = proven(kind, given.headers, body ?? Buffer.from(JSON.stringify(given.body)), secret);
  const path = `/hooks/${kind}${delivery.pathSecret === undefined ? "" : `/${delivery.pathSecret}`}`;
  return { method: "POST", path, headers: delivery.headers, body: delivery.body };
}

async function post(harness: Harness, name: string, change: Partial<HttpRequest> & { secret?: string } = {}) {
  const { secret, ...rest } = change;
  const made = { ...requestOf(name, secret === undefined ? {} : { secret }), ...rest };
  const { status, headers, body } = await harness.request(receiveWebhook, made.path, made);
  return { status, headers, body: JSON.parse(String(await bodyOf(body as Uint8Array))) };
}

test("events are published before the answer, which says what was taken and why not more", async () => {
  const harness = open(settings("distribution"));
  const { status, body } = await post(harness, "distribution/mixed");
  assert.equal(status, 202);
  assert.deepEqual(
    harness.published.map(({ type, subject }) => [type, subject]),
    [
      ["dev.stowage.artifact.pushed.v1", "charts/lantern:1.0.0"],
      ["dev.stowage.artifact.pushed.v1", "charts/lantern:1.1.0"],
    ],
  );
  assert.deepEqual([body.accepted, body.ignored, body.reasons.length], [2, 4, 4]);
  assert.match(body.reasons[0], /^notification 1: /);
});

for (const name of [
  "distribution/push-v2",
  "harbor/push",
  "harbor/push-cloudevents",
  "zot/updated",
  "azure/push",
  "quay/push",
  "aliyun/push",
  "gitea/created",
  "github/registry-package",
]) {
  const kind = name.split("/", 1)[0] as Kind;

  test(`${name} is taken at the path of its source, and refused without detail when it proves nothing`, async () => {
    const harness = open(settings(kind));
    const forged = await post(harness, name, { secret: "some other secret" });
    const expected = ["distribution", "harbor", "zot", "azure"].includes(kind) ? 401 : 403;
    assert.equal(forged.status, expected);
    assert.deepEqual(forged.body, { code: "WEBHOOK_UNAUTHENTICATED", message: "Cannot accept webhook" });
    assert.deepEqual(harness.published, []);
    assert.equal((await post(harness, name)).status, 202);
    assert.ok(harness.published.length > 0);
  });
}

test("while a secret is replaced, both are taken; variables hold secrets as well as files", async () => {
  const variable = "STOWAGE_TEST_NEXT_SECRET";
  process.env[variable] = "the secret after this one";
  try {
    const harness = open(settings("github", { secrets: [{ file: secretFile }, { env: variable }] }));
    for (const secret of [SECRET, "the secret after this one"]) {
      assert.equal((await post(harness, "github/registry-package", { secret })).status, 202);
    }
  } finally {
    delete process.env[variable];
  }
});

test("what is no notification is 400 or 415, with code and reason", async () => {
  const harness = open(settings("harbor"));
  const cut = await post(harness, "harbor/push", { body: Buffer.from("{") });
  assert.deepEqual([cut.status, cut.body.code], [400, "WEBHOOK_INVALID"]);
  const headers = { ...requestOf("harbor/push").headers, "content-type": "text/xml" };
  const wrong = await post(harness, "harbor/push", { headers });
  assert.deepEqual([wrong.status, wrong.body.code], [415, "WEBHOOK_MEDIA_TYPE"]);
  assert.deepEqual(harness.published, []);
});

test("a notification that changes nothing is 202: sent again, it would change nothing either", async () => {
  const harness = open(settings("azure"));
  const { status, body } = await post(harness, "azure/ping");
  assert.deepEqual([status, body.accepted, body.ignored], [202, 0, 1]);
});

test("however many notifications are ignored, the answer stays short", async () => {
  const harness = open(settings("distribution"));
  const body = Buffer.from(JSON.stringify({ events: Array(1000).fill({ action: "x".repeat(500) }) }));
  const answered = await post(harness, "distribution/push-v2", { body });
  assert.deepEqual([answered.status, answered.body.ignored], [202, 1000]);
  assert.ok(JSON.stringify(answered.body).length < 20_000);
});

test("other paths are 404, other methods 405", async () => {
  const harness = open(settings("distribution"), settings("quay"));
  for (const path of [
    "/hooks",
    "/hooks/",
    "/hooks/unknown",
    "/hooks/distribution/x",
    "/hooks/quay/a/b",
    "/hooks/__proto__",
  ]) {
    assert.equal((await post(harness, "distribution/push-v2", { path })).status, 404, path);
  }
  for (const method of ["GET", "HEAD", "OPTIONS", "PUT"]) {
    const { status, headers } = await post(harness, "distribution/push-v2", { method });
    assert.deepEqual([status, headers?.["allow"]], [405, "POST"]);
  }
});

test("without a configured source there is no webhook: fail closed", async () => {
  assert.equal((await post(new Harness(), "distribution/push-v2")).status, 404);
});

test("webhooks.distribution is a source without a list: of this machine and the registries of the configuration", async () => {
  const harness = new Harness({
    webhooks: { distribution: { secretFile } },
    index: { registries: ["registry.example"] },
  });
  assert.equal((await post(harness, "distribution/push-v2")).body.accepted, 1);
  const stranger = new Harness({ webhooks: { distribution: { secretFile } } });
  const { status, body } = await post(stranger, "distribution/push-v2");
  assert.deepEqual([status, body.accepted], [202, 0]);
  assert.match(body.reasons[0], /does not stand for the registry "registry\.example"/);
});

test("a secret that cannot be had closes the door, tells nobody why, and asks for another try", async () => {
  await writeFile(join(directory, "short"), "short");
  for (const secret of [{ file: "/nowhere" }, { file: join(directory, "short") }, { env: "STOWAGE_TEST_NOT_SET" }]) {
    const harness = open(settings("harbor", { secrets: [{ file: secretFile }, secret] }));
    const { status, body } = await post(harness, "harbor/push");
    assert.equal(status, 503);
    assert.deepEqual(body, { code: "CONFIG_INVALID", message: "Cannot accept webhooks now" });
    assert.deepEqual(harness.published, []);
    assert.equal(harness.log.lines.at(-1)?.level, "warn");
  }
});

test("when the events cannot be handed on, the sender is asked to try again", async () => {
  const deps = compose(checkConfig({ store: "memory:", webhooks: { sources: [settings("harbor")] } }), {
    log: collectingLog(),
    publish: async () => {
      throw new TransientError("BROKER_UNAVAILABLE", "Cannot accept event: the disk is full", { retryAfter: 10 });
    },
  });
  const made = { ...requestOf("harbor/push"), query: new URLSearchParams() };
  const { status, headers } = await answer(receiveWebhook, made, deps, new AbortController().signal);
  assert.deepEqual([status, headers?.["retry-after"]], [503, "10"]);
});

test("no log line carries a secret", async () => {
  const harness = open(settings("distribution"), settings("quay"));
  for (const name of ["distribution/push-v2", "quay/push"]) {
    await post(harness, name);
    await post(harness, name, { body: Buffer.from("{") });
    await post(harness, name, { secret: `${SECRET}, nearly` });
  }
  assert.ok(harness.log.lines.length >= 6);
  assert.doesNotMatch(JSON.stringify(harness.log.lines), /correct.{1,3}horse/);
});

/** The function behind a real host with a real journal, and who gets its events. */
async function startHost(...sources: readonly object[]) {
  const delivered: (string | undefined)[] = [];
  const log = collectingLog();
  const collect = defineSink({
    name: "collect",
    needs: [],
    run: async ({ subject }) => void delivered.push(subject),
  });
  const host = await startLocal({
    functions: {
      collect: async () => ({ default: collect }),
      "receive-webhook": async () => ({ default: receiveWebhook }),
    },
    wiring: collectTrigger,
    directory: await mkdtemp(join(directory, "broker-")),
    port: 0,
    log,
    compose: (publish) => compose(checkConfig({ store: "memory:", webhooks: { sources } }), { log, publish }),
  });
  return { host, delivered, log, [Symbol.asyncDispose]: host.close };
}

test("10,000 webhooks, forged, replayed and cut short, leave one delivery for each real push", async () => {
  const pushes = 100;
  await using started = await startHost(settings("distribution"));
  const { host, delivered } = started;
  const { body } = sample("distribution/push-v2") as { body: { events: { target: object }[] } };
  const [push] = body.events;
  const bodies = Array.from({ length: pushes }, (_, i) =>
    Buffer.from(
      JSON.stringify({ events: [{ ...push, id: `push-${i}`, target: { ...push!.target, tag: `1.0.${i}` } }] }),
    ),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const statuses = new Map<number | undefined, number>();
  const send = async (i: number): Promise<void> => {
    const whole = bodies[i % pushes]!;
    const kinds = [
      { body: whole },
      { body: whole, secret: "some other secret" },
      { body: whole.subarray(0, -(i % 100) - 1) },
    ];
    const made = requestOf("distribution/push-v2", kinds[Math.floor(i / pushes) % 3]);
    const sent = request(`${host.url}${made.path}`, { method: "POST", headers: made.headers, agent }).end(made.body);
    const [response] = await once(sent, "response");
    for await (const _ of response);
    statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1);
  };
  for (let i = 0; i < 10_000; i += 500) await Promise.all(Array.from({ length: 500 }, (_, j) => send(i + j)));
  agent.destroy();
  await host.broker.idle();
  assert.deepEqual(
    [...statuses].sort(([a = 0], [b = 0]) => a - b),
    [
      [202, 3400],
      [400, 3300],
      [401, 3300],
    ],
  );
  assert.deepEqual(delivered.sort(), Array.from({ length: pushes }, (_, i) => `charts/lantern:1.0.${i}`).sort());
});

test("a body that is too large is refused, and no secret of a path is in the log", async () => {
  await using started = await startHost(settings("quay"));
  const { host, delivered, log } = started;
  const { path, headers } = requestOf("quay/push");
  const { status } = await fetch(`${host.url}${path}`, {
    method: "POST",
    headers: headers as Record<string, string>,
    body: Buffer.alloc(2 * 1024 * 1024, " "),
  });
  assert.equal(status, 413);
  assert.deepEqual(delivered, []);
  assert.match(JSON.stringify(log.lines), /\/hooks\/quay/);
  assert.doesNotMatch(JSON.stringify(log.lines), /correct.{1,3}horse/);
});
