import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type KubeObject, openKube, type Resource } from "../../lib/kube/index.ts";
import { newNamespace, openCluster } from "./cluster.ts";

const cluster = await openCluster();
const { kube, kubectl } = cluster;

const configMaps: Resource = { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps" };
const namespaces: Resource = { apiVersion: "v1", kind: "Namespace", plural: "namespaces", namespaced: false };
const deployments: Resource = { apiVersion: "apps/v1", kind: "Deployment", plural: "deployments" };
const jobs: Resource = { apiVersion: "batch/v1", kind: "Job", plural: "jobs" };

const configMap = (namespace: string, name: string, rest: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  ...rest,
  metadata: { name, namespace, ...(rest["metadata"] as object) },
});

/** As `kubectl apply` does it for somebody else, who takes what he wants. */
const applyAsOther = (object: KubeObject): Promise<string> =>
  kubectl(
    ["apply", "--server-side", "--force-conflicts", "--field-manager=other", "--filename=-"],
    JSON.stringify(object),
  );

test("what was created is got, and is not created again", async () => {
  const namespace = await newNamespace(cluster, "create");
  const created = await kube.create(configMaps, configMap(namespace, "a", { data: { x: "1" } }));
  assert.ok(created.metadata.uid);
  assert.deepEqual(await kube.get(configMaps, "a", { namespace }), created);
  await assert.rejects(kube.create(configMaps, configMap(namespace, "a")), {
    name: "RejectedError",
    code: "KUBE_EXISTS",
    message: `Cannot create configmaps "${namespace}/a": the API server answered 409 (AlreadyExists: configmaps "a" already exists)`,
  });
});

test("objects of the whole cluster have no namespace", async () => {
  const name = await newNamespace(cluster, "whole");
  const found = await kube.get(namespaces, name);
  assert.equal(found.metadata.name, name);
  assert.equal(found.metadata.namespace, undefined);
});

test("an object, a namespace and a kind that are not there are not found", async () => {
  const namespace = await newNamespace(cluster, "missing");
  const notFound = { name: "RejectedError", code: "KUBE_NOT_FOUND" };
  await assert.rejects(kube.get(configMaps, "a", { namespace }), notFound);
  await assert.rejects(kube.create(configMaps, configMap("nowhere", "a")), notFound);
  const unknown: Resource = { apiVersion: "example.com/v1", kind: "Thing", plural: "things" };
  await assert.rejects(kube.get(unknown, "a", { namespace }), notFound);
  await assert.rejects(kube.delete(configMaps, "a", { namespace }), notFound);
});

