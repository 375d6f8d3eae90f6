import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { stringify } from "yaml";
import startJob from "../../functions/start-job.ts";
import { fromStructured } from "../../lib/events/index.ts";
import type { KubeObject } from "../../lib/kube/index.ts";
import { newEvent } from "../contracts/host.ts";
import { refuse, startKubeApi } from "../fakes/kube-api.ts";
import { jobTemplate } from "../fixtures/job-template.ts";
import { bodyOf, Harness } from "./harness.ts";

const api = await startKubeApi();
process.env["KUBECONFIG"] = api.kubeconfig;
const templates = mkdtempSync(join(tmpdir(), "stowage-templates-"));
writeFileSync(join(templates, "build-bundle.yaml"), stringify(jobTemplate));
after(async () => {
  rmSync(templates, { recursive: true });
  await api[Symbol.asyncDispose]();
});

const harness = new Harness({ jobs: { templates } });
const post = (event: object, path = "/build-bundle") =>
  harness.request(startJob, path, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json" },
    body: Buffer.from(JSON.stringify(event)),
  });
const get = async (location = "") => {
  const { pathname, searchParams: query } = new URL(location, "http://localhost");
  const { status, body } = await harness.request(startJob, pathname, { query });
  return { status, body: JSON.parse((await bodyOf(body)).toString()) };
};
const kept = (plural: string, name?: string): readonly KubeObject[] =>
  [...api.objects]
    .filter(([path]) => path.includes(`/${plural}/`) && (name === undefined || path.endsWith(`/${name}`)))
    .map(([, object]) => object);
const finish = (job: KubeObject, type: "Complete" | "Failed", message?: string): void => {
  const [path] = [...api.objects].find(([, object]) => object === job)!;
  const conditions = [{ type, status: "True", ...(message !== undefined && { message }) }];
  (api.objects as Map<string, unknown>).set(path, { ...job, status: { conditions } });
};

test("an event gets a Job of the template, and a Secret that goes with it", async () => {
  const event = newEvent({ source: "/apis/a%20b", id: "é/1" });
  const { status, headers, body } = await post(event);
  assert.deepEqual([status, body], [202, undefined]);
  const { body: found } = await get(headers?.["location"]);
  assert.equal(found.state, "running");
  assert.match(found.name, /^build-bundle-[0-9a-f]{32}$/);

  const [job] = kept("jobs", found.name);
  const { metadata, spec } = job as KubeObject & { spec: (typeof jobTemplate)["spec"] };
  assert.deepEqual(metadata.annotations, {
    "stowage.dev/event-source": "/apis/a%20b",
    "stowage.dev/event-id": "é/1",
    "stowage.dev/event-type": "dev.stowage.artifact.deleted.v1",
  });
  assert.deepEqual(metadata.labels, { "app.kubernetes.io/name": "stowage", "stowage.dev/function": "build-bundle" });
  assert.deepEqual([spec.backoffLimit, spec.podFailurePolicy], [3, jobTemplate.spec.podFailurePolicy]);
  const pod = spec.template.spec;
  assert.deepEqual(pod.volumes, [
    { name: "tmp", emptyDir: {} },
    { name: "jobsink-event", secret: { secretName: found.name } },
  ]);
  const [{ env, volumeMounts }] = pod.containers;
  assert.deepEqual(env, [
    { name: "FUNCTION_TARGET", value: "build-bundle" },
    { name: "K_EVENT_PATH", value: "/etc/jobsink-event" },
  ]);
  assert.deepEqual(volumeMounts, [
    { name: "tmp", mountPath: "/tmp" },
    { name: "jobsink-event", mountPath: "/etc/jobsink-event", readOnly: true },
  ]);

  const [secret] = kept("secrets", found.name) as readonly (KubeObject & { data: { event: string } })[];
  assert.equal(secret?.["immutable"], true);
  assert.deepEqual(secret?.metadata["ownerReferences"], [
    {
      apiVersion: "batch/v1",
      kind: "Job",
      name: found.name,
      uid: metadata.uid,
      controller: true,
      blockOwnerDeletion: false,
    },
  ]);
  const written = fromStructured(JSON.parse(Buffer.from(secret!.data.event, "base64").toString()));
  assert.deepEqual(written, { ...fromStructured(event), datacontenttype: "application/json" });
});

test("a redelivery finds the Job again; another event gets its own", async () => {
  const [event, other] = [newEvent(), newEvent()];
  const before = kept("jobs").length;
  const locations = [await post(event), await post(event), await post(other)].map(
    ({ headers }) => headers?.["location"],
  );
  assert.equal(locations[0], locations[1]);
  assert.notEqual(locations[0], locations[2]);
  assert.equal(kept("jobs").length, before + 2);
});

