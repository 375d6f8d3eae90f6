import assert from "node:assert/strict";
import { test } from "node:test";
import { fromStructured } from "../../lib/events/index.ts";
import { findJob, type JobTemplate, startJob } from "../../lib/jobs/index.ts";
import type { KubeObject, Resource } from "../../lib/kube/index.ts";
import { newEvent } from "../contracts/host.ts";
import { jobTemplate } from "../fixtures/job-template.ts";
import { openAccount } from "./account.ts";
import { newNamespace, openCluster } from "./cluster.ts";

const cluster = await openCluster();
const namespace = await newNamespace(cluster, "jobs");
// as the strictest namespaces are: https://kubernetes.io/docs/concepts/security/pod-security-standards/
await cluster.kubectl(["label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted"]);
const kube = await openAccount(cluster, namespace, "start-job", [
  { apiGroups: ["batch"], resources: ["jobs"], verbs: ["create", "get"] },
  { apiGroups: [""], resources: ["secrets"], verbs: ["create", "get"] },
]);
const jobs: Resource = { apiVersion: "batch/v1", kind: "Job", plural: "jobs" };
const secrets: Resource = { apiVersion: "v1", kind: "Secret", plural: "secrets" };
const template = structuredClone(jobTemplate) as unknown as JobTemplate;
const FUNCTION = "build-bundle";
const event = () => fromStructured(newEvent());

test("the Job of an event and its Secret are taken by the API server, and found again", async () => {
  const given = event();
  const name = await startJob(kube, FUNCTION, template, given);
  assert.equal(await startJob(kube, FUNCTION, template, given), name);
  assert.deepEqual(await findJob(kube, FUNCTION, given), { name, state: "running" });
  assert.equal(await findJob(kube, FUNCTION, event()), undefined);

  const job = await cluster.kube.get(jobs, name, { namespace });
  const secret = await cluster.kube.get(secrets, name, { namespace });
  const [owner] = secret.metadata["ownerReferences"] as readonly { readonly uid: string }[];
  assert.equal(owner?.uid, job.metadata.uid);
  const { data } = secret as KubeObject & { data: { event: string } };
  assert.deepEqual(fromStructured(JSON.parse(Buffer.from(data.event, "base64").toString())), {
    ...given,
    datacontenttype: "application/json",
  });
});

test("two that start it at once start one", async () => {
  const given = event();
  const names = await Promise.all([1, 2, 3].map(() => startJob(kube, FUNCTION, template, given)));
  assert.equal(new Set(names).size, 1);
});

test("the pods of the Job are let in where the strictest rules are enforced", async () => {
  const name = await startJob(kube, FUNCTION, template, event());
  const { spec } = (await cluster.kube.get(jobs, name, { namespace })) as KubeObject & { spec: { template: object } };
  // no controller makes pods here: the API server is asked whether it would take them, by somebody who gets warned
  const pod = { apiVersion: "v1", kind: "Pod", ...spec.template, metadata: { name, namespace } };
  await cluster.kubectl(["create", "serviceaccount", "default", `--namespace=${namespace}`]).catch(() => "is there");
  await cluster.kubectl(["create", "--dry-run=server", "--filename=-"], JSON.stringify(pod));
});

test("an event as large as a Secret may be is taken, a larger one is not", async () => {
  const sized = (length: number) => fromStructured(newEvent({ data: "x".repeat(length) }));
  const room = 1024 * 1024 - 200;
  const name = await startJob(kube, FUNCTION, template, sized(room));
  assert.match(name, /^build-bundle-/);
  await assert.rejects(startJob(kube, FUNCTION, template, sized(1024 * 1024)), { code: "EVENT_TOO_LARGE" });
});

test("a Job that ended is found with how it ended, and why", async () => {
  const given = event();
  const name = await startJob(kube, FUNCTION, template, given);
  const now = new Date().toISOString();
  const reason = "BackoffLimitExceeded";
  const message = "Job has reached the specified backoff limit";
  const failed = { type: "Failed", status: "True", reason, message, lastTransitionTime: now };
  const status = { startTime: now, conditions: [{ ...failed, type: "FailureTarget" }, failed] };
  await cluster.kube.patch(jobs, name, { status }, { namespace, subresource: "status" });
  assert.deepEqual(await findJob(kube, FUNCTION, given), { name, state: "failed", reason: message });
  assert.equal(await startJob(kube, FUNCTION, template, given), name);
});

test("an account without rights is told so", async () => {
  const nobody = await openAccount(cluster, namespace, "nobody", []);
  await assert.rejects(startJob(nobody, FUNCTION, template, event()), { code: "KUBE_DENIED" });
});
