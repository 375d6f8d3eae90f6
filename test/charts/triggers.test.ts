import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseTriggers } from "../../lib/runtime/local/index.ts";
import { chart, type KubeObject, ofKind, readObjects, render, root } from "./stowage-chart.ts";

const files = await Promise.all(
  (await readdir(join(root, "triggers"))).sort().map(async (name) => ({
    name,
    text: await readFile(join(root, "triggers", name), "utf8"),
  })),
);
const written = files.flatMap(({ text }) => readObjects(text));
const prefix = "train-stowage";
const rendered = await render();
const drawn = (name: string, objects = rendered, kind = "Trigger"): KubeObject => {
  const object = ofKind(objects, kind).find(({ metadata }) => metadata.name === `${prefix}-${name}`);
  assert.ok(object, name);
  return object;
};

/** A reference as triggers/ writes it: without what the release adds. */
const plain = ({ ref: { namespace, name, ...ref }, ...rest }: KubeObject["spec"]) => {
  assert.equal(namespace, "releases");
  const own = name.replace(/^train-stowage-?/, "");
  return { ...rest, ref: { ...ref, name: own === "" ? "stowage" : own } };
};

const plainSpec = ({ kind, spec }: KubeObject): object =>
  kind === "PingSource"
    ? { ...spec, sink: plain(spec.sink) }
    : {
        ...spec,
        broker: spec.broker === prefix ? "stowage" : spec.broker,
        subscriber: plain(spec.subscriber),
        delivery: { ...spec.delivery, deadLetterSink: plain(spec.delivery.deadLetterSink) },
      };

test("the chart has the files of triggers/ byte for byte, and no others", async () => {
  const copies = await readdir(join(chart, "triggers"));
  assert.deepEqual(
    copies.sort(),
    files.map(({ name }) => name),
  );
});

test("what is rendered is what triggers/ says, field by field, but for names", () => {
  for (const object of written) {
    const { kind, apiVersion, metadata } = object;
    const twin = drawn(metadata.name, rendered, kind);
    assert.equal(twin.apiVersion, apiVersion);
    assert.deepEqual(twin.metadata.annotations, metadata.annotations);
    assert.deepEqual(plainSpec(twin), object["spec"], metadata.name);
  }
  const [triggers, sources] = ["Trigger", "PingSource"].map(
    (kind) => ofKind(rendered, kind).length - ofKind(written, kind).length,
  );
  // the schedule of Releases is the chart's: no embedded broker has an API server to ask
  assert.deepEqual([triggers, sources], [0, 1]);
});

test("no trigger waits longer for an answer than the service may take, which is no longer than Knative allows", () => {
  const services = new Map(
    ofKind(rendered, "Service", "serving").map((each) => [each.metadata.name, each["spec"].template.spec]),
  );
  const { triggers } = parseTriggers(files);
  for (const { name, subscriber, delivery } of triggers) {
    if (subscriber.kind !== "Service") continue;
    const { timeoutSeconds } = services.get(`${prefix}-${subscriber.name}`);
    assert.ok((delivery.timeout ?? 0) <= timeoutSeconds * 1000, name);
    assert.ok(timeoutSeconds <= 600, name);
  }
});

test("a function that runs as the other kind is found by its triggers", async () => {
  const objects = await render({
    functions: { "mirror-images": { runs: "service" }, "index-charts": { runs: "job" } },
  });
  const refs = ["mirror-images", "index-charts-pushed"].map((name) => drawn(name, objects)["spec"].subscriber.ref);
  assert.deepEqual(refs, [
    { apiVersion: "serving.knative.dev/v1", kind: "Service", name: `${prefix}-mirror-images`, namespace: "releases" },
    {
      apiVersion: "sinks.knative.dev/v1alpha1",
      kind: "JobSink",
      name: `${prefix}-index-charts`,
      namespace: "releases",
    },
  ]);
});

test("without JobSink, start-job is asked for a Job of the function", async () => {
  const objects = await render({ jobDefaults: { startedBy: "start-job" } });
  assert.deepEqual(ofKind(objects, "JobSink"), []);
  for (const name of ["mirror-images", "build-bundle"]) {
    assert.deepEqual(drawn(name, objects)["spec"].subscriber, {
      ref: {
        apiVersion: "serving.knative.dev/v1",
        kind: "Service",
        name: `${prefix}-start-job`,
        namespace: "releases",
      },
      uri: `/${name}`,
    });
  }
});

test("a function that is switched off takes its triggers and schedules along", async () => {
  const objects = await render({ functions: { "index-charts": { enabled: false } }, releases: { enabled: false } });
  const components = objects.map(({ metadata }) => metadata.labels?.["app.kubernetes.io/component"]);
  for (const gone of ["index-charts", "follow-release", "report-release"]) assert.ok(!components.includes(gone), gone);
  assert.deepEqual([...ofKind(objects, "ApiServerSource"), ...ofKind(objects, "PingSource")], []);
});

test("delivery and schedule may be others; what is not said stays", async () => {
  const objects = await render({
    functions: {
      "index-charts": { delivery: { retry: 0, timeout: "PT1M" }, schedules: { "index-charts-reconcile": "5 4 * * *" } },
    },
    broker: { create: false, name: "company" },
  });
  const { delivery, broker } = drawn("index-charts-deleted", objects)["spec"];
  const { delivery: before } = drawn("index-charts-deleted")["spec"];
  assert.deepEqual(delivery, { ...before, retry: 0, timeout: "PT1M" });
  assert.equal(broker, "company");
  const { schedule, sink } = drawn("index-charts-reconcile", objects, "PingSource")["spec"];
  assert.deepEqual([schedule, sink.ref.name], ["5 4 * * *", "company"]);
});
