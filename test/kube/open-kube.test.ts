import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { type KubeObject, openKube, type Resource } from "../../lib/kube/index.ts";
import { makeCertificate } from "../real/certificate.ts";
import { startAnswering } from "./answering.ts";

const jobs: Resource = { apiVersion: "batch/v1", kind: "Job", plural: "jobs" };
const job = (name: string): KubeObject => ({ apiVersion: "batch/v1", kind: "Job", metadata: { name } });

const answering = (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return (_, response) => response.writeHead(status, headers).end(text);
};
const status = (code: number, reason: string, details: object = {}): object => ({
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Failure",
  message: `${reason} it is`,
  reason,
  details,
  code,
});

test("every status that is none of success says whether to try again", async () => {
  const table: readonly [number, string, string, string][] = [
    [400, "BadRequest", "RejectedError", "KUBE_REFUSED"],
    [401, "Unauthorized", "RejectedError", "KUBE_DENIED"],
    [403, "Forbidden", "RejectedError", "KUBE_DENIED"],
    [404, "NotFound", "RejectedError", "KUBE_NOT_FOUND"],
    [405, "MethodNotAllowed", "RejectedError", "KUBE_REFUSED"],
    [409, "AlreadyExists", "TransientError", "KUBE_CONFLICT"],
    [409, "Conflict", "TransientError", "KUBE_CONFLICT"],
    [410, "Expired", "TransientError", "KUBE_UNAVAILABLE"],
    [415, "UnsupportedMediaType", "RejectedError", "KUBE_REFUSED"],
    [422, "Invalid", "RejectedError", "KUBE_REFUSED"],
    [429, "TooManyRequests", "TransientError", "KUBE_UNAVAILABLE"],
    [500, "InternalError", "TransientError", "KUBE_UNAVAILABLE"],
    [503, "ServiceUnavailable", "TransientError", "KUBE_UNAVAILABLE"],
    [504, "Timeout", "TransientError", "KUBE_UNAVAILABLE"],
  ];
  for (const [code, reason, name, expected] of table) {
    await using server = await startAnswering(answering(code, status(code, reason)));
    const kube = await openKube(server.pod);
    const message = `Cannot apply jobs "apps/a": the API server answered ${code} (${reason}: ${reason} it is)`;
    await assert.rejects(kube.apply(jobs, job("a")), { name, code: expected, message });
  }
});

test("only what was to be made can be there already; a quota that changed meanwhile is a conflict", async () => {
  for (const [reason, code] of [
    ["AlreadyExists", "KUBE_EXISTS"],
    ["Conflict", "KUBE_CONFLICT"],
  ] as const) {
    await using server = await startAnswering(answering(409, status(409, reason)));
    await assert.rejects((await openKube(server.pod)).create(jobs, job("a")), { code });
  }
});

test("the wait that the server asks for is passed on: of the header, else of the status", async () => {
  const body = status(429, "TooManyRequests", { retryAfterSeconds: 7 });
  for (const [headers, retryAfter] of [
    [{ "retry-after": "3" }, 3],
    [{}, 7],
    [{ "retry-after": "soon" }, 7],
  ] as const) {
    await using server = await startAnswering(answering(429, body, headers));
    await assert.rejects((await openKube(server.pod)).get(jobs, "a"), { code: "KUBE_UNAVAILABLE", retryAfter });
  }
});

test("an answer of something else is none, and its words are cut and on one line", async () => {
  for (const body of [
    "<html>",
    "",
    "null",
    "[]",
    '{"kind":"Job"}',
    '{"items":{}}',
    '{"items":[{}]}',
    '{"items":[{"metadata":{}}]}',
  ]) {
    await using server = await startAnswering(answering(200, body));
    const kube = await openKube(server.pod);
    await assert.rejects(kube.get(jobs, "a"), { code: "KUBE_REFUSED" }, body);
    await assert.rejects(Array.fromAsync(kube.list(jobs)), { code: "KUBE_REFUSED" }, body);
  }
  await using html = await startAnswering(answering(502, "<html>bad gateway"));
  await assert.rejects((await openKube(html.pod)).get(jobs, "a"), {
    code: "KUBE_UNAVAILABLE",
    message: 'Cannot get jobs "apps/a": the API server answered 502',
  });
  await using long = await startAnswering(answering(422, { message: "a\nb\u0000".repeat(10_000), reason: 7 }));
  await assert.rejects((await openKube(long.pod)).get(jobs, "a"), ({ message }: Error) => {
    assert.match(message, /\(a b a b .*…\)$/);
    return message.length < 700;
  });
});

