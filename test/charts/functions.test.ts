import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { functions } from "../../functions/index.ts";
import { readTemplate } from "../../lib/jobs/index.ts";
import type { AnyFunction } from "../../lib/runtime/index.ts";
import { chart, examples, jobsOf, type KubeObject, ofKind, podsOf, render } from "./stowage-chart.ts";

const declared: readonly AnyFunction[] = await Promise.all(
  Object.values(functions).map(async (load) => (await load()).default),
);
const values = parse(await readFile(join(chart, "values.yaml"), "utf8"));
const fullname = "train-stowage";
const jobs = jobsOf(await render());

/** Everything is installed, all secrets are given, and start-job makes the Jobs. */
const everything = {
  jobDefaults: { startedBy: "start-job" },
  registryCredentials: { secretNames: ["logins"] },
  secrets: { store: { secretName: "keys" }, webhooks: { secretName: "hooks" }, readers: { secretName: "readers" } },
};

const podOf = (objects: readonly KubeObject[], name: string) => {
  const pod = podsOf(objects).find(({ labels }) => labels["app.kubernetes.io/component"] === name);
  assert.ok(pod, `${name} has no pod`);
  return pod;
};

const environment = ({ container }: ReturnType<typeof podOf>): Readonly<Record<string, string>> =>
  Object.fromEntries(container.env.map((each: { name: string; value: string }) => [each.name, each.value]));

test("every function has its Service or Job, with an account of its own", async () => {
  assert.deepEqual(Object.keys(values.functions).sort(), Object.keys(functions).sort());
  const objects = await render(everything);
  const accounts = declared.map(({ name }) => {
    const pod = podOf(objects, name);
    assert.equal(environment(pod)["FUNCTION_TARGET"], name);
    return pod.spec.serviceAccountName;
  });
  assert.equal(new Set(accounts).size, declared.length);
});

test("a pod takes as many requests as its function does well, as many as the embedded broker gives one that says nothing", async () => {
  const objects = await render(everything);
  for (const fn of declared) {
    const { kind, spec } = podOf(objects, fn.name);
    if (kind === "Service" && fn.kind === "event")
      assert.equal(spec.containerConcurrency, fn.concurrency ?? 4, fn.name);
  }
});

test("a pod that ends lets requests in flight take as long as its queue-proxy does", async () => {
  const objects = await render({ ...everything, functions: { "index-charts": { timeoutSeconds: 600 } } });
  for (const [name, drain] of [
    ["index-charts", "580"],
    ["list-images", "280"],
  ] as const) {
    assert.equal(environment(podOf(objects, name))["STOWAGE_DRAIN_SECONDS"], drain);
  }
});

test("a function sees the secrets of what it needs, and no others", async () => {
  const objects = await render(everything);
  for (const fn of declared) {
    const seen = podOf(objects, fn.name).spec.volumes.flatMap(({ secret }: { secret?: { secretName: string } }) =>
      secret ? [secret.secretName] : [],
    );
    // the ledger of every run on an event is in the store
    const needsStore = fn.kind !== "http" || fn.needs.includes("store");
    assert.equal(seen.includes("keys"), needsStore, fn.name);
    assert.equal(seen.includes("logins"), fn.needs.includes("registries"), fn.name);
    assert.equal(seen.includes("hooks"), fn.name === "receive-webhook", fn.name);
    assert.equal(seen.includes("readers"), fn.name === "serve-charts", fn.name);
  }
});

test("who publishes knows the Broker, by its URL or by a SinkBinding; who only answers does not", async () => {
  const publishers = declared
    .filter(({ needs, name }) => needs.includes("publish") || name in jobs)
    .map(({ name }) => name);
  const byUrl = await render(everything);
  for (const { name } of declared) {
    const url = publishers.includes(name)
      ? "http://broker-ingress.knative-eventing.svc.cluster.local/releases/train-stowage"
      : undefined;
    assert.equal(environment(podOf(byUrl, name))["K_SINK"], url, name);
  }
  const bound = await render({ ...everything, broker: { sinkBinding: true } });
  for (const { name } of declared) assert.equal(environment(podOf(bound, name))["K_SINK"], undefined);
  const subjects = ofKind(bound, "SinkBinding").map(({ spec: { subject } }) => subject.name ?? subject.kind);
  const services = publishers.filter((name) => !(name in jobs)).map((name) => `${fullname}-${name}`);
  assert.deepEqual(subjects.sort(), [...services, "Job"].sort());
});