test("what a kind does not have, or forbids, is refused", async () => {
  const namespace = await newNamespace(cluster, "refused");
  const refused = { name: "RejectedError", code: "KUBE_REFUSED" };
  await assert.rejects(kube.create(configMaps, configMap(namespace, "a", { date: {} })), {
    ...refused,
    message: /unknown field "date"/,
  });
  // the one case in which the API server has no status of its own for what is wrong with an object
  await assert.rejects(kube.apply(configMaps, configMap(namespace, "a", { date: {} })), { code: "KUBE_UNAVAILABLE" });
  await assert.rejects(kube.get(configMaps, "a", { namespace }), { code: "KUBE_NOT_FOUND" });
  await assert.rejects(kube.create(configMaps, configMap(namespace, "A")), { ...refused, message: /422 \(Invalid: / });
  await kube.create(configMaps, configMap(namespace, "a"));
  await assert.rejects(kube.patch(configMaps, "a", { date: {} }, { namespace }), refused);
});

test("applying makes an object, changes it, and takes away what is not applied any more, but nothing of others", async () => {
  const namespace = await newNamespace(cluster, "apply");
  await kube.apply(configMaps, configMap(namespace, "a", { data: { x: "1", y: "1" } }));
  await applyAsOther(configMap(namespace, "a", { data: { z: "other" } }));
  const applied = await kube.apply(configMaps, configMap(namespace, "a", { data: { x: "2" } }));
  assert.deepEqual(applied["data"], { x: "2", z: "other" });
  const again = await kube.apply(configMaps, configMap(namespace, "a", { data: { x: "2" } }));
  assert.equal(again.metadata.resourceVersion, applied.metadata.resourceVersion, "applying the same changes nothing");
});

test("of two writers of a field the second has a conflict, unless he insists", async () => {
  const namespace = await newNamespace(cluster, "conflict");
  await applyAsOther(configMap(namespace, "a", { data: { x: "other" } }));
  const ours = configMap(namespace, "a", { data: { x: "ours" } });
  await assert.rejects(kube.apply(configMaps, ours), {
    name: "TransientError",
    code: "KUBE_CONFLICT",
    message: /"other"/,
  });
  assert.deepEqual((await kube.get(configMaps, "a", { namespace }))["data"], { x: "other" });
  assert.deepEqual((await kube.apply(configMaps, ours, { force: true }))["data"], { x: "ours" });
});

test("a write for a version that is not the last one is a conflict", async () => {
  const namespace = await newNamespace(cluster, "version");
  const { metadata } = await kube.create(configMaps, configMap(namespace, "a"));
  await applyAsOther(configMap(namespace, "a", { data: { x: "other" } }));
  const stale = { metadata: { resourceVersion: metadata.resourceVersion } };
  const conflict = { name: "TransientError", code: "KUBE_CONFLICT" };
  await assert.rejects(kube.patch(configMaps, "a", { ...stale, data: { y: "1" } }, { namespace }), conflict);
  await assert.rejects(kube.apply(configMaps, configMap(namespace, "a", stale), { force: true }), conflict);
});

test("what is meant for an object does not reach another one that took its name", async () => {
  const namespace = await newNamespace(cluster, "uid");
  const first = await kube.create(configMaps, configMap(namespace, "a"));
  const { uid } = first.metadata;
  await kube.delete(configMaps, "a", { namespace, uid });
  const conflict = { name: "TransientError", code: "KUBE_CONFLICT" };
  const meant = configMap(namespace, "a", { metadata: { uid }, data: { x: "1" } });
  await assert.rejects(kube.apply(configMaps, meant, { force: true }), conflict);
  const second = await kube.create(configMaps, configMap(namespace, "a"));
  await assert.rejects(kube.apply(configMaps, meant, { force: true }), conflict);
  await assert.rejects(kube.delete(configMaps, "a", { namespace, uid }), conflict);
  assert.deepEqual(await kube.get(configMaps, "a", { namespace }), second);
});

test("the status is applied apart: it changes nothing else, and makes no object", async () => {
  const namespace = await newNamespace(cluster, "status");
  const labels = { app: "a" };
  const template = { metadata: { labels }, spec: { containers: [{ name: "a", image: "example.com/a:1" }] } };
  const spec = { selector: { matchLabels: labels }, template };
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a", namespace } };
  const told = { ...deployment, spec: { paused: true }, status: { replicas: 3 } };
  await assert.rejects(kube.apply(deployments, told, { subresource: "status" }), { code: "KUBE_NOT_FOUND" });
  const before = await kube.create(deployments, { ...deployment, spec });
  const after = await kube.apply(deployments, told, { subresource: "status" });
  assert.deepEqual(after["spec"], before["spec"]);
  assert.deepEqual(after["status"], { replicas: 3 });
  assert.equal(after.metadata.generation, before.metadata.generation);
  const changes = { spec: { paused: true }, status: { replicas: null } };
  const patched = await kube.patch(deployments, "a", changes, { namespace, subresource: "status" });
  assert.deepEqual(patched["spec"], before["spec"]);
  assert.deepEqual(patched["status"], {});
});

test("a patch sets what it gives, and null removes", async () => {
  const namespace = await newNamespace(cluster, "patch");
  await kube.create(configMaps, configMap(namespace, "a", { data: { x: "1", y: "1" } }));
  const patched = await kube.patch(configMaps, "a", { data: { x: null, z: "2" } }, { namespace });
  assert.deepEqual(patched["data"], { y: "1", z: "2" });
  assert.ok((patched.metadata["managedFields"] as { manager: string }[]).every(({ manager }) => manager === "stowage"));
});

test("a list has all that is selected, however many pages that takes, and says what each one is", async () => {
  const namespace = await newNamespace(cluster, "list");
  const many = Array.from({ length: 230 }, (_, n) =>
    configMap(namespace, `n-${n}`, { metadata: { labels: { odd: `${n % 2}` } } }),
  );
  await kubectl(
    ["apply", "--server-side", "--filename=-"],
    JSON.stringify({ apiVersion: "v1", kind: "List", items: many }),
  );
  const listed = await Array.fromAsync(kube.list(configMaps, { namespace, labels: "odd=1" }));
  assert.deepEqual(
    listed.map(({ metadata }) => metadata.name).sort(),
    many
      .filter((_, n) => n % 2 === 1)
      .map(({ metadata }) => metadata.name)
      .sort(),
  );
  assert.ok(listed.every(({ apiVersion, kind }) => apiVersion === "v1" && kind === "ConfigMap"));
  assert.equal((await Array.fromAsync(kube.list(configMaps, { namespace }))).length, 230);
  const one = await Array.fromAsync(kube.list(configMaps, { namespace, fields: "metadata.name=n-7" }));
  assert.deepEqual(
    one.map(({ metadata }) => metadata.name),
    ["n-7"],
  );
});

test("deleting a Job has its pods deleted, not left behind", async () => {
  const namespace = await newNamespace(cluster, "jobs");
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "example.com/a:1" }] } };
  await kube.create(jobs, {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "a", namespace },
    spec: { template },
  });
  await kube.delete(jobs, "a", { namespace });
  // the default of jobs is to leave them, by a finalizer that keeps the Job until that is done
  await assert.rejects(kube.get(jobs, "a", { namespace }), { code: "KUBE_NOT_FOUND" });
});

