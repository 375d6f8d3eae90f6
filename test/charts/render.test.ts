import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { checkConfig } from "../../lib/config/index.ts";
import { assertAsHelm } from "../fixtures/oracle.ts";
import { openHelm } from "../real/helm.ts";
import { chart, examples, helm, type KubeObject, ofKind, podsOf, release, render, renderer } from "./stowage-chart.ts";

const everywhere: readonly object[] = [
  {},
  { nameOverride: "x", commonLabels: { team: "release" } },
  { fullnameOverride: "a-name-of-more-than-forty-characters-so-it-is-cut" },
  { image: { tag: "1.2.3" } },
  { image: { digest: `sha256:${"0".repeat(64)}`, pullSecrets: ["a", "b"] } },
  { registryCredentials: { secretNames: ["a", "b"] } },
  { secrets: { store: { secretName: "keys" } } },
  { caCertificates: { configMap: "authorities" } },
  { env: [{ name: "HTTPS_PROXY", value: "http://proxy.example.com" }] },
  { networkPolicy: { enabled: false } },
  { networkPolicy: { gatewayNamespaces: [], exceptCIDRs: [] } },
  { nodeSelector: { disk: "fast" }, tolerations: [{ operator: "Exists" }], affinity: { nodeAffinity: {} } },
  { observability: { otlpEndpoint: "http://otel:4318", prometheusRule: { enabled: true } } },
];

const options: Readonly<Record<string, readonly object[]>> = {
  knative: [
    ...everywhere,
    { broker: { create: false, name: "events" } },
    { broker: { class: "Kafka", config: { name: "kafka-broker-config" } } },
    { broker: { class: "RabbitMQBroker", url: "http://events.example.com" } },
    { broker: { sinkBinding: true } },
    { jobDefaults: { startedBy: "start-job" } },
    { functions: { "build-bundle": { enabled: false }, "list-images": { runs: "job" } } },
    { functions: { "mirror-images": { runs: "service", timeoutSeconds: 600 } } },
    { functions: { "serve-charts": { minScale: 2, public: true } } },
    { functions: { "serve-charts": { minScale: 2 } }, podDisruptionBudget: { enabled: false } },
    { releases: { enabled: false } },
    { observability: { podMonitor: { enabled: true } } },
  ],
  single: [
    ...everywhere,
    { single: { persistence: { enabled: false } } },
    { single: { persistence: { existingClaim: "data" } } },
    { single: { ingress: { enabled: true, hosts: ["charts.example.com"] } } },
    { single: { httpRoute: { enabled: true, parentRefs: [{ name: "gateway" }] } } },
  ],
};

test("helm lint --strict finds nothing, with the defaults and with every example", async () => {
  await using real = await openHelm();
  for (const file of [join(chart, "values.yaml"), ...examples.map((example) => example.file)]) {
    const said = await real.run("lint", "--strict", chart, "--values", file);
    assert.match(said, /1 chart\(s\) linted, 0 chart\(s\) failed/);
    assert.doesNotMatch(said, /\[(WARNING|ERROR)\]/);
  }
});

test("the packed chart is the chart, without the examples", async () => {
  await using real = await openHelm();
  await real.run("package", chart, "--destination", real.home);
  const packed = join(real.home, `stowage-${parse(readFileSync(join(chart, "Chart.yaml"), "utf8")).version}.tgz`);
  const valuesFiles = [examples[0]!.file];
  const texts = async (path: string) =>
    (await renderer.render(path, { ...release, valuesFiles })).map(({ text }) => text);
  assert.deepEqual(await texts(packed), await texts(chart));
});

for (const { name, file } of examples) {
  test(`${name}: helm and our renderer render the same, and it is right`, async () => {
    assert.equal(await assertAsHelm(helm, renderer, chart, { ...release, valuesFiles: [file] }), "renders");
    check(await render(file));
  });
}

for (const [mode, each] of Object.entries(options)) {
  test(`mode ${mode}: with every option alone, what is rendered is right`, async () => {
    // the definition is large, and the same each time
    const releases = { crd: { create: false } };
    for (const option of each) check(await render({ mode, releases, ...option }));
  });
}