test("only who works at the API server may ask it, and only for that: nobody else has a token or a right", async () => {
  const objects = await render(everything);
  const users = declared.filter(({ needs }) => needs.includes("kube")).map(({ name }) => name);
  for (const { name } of declared) {
    const account = ofKind(objects, "ServiceAccount").find(({ metadata }) => metadata.name === `${fullname}-${name}`);
    assert.equal(account?.["automountServiceAccountToken"], users.includes(name), name);
    // Knative refuses true
    assert.equal(
      podOf(objects, name).spec.automountServiceAccountToken,
      users.includes(name) ? undefined : false,
      name,
    );
  }
  const rights = Object.fromEntries(ofKind(objects, "Role").map(({ metadata, rules }) => [metadata.name, rules]));
  assert.deepEqual(rights, {
    [`${fullname}-follow-release`]: [{ apiGroups: ["stowage.dev"], resources: ["releases"], verbs: ["get", "list"] }],
    [`${fullname}-report-release`]: [
      { apiGroups: ["stowage.dev"], resources: ["releases"], verbs: ["get"] },
      { apiGroups: ["stowage.dev"], resources: ["releases/status"], verbs: ["patch"] },
    ],
    [`${fullname}-start-job`]: [
      { apiGroups: ["batch"], resources: ["jobs"], verbs: ["create", "get"] },
      { apiGroups: [""], resources: ["secrets"], verbs: ["create", "get"] },
    ],
    [`${fullname}-releases`]: [
      { apiGroups: ["stowage.dev"], resources: ["releases"], verbs: ["get", "list", "watch"] },
    ],
  });
  assert.deepEqual(ofKind(objects, "ClusterRole"), []);
  for (const { metadata, roleRef, subjects } of ofKind(objects, "RoleBinding")) {
    assert.equal(roleRef.name, metadata.name);
    assert.deepEqual(subjects, [{ kind: "ServiceAccount", name: metadata.name, namespace: "releases" }]);
  }
});

