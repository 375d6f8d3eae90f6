import assert from "node:assert/strict";
import { test } from "node:test";
import { functions } from "../../functions/index.ts";
import { openKube, type Resource } from "../../lib/kube/index.ts";
import { readDefinitions, requiringDefinitions } from "../real/kube-definitions.ts";
import { renderChart } from "./charts.ts";
import { newNamespace, openCluster } from "./cluster.ts";

const cluster = await openCluster();
const needs = requiringDefinitions();

const jobs: Resource = { apiVersion: "batch/v1", kind: "Job", plural: "jobs" };
const secrets: Resource = { apiVersion: "v1", kind: "Secret", plural: "secrets" };
const serviceAccounts: Resource = { apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts" };

/** What each account may do, in its own namespace, and nothing else anywhere: `verb resource`. */
const rights: Readonly<Record<string, readonly string[]>> = {
  // of Knative's ApiServerSource, not of a function
  releases: ["get releases.stowage.dev", "list releases.stowage.dev", "watch releases.stowage.dev"],
  "follow-release": ["get releases.stowage.dev", "list releases.stowage.dev"],
  "report-release": ["get releases.stowage.dev", "patch releases.stowage.dev/status"],
  "start-job": ["create jobs.batch", "get jobs.batch", "create secrets", "get secrets"],
};

const verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const resources = [
  ...["secrets", "configmaps", "pods", "pods/exec", "serviceaccounts/token", "jobs.batch", "deployments.apps"],
  ...[
    "roles.rbac.authorization.k8s.io",
    "releases.stowage.dev",
    "releases.stowage.dev/status",
    "triggers.eventing.knative.dev",
  ],
];
const clusterResources = ["nodes", "namespaces", "clusterroles.rbac.authorization.k8s.io"];

interface Question {
  readonly account: string;
  readonly verb: string;
  /** `plural[.group][/subresource]` */
  readonly resource: string;
  /** Of the object; without: of the whole cluster. */
  readonly within?: string;
}

/** What the API server's own authorizer says: https://kubernetes.io/docs/reference/access-authn-authz/authorization/ */
async function isAllowed({ account, verb, resource, within }: Question, namespace: string): Promise<boolean> {
  const [kind = "", subresource] = resource.split("/");
  const [plural, ...group] = kind.split(".");
  const status = await cluster.review("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: {
      user: `system:serviceaccount:${namespace}:${account}`,
      groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
      resourceAttributes: { verb, group: group.join("."), resource: plural, subresource, namespace: within },
    },
  });
  return (status as { allowed: boolean }).allowed;
}

interface Installed {
  readonly namespace: string;
  /** Accounts by what the chart calls them after its own name. */
  readonly accounts: ReadonlyMap<string, string>;
}

let installed: Promise<Installed> | undefined;
/** The chart with every function it can have. */
const everything = (): Promise<Installed> => {
  installed ??= install();
  return installed;
};

async function install(): Promise<Installed> {
  await cluster.define(await readDefinitions());
  const namespace = await newNamespace(cluster, "roles");
  const manifests = await renderChart(namespace, "--set=jobDefaults.startedBy=start-job");
  await cluster.kubectl(["apply", "--server-side", "--namespace", namespace, "--filename=-"], manifests);
  const accounts = await Array.fromAsync(cluster.kube.list(serviceAccounts, { namespace }));
  const names = accounts.map(({ metadata: { name } }): [string, string] => [name.replace(/^stowage-/, ""), name]);
  return { namespace, accounts: new Map(names) };
}

test("each function has an account of its own", needs, async () => {
  const { accounts } = await everything();
  assert.deepEqual([...accounts.keys()].sort(), [...Object.keys(functions), "releases"].sort());
});