test("who cannot make the Secret, or dies before, makes it when the event comes again", async () => {
  const event = newEvent();
  api.before("POST", () => api.before("POST", (response) => refuse(response, 503, "ServiceUnavailable")));
  assert.equal((await post(event)).status, 503);
  const { body } = await get(`/build-bundle?${new URLSearchParams({ source: event.source, id: event.id })}`);
  assert.equal(body.state, "running");
  assert.equal(kept("secrets", body.name).length, 0);
  assert.equal((await post(event)).status, 202);
  assert.equal(kept("secrets", body.name).length, 1);
});

test("a Secret of an earlier Job of the same name is waited for until it has gone", async () => {
  const event = newEvent();
  const { body } = await get((await post(event)).headers?.["location"]);
  api.remove("jobs", body.name);
  assert.equal((await post(event)).status, 503);
  api.remove("secrets", body.name);
  assert.equal((await post(event)).status, 202);
});

test("a Job that is just going is waited for, and made anew", async () => {
  const event = newEvent();
  const { body } = await get((await post(event)).headers?.["location"]);
  const [job] = kept("jobs", body.name);
  api.before("GET", (response) => {
    const deletionTimestamp = "2026-01-01T00:00:00Z";
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ ...job, metadata: { ...job?.metadata, deletionTimestamp } }));
  });
  assert.equal((await post(event)).status, 503);
  api.before("GET", (response) => refuse(response, 404, "NotFound"));
  assert.equal((await post(event)).status, 503);
  for (const plural of ["jobs", "secrets"]) api.remove(plural, body.name);
  assert.equal((await post(event)).status, 202);
});

test("a Job that is over is not run again, nor given its event again", async () => {
  for (const [type, state] of [
    ["Complete", "complete"],
    ["Failed", "failed"],
  ] as const) {
    const event = newEvent();
    const { headers } = await post(event);
    const { body } = await get(headers?.["location"]);
    finish(kept("jobs", body.name)[0]!, type, "Job has reached the specified backoff limit");
    api.remove("secrets", body.name);
    assert.equal((await post(event)).status, 202);
    assert.equal(kept("secrets", body.name).length, 0);
    const after = (await get(headers?.["location"])).body;
    assert.equal(after.state, state);
    assert.equal(after.reason, state === "failed" ? "Job has reached the specified backoff limit" : undefined);
  }
});

test("a template may say itself where the event lies", async () => {
  const mount = JSON.stringify({ name: "jobsink-event", mountPath: "/event" });
  const text = JSON.stringify(jobTemplate).replace('"volumeMounts":[', (begin) => `${begin}${mount},`);
  writeFileSync(join(templates, "elsewhere.yaml"), text);
  const { body } = await get((await post(newEvent(), "/elsewhere")).headers?.["location"]);
  const [job] = kept("jobs", body.name) as readonly (KubeObject & { spec: (typeof jobTemplate)["spec"] })[];
  const [{ env, volumeMounts }] = job!.spec.template.spec.containers;
  assert.deepEqual(env.at(-1), { name: "K_EVENT_PATH", value: "/event" });
  assert.deepEqual(volumeMounts.at(-1), { name: "jobsink-event", mountPath: "/event", readOnly: true });
});

test("what cannot be a Job is refused for good, what may be one later is not", async () => {
  const before = api.objects.size;
  const codeOf = async ({ status, body }: Awaited<ReturnType<typeof post>>) => [
    status,
    JSON.parse((await bodyOf(body)).toString()).code,
  ];
  assert.deepEqual(await codeOf(await post(newEvent(), "/list-images")), [422, "CONFIG_INVALID"]);
  assert.deepEqual(await codeOf(await post(newEvent(), "/")), [422, "CONFIG_INVALID"]);
  assert.deepEqual(await codeOf(await post(newEvent({ id: "" }))), [422, "EVENT_MALFORMED"]);
  const large = newEvent({ data: "x".repeat(1024 * 1024) });
  assert.deepEqual(await codeOf(await post(large)), [422, "EVENT_TOO_LARGE"]);
  assert.deepEqual(await codeOf(await harness.request(startJob, "/build-bundle", { method: "DELETE" })), [
    405,
    "METHOD_NOT_ALLOWED",
  ]);
  api.before("POST", (response) => refuse(response, 403, "Forbidden"));
  assert.deepEqual(await codeOf(await post(newEvent())), [422, "KUBE_DENIED"]);
  api.before("POST", (response) => refuse(response, 429, "TooManyRequests"));
  assert.deepEqual(await codeOf(await post(newEvent())), [503, "KUBE_UNAVAILABLE"]);
  assert.equal(api.objects.size, before);
});

test("there is no Job of an event that never came", async () => {
  for (const query of ["?source=/a&id=1", "?source=/a", ""]) {
    assert.equal((await get(`/build-bundle${query}`)).status, 404);
  }
});