test("a redirect is not followed", async () => {
  await using elsewhere = await startAnswering(answering(200, job("a")));
  await using server = await startAnswering(answering(307, "", { location: `https://${elsewhere.host}/` }));
  await assert.rejects((await openKube(server.pod)).get(jobs, "a"), { code: "KUBE_REFUSED" });
  assert.deepEqual(elsewhere.requests, []);
});

test("an answer without end, one that breaks off and none at all may be better another time", async () => {
  const endless: RequestListener = (_, response) => {
    const chunk = "x".repeat(1024 ** 2);
    const more = (): void => {
      if (response.destroyed) return;
      response.write(chunk, () => setImmediate(more));
    };
    more();
  };
  const broken: RequestListener = (_, response) =>
    void response.writeHead(200, { "content-length": 100 }).write("{", () => response.destroy());
  const silent: RequestListener = (request) => void request.socket.destroy();
  for (const answer of [endless, broken, silent]) {
    await using server = await startAnswering(answer);
    const failure = { name: "TransientError", code: "KUBE_UNAVAILABLE" };
    await assert.rejects((await openKube(server.pod)).get(jobs, "a"), failure);
  }
});

test("a server that cannot be reached, or is another one, may be there later", async () => {
  await using server = await startAnswering(answering(200, job("a")));
  await using other = await startAnswering(answering(200, job("a")), makeCertificate());
  const { root, env } = server.pod;
  const unavailable = { name: "TransientError", code: "KUBE_UNAVAILABLE" };
  const nobody = await openKube({ root, env: { ...env, KUBERNETES_SERVICE_PORT: "1" } });
  await assert.rejects(nobody.get(jobs, "a"), unavailable);
  const stranger = await openKube({ root, env: other.pod.env });
  await assert.rejects(stranger.get(jobs, "a"), unavailable);
  assert.deepEqual(other.requests, [], "no token reaches a server whose certificate is not known");
});

test("whoever gives up is answered at once, with his own reason", async () => {
  const asked = Promise.withResolvers<void>();
  await using server = await startAnswering(() => asked.resolve());
  const kube = await openKube(server.pod);
  const controller = new AbortController();
  const asking = kube.get(jobs, "a", { signal: controller.signal });
  await asked.promise;
  controller.abort(new Error("enough"));
  await assert.rejects(asking, { message: "enough" });
  await assert.rejects(kube.get(jobs, "a", { signal: controller.signal }), { message: "enough" });
  assert.equal(server.requests.length, 1);
});

test("an answer that does not come is not waited for for ever", async (t) => {
  const asked = Promise.withResolvers<void>();
  await using server = await startAnswering(() => asked.resolve());
  const kube = await openKube(server.pod);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asking = kube.get(jobs, "a");
  await asked.promise;
  t.mock.timers.tick(70_000);
  await assert.rejects(asking, { name: "TransientError", code: "KUBE_UNAVAILABLE", message: /within 70 seconds$/ });
});

test("names are part of a path and never more", async () => {
  await using server = await startAnswering(answering(200, job("a")));
  const kube = await openKube(server.pod);
  for (const name of ["", ".", "..", "a/b", "a%2fb", "../secrets/b", "x".repeat(254)]) {
    await assert.rejects(kube.get(jobs, name), { name: "RejectedError", code: "KUBE_REFUSED" }, name);
    await assert.rejects(kube.get(jobs, "a", { namespace: name }), { code: "KUBE_REFUSED" }, name);
  }
  assert.deepEqual(server.requests, []);
  await kube.get(jobs, "a?b#c d");
  assert.deepEqual(server.requests, ["GET /apis/batch/v1/namespaces/apps/jobs/a%3Fb%23c%20d"]);
});

test("the token is read for each request, its last line break is no part of it, and no failure tells it", async () => {
  await using server = await startAnswering(answering(500, status(500, "InternalError")));
  const kube = await openKube(server.pod);
  const failure = await kube.get(jobs, "a").catch((error: unknown) => error);
  assert.equal(server.last.headers.authorization, "Bearer secret-token");
  assert.doesNotMatch(inspect(failure, { depth: 20, showHidden: true }), /secret-token/);
  await writeFile(join(server.directory, "token"), "renewed");
  await kube.get(jobs, "a").catch(() => {});
  assert.equal(server.last.headers.authorization, "Bearer renewed");
  await rm(join(server.directory, "token"));
  await assert.rejects(kube.get(jobs, "a"), {
    name: "RejectedError",
    code: "CREDENTIALS_INVALID",
    message: `Cannot use the service account of this pod: ENOENT at "${join(server.directory, "token")}"`,
  });
});