test("a JobSink and start-job are given the same Job, and start-job takes it", async () => {
  assert.deepEqual(Object.keys(jobs), ["build-bundle", "mirror-images"]);
  assert.deepEqual(jobsOf(await render({ jobDefaults: { startedBy: "start-job" } })), jobs);
  const directory = await mkdtemp(join(tmpdir(), "stowage-jobs-"));
  try {
    for (const [name, job] of Object.entries(jobs)) {
      await writeFile(join(directory, `${name}.yaml`), stringify(job));
      await readTemplate(directory, name);
      assert.deepEqual(job["spec"].template.spec.containers[0].command, ["node", "/app/dist/job.mjs"]);
      // exit status 3 is a rejection: lib/runtime/job.ts
      assert.deepEqual(job["spec"].podFailurePolicy.rules[0], {
        action: "FailJob",
        onExitCodes: { operator: "In", values: [3] },
      });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test("settings of one function win over the defaults, also those that say nothing or no", async () => {
  const objects = await render({
    serviceDefaults: { minScale: 1, maxScale: 7, public: true, resources: { limits: { memory: "9Gi" } } },
    jobDefaults: { backoffLimit: 5 },
    functions: {
      "list-images": { minScale: 0, maxScale: 0, public: false, resources: { requests: { cpu: "2" } } },
      "mirror-images": { backoffLimit: 0 },
    },
  });
  const service = ofKind(objects, "Service", "serving").find(({ metadata }) => metadata.name.endsWith("list-images"))!;
  const { annotations } = service["spec"].template.metadata;
  assert.equal(annotations["autoscaling.knative.dev/min-scale"], "0");
  assert.equal(annotations["autoscaling.knative.dev/max-scale"], "0");
  assert.equal(service.metadata.labels?.["networking.knative.dev/visibility"], "cluster-local");
  const { requests } = podOf(objects, "list-images").container.resources;
  assert.deepEqual(requests, { cpu: "2", memory: "512Mi" });
  assert.equal(podOf(objects, "follow-release").container.resources.limits.memory, "9Gi");
  assert.equal(jobsOf(objects)["mirror-images"]?.["spec"].backoffLimit, 0);
  assert.equal(jobsOf(objects)["build-bundle"]?.["spec"].backoffLimit, 5);
});

test("only webhooks are reachable from outside, unless somebody says more", async () => {
  const open = ofKind(await render(), "Service", "serving").filter(
    ({ metadata }) => metadata.labels?.["networking.knative.dev/visibility"] !== "cluster-local",
  );
  assert.deepEqual(
    open.map(({ metadata }) => metadata.name),
    [`${fullname}-receive-webhook`],
  );
});

test("every pod has a network policy: Jobs let nobody in, and the metadata service is out of reach", async () => {
  for (const mode of ["knative", "single"]) {
    const objects = await render({ ...everything, mode });
    const policies = ofKind(objects, "NetworkPolicy");
    for (const { labels, place, kind } of podsOf(objects)) {
      const component = "app.kubernetes.io/component";
      const own = policies.filter(({ spec }) => spec.podSelector.matchLabels[component] === labels[component]);
      assert.equal(own.length, 1, place);
      const { ingress, egress, policyTypes } = own[0]!["spec"];
      if (kind === "Job") assert.equal(ingress, undefined);
      assert.ok(policyTypes.includes("Ingress"));
      if (egress === undefined) assert.deepEqual(policyTypes, ["Ingress"]);
      else assert.deepEqual(egress[0].to[1].ipBlock.except, ["169.254.169.254/32"], place);
    }
  }
});

test("a budget protects services with several pods, and never the last pod of anything", async () => {
  const budgets = async (given: object) => ofKind(await render(given), "PodDisruptionBudget");
  assert.deepEqual(await budgets({}), []);
  assert.deepEqual(await budgets({ mode: "single" }), []);
  const [budget, ...others] = await budgets({ functions: { "serve-charts": { minScale: 2 } } });
  assert.deepEqual(others, []);
  assert.equal(budget?.["spec"].maxUnavailable, 1);
});

test("mode single starts stowage up on its volume, with what the service and the probes look for", async () => {
  const objects = await render({ mode: "single" });
  const [{ container, spec }] = podsOf(objects) as [ReturnType<typeof podOf>];
  assert.deepEqual(container.command, ["node", "/app/dist/stowage.mjs"]);
  const args = ["up", "--host", "0.0.0.0", "--port", "8080", "--registry-port", "5000", "--data", "/data"];
  assert.deepEqual(container.args, args);
  const ports = new Map(
    container.ports.map((each: { name: string; containerPort: number }) => [each.name, each.containerPort]),
  );
  assert.deepEqual(
    [...ports],
    [
      ["http", 8080],
      ["registry", 5000],
    ],
  );
  const [service] = ofKind(objects, "Service", "v1");
  for (const { targetPort } of service?.["spec"].ports ?? []) assert.ok(ports.has(targetPort));
  assert.equal(spec.volumes.at(-1).persistentVolumeClaim.claimName, fullname);
  assert.deepEqual(objects.map(({ kind }) => kind).sort(), [
    "ConfigMap",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "Service",
    "ServiceAccount",
    "StatefulSet",
  ]);
});

test("no route leads to where events are posted", async () => {
  const objects = await render(examples.find(({ name }) => name === "single-full-values.yaml")!.file);
  const [ingress] = ofKind(objects, "Ingress");
  for (const { http } of ingress?.["spec"].rules ?? []) {
    for (const { path } of http.paths) assert.notEqual(path, "/");
  }
  const [route] = ofKind(objects, "HTTPRoute");
  const posts = route?.["spec"].rules
    .flatMap(({ matches }: KubeObject) => matches)
    .filter((match: KubeObject) => match["method"] === "POST");
  assert.deepEqual(posts, [{ method: "POST", path: { type: "PathPrefix", value: "/hooks" } }]);
});
