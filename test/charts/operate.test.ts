import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { loadConfig, withAdapterArguments } from "../../lib/config/index.ts";
import { ofKind, podsOf, readObjects, release, render, renderer, root, valuesFile } from "./stowage-chart.ts";

const page = readFileSync(join(root, "docs/operate.md"), "utf8");
const blocks = (language: string): readonly string[] => {
  const fenced = new RegExp(["^( *)```", language, "\\n(.*?)^ *```"].join(""), "gms");
  return [...page.matchAll(fenced)].map(([, indent = "", text = ""]) =>
    text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  );
};
const commands = blocks("sh").flatMap((block) => block.trimEnd().split("\n"));
/** The release that the page installs. */
const stowage = { releaseName: "stowage", namespace: "stowage" };

test("every values file of docs/operate.md can be installed", async () => {
  const files = blocks("yaml");
  assert.equal(files.length, 2);
  for (const text of files) assert.notEqual((await render(parse(text), stowage)).length, 0);
});

test("every helm command of docs/operate.md names the chart, the release and values that it takes", async () => {
  const helm = commands.filter((command) => command.startsWith("helm upgrade"));
  assert.equal(helm.length, 3);
  const options = {
    namespace: { type: "string" },
    values: { type: "string" },
    set: { type: "string" },
    install: { type: "boolean" },
  } as const;
  for (const command of helm) {
    const { positionals, values } = parseArgs({ args: command.split(" ").slice(2), options, allowPositionals: true });
    assert.deepEqual(positionals, ["stowage", "charts/stowage"]);
    const set = values.set === undefined ? [] : [values.set];
    const valuesFiles = values.values === undefined ? [] : [await valuesFile(parse(blocks("yaml")[0]!))];
    const templates = await renderer.render(join(root, positionals[1]!), { ...release, set, valuesFiles });
    assert.notEqual(templates.length, 0, command);
  }
});

test("every object that commands of docs/operate.md name is in the chart", async () => {
  const objects = [...(await render({}, stowage)), ...(await render({ mode: "single" }, stowage))];
  const kinds = { statefulset: "StatefulSet", service: "Service" } as const;
  const named = commands.flatMap((command) => [...command.matchAll(/ (statefulset|service)\/(stowage[a-z-]*)/g)]);
  assert.ok(named.length >= 4);
  for (const [text, kind, name] of named) {
    const found = ofKind(objects, kinds[kind as keyof typeof kinds]).some(({ metadata }) => metadata.name === name);
    assert.ok(found, text);
  }
  for (const [, component] of page.matchAll(/component=([a-z-]+)/g)) {
    assert.ok(objects.some(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"] === component));
  }
  const [, service] = /get services\.serving\.knative\.dev (\S+)/.exec(page)!;
  assert.ok(ofKind(objects, "Service", "serving").some(({ metadata }) => metadata.name === service));
});

test("docs/operate.md explains every alert, and no others", async () => {
  const observability = { otlpEndpoint: "http://otel:4318", prometheusRule: { enabled: true } };
  const rules = await Promise.all(["knative", "single"].map((mode) => render({ mode, observability })));
  const alerts = ofKind(rules.flat(), "PrometheusRule").flatMap(({ spec }) => spec.groups[0].rules);
  const explained = [...page.matchAll(/^\| (Stowage\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(explained.sort(), [...new Set(alerts.map(({ alert }: { alert: string }) => alert))].sort());
});

test("CR-12: make build and its like are scripts of npm", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const makefile = readFileSync(join(root, "Makefile"), "utf8");
  const made = [...makefile.matchAll(/^(\w+):\n\tnpm (?:run )?(\w+)$/gm)].map(([, target, script]) => [target, script]);
  assert.deepEqual(made[0], ["build", "build"]);
  for (const [target, script] of made) assert.ok(script! in scripts, target);
});

test("CR-13 to CR-17: the manifest in the place of oci-chartrepo has its arguments, its port and its secret", async () => {
  const objects = readObjects(readFileSync(join(root, "deploy/oci-chart-registry-deployment.yaml"), "utf8"));
  const deployment = ofKind(objects, "Deployment")[0]!;
  const [service] = ofKind(objects, "Service");
  const { containers, volumes } = deployment["spec"].template.spec;
  const [{ args, volumeMounts, ports, securityContext }] = containers;
  const env = withAdapterArguments(
    { HOME: "/tmp" },
    args.filter((arg: string) => arg.startsWith("--storage")),
  );
  const config = await loadConfig(env);
  assert.deepEqual(config.index.registries, ["192.168.0.1:5000"]);
  assert.deepEqual(config.registries, [{ host: "192.168.0.1:5000", scheme: "https" }]);
  assert.ok(config.credentials.includes("/etc/secret/dockerconfigjson"));
  assert.equal(volumeMounts.at(-1).mountPath, "/etc/secret");
  assert.deepEqual(volumes.at(-1).secret, {
    secretName: "my-registry-secret",
    optional: true,
    items: [{ key: ".dockerconfigjson", path: "dockerconfigjson" }],
  });
  assert.deepEqual([service?.["spec"].ports[0].port, ports[0].containerPort], [8080, 8080]);
  assert.deepEqual(service?.["spec"].selector, deployment["spec"].selector.matchLabels);
  const [single] = podsOf(await render({ mode: "single" }));
  assert.deepEqual(containers[0].command, single?.container.command);
  assert.deepEqual([args[0], securityContext.readOnlyRootFilesystem], ["up", true]);
});