test("what a kubeconfig holds is not told when it cannot be read", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "stowage-kubeconfig-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const texts = [
    "users: [{ token: secret-token",
    "secret-token",
    "current-context: secret-token",
    "{}",
    "",
    "clusters: [{}]",
  ];
  for (const [n, text] of texts.entries()) {
    const kubeconfig = join(directory, `${n}`);
    await writeFile(kubeconfig, text);
    const failure = await openKube({ kubeconfig }).catch((error: unknown) => error);
    assert.equal((failure as { code?: string }).code, "CREDENTIALS_INVALID", text);
    assert.doesNotMatch(inspect(failure, { depth: 20 }), /secret-token/);
  }
  await assert.rejects(openKube({ kubeconfig: join(directory, "none") }), {
    code: "CREDENTIALS_INVALID",
    message: /ENOENT/,
  });
  await assert.rejects(openKube({ kubeconfig: ":" }), { code: "CREDENTIALS_INVALID" });
});

test("of several kubeconfig files the first that names a context decides", async (t) => {
  await using server = await startAnswering(answering(200, job("a")));
  const directory = await mkdtemp(join(tmpdir(), "stowage-kubeconfig-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const context = (namespace: string, path: string): object => ({
    "current-context": namespace,
    contexts: [{ name: namespace, context: { cluster: namespace, user: namespace, namespace } }],
    clusters: [
      {
        name: namespace,
        cluster: {
          server: `https://${server.host}${path}`,
          "certificate-authority-data": Buffer.from(server.ca).toString("base64"),
        },
      },
    ],
    users: [{ name: namespace, user: { token: `token-of-${namespace}` } }],
  });
  const files = { none: {}, first: context("first", "/clusters/x/"), second: context("second", "") };
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), JSON.stringify(content));
  const kubeconfig = ["none", "first", "second"].map((name) => join(directory, name)).join(":");
  const kube = await openKube({ kubeconfig });
  assert.equal(kube.namespace, "first");
  await kube.get(jobs, "a");
  assert.deepEqual(server.requests, ["GET /clusters/x/apis/batch/v1/namespaces/first/jobs/a"]);
  assert.equal(server.last.headers.authorization, "Bearer token-of-first");
});

test("a command of a kubeconfig makes the token, once; when it fails, what it said is not told", async (t) => {
  await using server = await startAnswering(answering(200, job("a")));
  const directory = await mkdtemp(join(tmpdir(), "stowage-kubeconfig-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const kubeconfig = join(directory, "config");
  const withCommand = (script: string): Promise<void> => {
    const cluster = {
      server: `https://${server.host}`,
      "certificate-authority-data": Buffer.from(server.ca).toString("base64"),
    };
    const apiVersion = "client.authentication.k8s.io/v1";
    const exec = { apiVersion, command: process.execPath, args: ["-e", script], interactiveMode: "Never" };
    const config = {
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster }],
      users: [{ name: "a", user: { exec } }],
    };
    return writeFile(kubeconfig, JSON.stringify(config));
  };
  const count = join(directory, "count");
  await withCommand(`
    require("fs").appendFileSync(${JSON.stringify(count)}, "x");
    console.log(JSON.stringify({ kind: "ExecCredential", status: { token: "made" } }));
  `);
  const kube = await openKube({ kubeconfig });
  assert.equal(kube.namespace, "default");
  for (let n = 0; n < 2; n++) await kube.get(jobs, "a");
  assert.equal(server.last.headers.authorization, "Bearer made");
  assert.equal(await readFile(count, "utf8"), "x");
  await withCommand('console.error("secret-token"); process.exit(1)');
  const failing = await openKube({ kubeconfig });
  const failure = await failing.get(jobs, "a").catch((error: unknown) => error);
  assert.equal((failure as { code?: string }).code, "CREDENTIALS_INVALID");
  assert.doesNotMatch(inspect(failure, { depth: 20 }), /secret-token/);
});

test("where there is neither a pod nor a kubeconfig, there is no API server", async () => {
  await assert.rejects(openKube({ env: {} }), { name: "RejectedError", code: "PORT_UNAVAILABLE" });
});