test("a pod asks as its service account, in its namespace, with what its role allows", async () => {
  const namespace = await newNamespace(cluster, "pod");
  await kubectl(["create", "serviceaccount", "reader", "--namespace", namespace]);
  await kubectl(["create", "role", "reader", "--namespace", namespace, "--verb=get", "--resource=configmaps"]);
  await kubectl([
    "create",
    "rolebinding",
    "reader",
    "--namespace",
    namespace,
    "--role=reader",
    `--serviceaccount=${namespace}:reader`,
  ]);
  await kube.create(configMaps, configMap(namespace, "a"));
  const own = await openKube(await cluster.podOf(namespace, "reader"));
  assert.equal(own.namespace, namespace);
  assert.equal((await own.get(configMaps, "a")).metadata.name, "a");
  const denied = { name: "RejectedError", code: "KUBE_DENIED" };
  await assert.rejects(own.create(configMaps, configMap(namespace, "b")), { ...denied, message: /403 \(Forbidden: / });
  await assert.rejects(Array.fromAsync(own.list(configMaps)), denied);
  await assert.rejects(own.get(configMaps, "a", { namespace: "default" }), denied);
});

test("a token that was renewed is used without a restart, and one that is not known is told apart", async () => {
  const namespace = await newNamespace(cluster, "token");
  await kubectl(["create", "serviceaccount", "reader", "--namespace", namespace]);
  const pod = await cluster.podOf(namespace, "reader");
  const token = join(pod.root, "var/run/secrets/kubernetes.io/serviceaccount/token");
  const good = await readFile(token);
  await writeFile(token, "stale");
  const own = await openKube(pod);
  const unknown = { name: "RejectedError", code: "KUBE_DENIED", message: /answered 401/ };
  await assert.rejects(own.get(configMaps, "a"), unknown);
  await writeFile(token, good);
  // known now, though without any right
  await assert.rejects(own.get(configMaps, "a"), { code: "KUBE_DENIED", message: /answered 403/ });
});

test("a kubeconfig that was changed is read again when its credentials are not known any more", async (t) => {
  const namespace = await newNamespace(cluster, "config");
  const directory = await mkdtemp(join(tmpdir(), "stowage-kubeconfig-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const good = await readFile(cluster.kubeconfig, "utf8");
  const kubeconfig = join(directory, "config");
  await writeFile(kubeconfig, good.replace(/"token":"[^"]*"/, '"token":"stale"'));
  const own = await openKube({ kubeconfig });
  await assert.rejects(own.get(namespaces, namespace), { code: "KUBE_DENIED", message: /answered 401/ });
  await writeFile(kubeconfig, good);
  assert.equal((await own.get(namespaces, namespace)).metadata.name, namespace);
});