function check(objects: readonly KubeObject[]): void {
  checkNames(objects);
  checkSelectors(objects);
  checkRestricted(objects);
  checkConfiguration(objects);
  checkReferences(objects);
  assert.deepEqual(ofKind(objects, "Secret"), [], "Secrets are only referred to");
}

function checkNames(objects: readonly KubeObject[]): void {
  const names = objects.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`);
  assert.deepEqual(names, [...new Set(names)], "nothing is there twice");
  for (const { kind, metadata } of objects) {
    if (kind === "CustomResourceDefinition") continue;
    assert.match(metadata.name, /^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/);
    assert.equal(metadata.namespace, "releases", `${kind} ${metadata.name}`);
    const { labels = {} } = metadata;
    assert.equal(labels["app.kubernetes.io/name"], "stowage");
    assert.equal(labels["app.kubernetes.io/instance"], "train");
    assert.equal(labels["app.kubernetes.io/part-of"], "stowage");
    assert.equal(labels["app.kubernetes.io/managed-by"], "Helm");
    assert.ok(labels["app.kubernetes.io/version"]);
  }
}

/** What selects must select the same pods after an upgrade; some of it cannot even be changed. */
function checkSelectors(objects: readonly KubeObject[]): void {
  const selectors = objects.flatMap(({ kind, spec = {} }) => [
    ...(kind === "Service" && spec.ports ? [spec.selector] : []),
    ...[spec.selector, spec.podSelector, spec.subject?.selector].map((one) => one?.matchLabels).filter(Boolean),
  ]);
  const pods = podsOf(objects);
  for (const selector of selectors) {
    const stable = ["name", "instance", "component"].map((key) => `app.kubernetes.io/${key}`);
    assert.deepEqual(
      Object.keys(selector).filter((key) => !stable.includes(key)),
      [],
    );
    const selected = pods.filter(({ labels }) =>
      Object.entries(selector).every(([key, value]) => labels[key] === value),
    );
    assert.notEqual(selected.length, 0, `nothing is selected by ${JSON.stringify(selector)}`);
  }
}

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and a root file system that is read only */
function checkRestricted(objects: readonly KubeObject[]): void {
  const pods = podsOf(objects);
  assert.notEqual(pods.length, 0);
  for (const { place, kind, spec } of pods) {
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
      assert.deepEqual(
        container.securityContext,
        {
          runAsNonRoot: true,
          runAsUser: 65532,
          runAsGroup: 65532,
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          seccompProfile: { type: "RuntimeDefault" },
        },
        place,
      );
      assert.ok(container.resources.requests.memory && container.resources.limits.memory, place);
    }
    // Knative takes it of containers only
    if (kind === "Service") assert.equal(spec.securityContext, undefined);
    else assert.equal(spec.securityContext.runAsNonRoot, true, place);
    const sorts = spec.volumes.map(({ name: _, ...volume }: { name: string }) => Object.keys(volume)[0]);
    assert.deepEqual(
      sorts.filter((sort: string) => !["emptyDir", "configMap", "secret", "persistentVolumeClaim"].includes(sort)),
      [],
    );
  }
}

function checkConfiguration(objects: readonly KubeObject[]): void {
  const maps = ofKind(objects, "ConfigMap").filter(({ data }) => "stowage.yaml" in data);
  assert.equal(maps.length, 1);
  const config = checkConfig(parse(maps[0]!["data"]["stowage.yaml"]) ?? {});
  if (ofKind(objects, "Trigger").length > 0) assert.match(config.store, /^(s3|oss):/);
  for (const { place, container, spec } of podsOf(objects)) {
    const { name } = container.env.find((each: { name: string }) => each.name === "STOWAGE_CONFIG") ?? {};
    assert.ok(name, place);
    const volume = spec.volumes.find((each: { name: string }) => each.name === "config");
    assert.equal(volume.configMap.name, maps[0]!.metadata.name);
  }
}

/** Every account, volume, claim and destination that is named, and is not somebody else's, is in the chart. */
function checkReferences(objects: readonly KubeObject[]): void {
  const there = new Set(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
  for (const { place, spec } of podsOf(objects)) {
    assert.ok(there.has(`ServiceAccount ${spec.serviceAccountName}`), `${place}: ${spec.serviceAccountName}`);
    const mounted = spec.containers[0].volumeMounts.map((mount: { name: string }) => mount.name).sort();
    assert.deepEqual(mounted, spec.volumes.map((volume: { name: string }) => volume.name).sort(), place);
    const paths = spec.containers[0].volumeMounts.map((mount: { mountPath: string }) => `${mount.mountPath}/`);
    // nothing can be mounted inside of a volume that is read only
    for (const path of paths) assert.equal(paths.filter((other: string) => path.startsWith(other)).length, 1, path);
    for (const mount of spec.containers[0].volumeMounts) {
      assert.equal(mount.readOnly ?? false, !["tmp", "data"].includes(mount.name), `${place} ${mount.name}`);
    }
  }
  for (const { roleRef, subjects, metadata } of ofKind(objects, "RoleBinding")) {
    assert.ok(there.has(`Role ${roleRef.name}`), metadata.name);
    for (const subject of subjects) assert.ok(there.has(`ServiceAccount ${subject.name}`), metadata.name);
  }
  const trigger = ofKind(objects, "Trigger")[0];
  const brokers = [trigger?.["spec"].broker];
  for (const { spec } of ofKind(objects, "Trigger")) {
    assert.deepEqual([spec.broker], brokers);
    for (const { ref } of [spec.subscriber, spec.delivery.deadLetterSink]) {
      assert.equal(ref.namespace, "releases");
      assert.ok(there.has(`${ref.kind} ${ref.name}`), JSON.stringify(ref));
    }
  }
  for (const { spec, metadata } of objects.filter(({ apiVersion }) => apiVersion.startsWith("sources.knative.dev/"))) {
    assert.deepEqual([spec.sink.ref.name], brokers, metadata.name);
  }
}

test("the configuration is what the values say, and the files of logins after its own", async () => {
  const { file } = examples.find(({ name }) => name === "knative-full-values.yaml")!;
  const { config } = parse(readFileSync(file, "utf8"));
  const { data } = ofKind(await render(file), "ConfigMap")[0]!;
  const logins = ["registry-login", "mirror-login"].map((name) => `/etc/stowage-registries/${name}/config.json`);
  const credentials = ["/etc/elsewhere/config.json", ...logins];
  assert.deepEqual(parse(data["stowage.yaml"]), { ...config, credentials });
});

test("an upgrade changes no field that cannot be changed: only pods know the version", async () => {
  for (const mode of ["knative", "single"]) {
    const [before, after] = await Promise.all([render({ mode }), render({ mode, image: { tag: "9.9.9" } })]);
    const fixed = (objects: readonly KubeObject[]) =>
      objects
        .filter(({ kind }) =>
          ["StatefulSet", "RoleBinding", "PersistentVolumeClaim", "Broker", "SinkBinding"].includes(kind),
        )
        .map(({ kind, metadata, spec: { template: _, ...spec } = {} as KubeObject["spec"], roleRef }) => ({
          kind,
          name: metadata.name,
          spec,
          roleRef,
        }));
    assert.deepEqual(fixed(after), fixed(before));
    assert.deepEqual(
      new Set(podsOf(after).map(({ container }) => container.image)),
      new Set(["ghcr.io/stowage/stowage:9.9.9"]),
    );
  }
});

test("what is stored outlives the chart: the volume and the definition of releases stay", async () => {
  const kept = [...(await render({ mode: "single" })), ...(await render())].filter(
    ({ metadata }) => metadata.annotations?.["helm.sh/resource-policy"] === "keep",
  );
  assert.deepEqual(kept.map(({ kind }) => kind).sort(), ["CustomResourceDefinition", "PersistentVolumeClaim"]);
});