test("each account may do what its function does, and nothing else, here or elsewhere", needs, async () => {
  const { namespace, accounts } = await everything();
  const wrong: string[] = [];
  let asked = 0;
  for (const [name, account] of accounts) {
    const questions: readonly Question[] = verbs.flatMap((verb) => [
      ...resources.flatMap((resource) => [namespace, "default"].map((within) => ({ account, verb, resource, within }))),
      ...clusterResources.map((resource) => ({ account, verb, resource })),
    ]);
    const answers = await Promise.all(questions.map((question) => isAllowed(question, namespace)));
    for (const [n, { verb, resource, within }] of questions.entries()) {
      const expected = within === namespace && (rights[name]?.includes(`${verb} ${resource}`) ?? false);
      if (answers[n] !== expected)
        wrong.push(`${name}: ${verb} ${resource} in ${within ?? "the cluster"} is ${answers[n]}`);
    }
    asked += questions.length;
  }
  assert.deepEqual(wrong, []);
  assert.ok(asked > 2000, `only ${asked} questions`);
});

test("no account has a right that the table does not ask for", needs, async () => {
  const { namespace, accounts } = await everything();
  await cluster.kubectl(["create", "serviceaccount", "nobody", "--namespace", namespace]);
  const usual = await rulesOf("nobody", namespace);
  for (const [name, account] of accounts) {
    const own = (await rulesOf(account, namespace)).filter((rule) => !usual.includes(rule));
    assert.deepEqual(own.sort(), [...(rights[name] ?? [])].sort(), name);
  }
});

/** Every right that an account has in a namespace, as `verb resource`; paths that are no resources as `verb /path`. */
async function rulesOf(account: string, namespace: string): Promise<readonly string[]> {
  const review = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } };
  const user = `system:serviceaccount:${namespace}:${account}`;
  const status = (await cluster.review(
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    review,
    user,
  )) as RulesStatus;
  assert.equal(status.incomplete, false);
  return [
    ...status.resourceRules.flatMap(({ verbs, apiGroups = [], resources = [], resourceNames }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => {
          const [plural, ...subresource] = resource.split("/");
          const kind = [[plural, group].filter(Boolean).join("."), ...subresource].join("/");
          return verbs.map((verb) => [verb, kind, ...(resourceNames ?? [])].join(" "));
        }),
      ),
    ),
    ...status.nonResourceRules.flatMap(({ verbs, nonResourceURLs = [] }) =>
      nonResourceURLs.flatMap((url) => verbs.map((verb) => `${verb} ${url}`)),
    ),
  ];
}

interface RulesStatus {
  readonly incomplete: boolean;
  readonly resourceRules: readonly {
    readonly verbs: readonly string[];
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  readonly nonResourceRules: readonly {
    readonly verbs: readonly string[];
    readonly nonResourceURLs?: readonly string[];
  }[];
}

test(
  "with a real token of its account, start-job makes a Job and a Secret, and can neither list nor delete them",
  needs,
  async () => {
    const { namespace, accounts } = await everything();
    const kube = await openKube(await cluster.podOf(namespace, accounts.get("start-job")!));
    const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "event" }, stringData: { event: "{}" } };
    const template = { spec: { restartPolicy: "Never", containers: [{ name: "a", image: "example.com/a:1" }] } };
    await kube.create(secrets, secret);
    await kube.create(jobs, { apiVersion: "batch/v1", kind: "Job", metadata: { name: "a" }, spec: { template } });
    assert.equal((await kube.get(jobs, "a")).metadata.namespace, namespace);
    const denied = { name: "RejectedError", code: "KUBE_DENIED" };
    await assert.rejects(Array.fromAsync(kube.list(secrets)), denied);
    await assert.rejects(kube.delete(jobs, "a"), denied);
    await assert.rejects(kube.apply(jobs, { apiVersion: "batch/v1", kind: "Job", metadata: { name: "a" } }), denied);
  },
);

test("a function that does not work at the API server is refused there, with a token as well", needs, async () => {
  const { namespace, accounts } = await everything();
  const kube = await openKube(await cluster.podOf(namespace, accounts.get("build-bundle")!));
  await assert.rejects(kube.get(secrets, "event"), { name: "RejectedError", code: "KUBE_DENIED" });
});
