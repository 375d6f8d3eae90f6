import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { TraceContext } from "../../lib/events/index.ts";
import { copy, openBuilt, openRegistries } from "../../lib/oci/index.ts";
import { openMemoryStore } from "../../lib/store/memory.ts";
import { openTelemetry } from "../../lib/telemetry/index.ts";
import { newEvent } from "../contracts/host.ts";
import { runStowage } from "../e2e/stowage.ts";
import { type ReceivedSpan, startOtlpReceiver } from "../fakes/otlp-receiver.ts";
import { chartArchive } from "../fixtures/chart-archive.ts";
import { chartArtifact } from "../fixtures/chart-artifact.ts";
import { collectingLog } from "../functions/harness.ts";

const POD =
  "apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec: { containers: [{ name: web, image: nginx:1 }] }\n";

test("a push at the embedded registry is one trace from the registry to the list of images, and is measured", async () => {
  await using receiver = await startOtlpReceiver();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test" };
  const running = await runStowage({ env });
  const { registry, broker } = running.ready;
  try {
    const archive = await chartArchive("web", "1.0.0", { "templates/pod.yaml": POD });
    const chart = openBuilt({ "1.0.0": chartArtifact({ name: "web", version: "1.0.0" }, { archive }) });
    const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-test" });
    await copy(chart, "1.0.0", registries.repository(registry, "charts/web"));
    await running.ran((ran) => ran.function === "list-images" && ran.status === 204);

    // no data: rejected, buried, and in a trace of its own that its sender has begun
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const event = { ...newEvent({ id: "bad" }), data: {}, traceparent };
    const headers = { "content-type": "application/cloudevents+json" };
    await fetch(broker, { method: "POST", headers, body: JSON.stringify(event) });
    await running.ran((ran) => ran.function === "bury");
  } finally {
    await running[Symbol.asyncDispose]();
  }

  assert.deepEqual(receiver.problems, []);
  assert.ok(receiver.resources.every((each) => each["service.name"] === "stowage"));
  assert.ok(receiver.resources.every((each) => each["deployment.environment"] === "test"));
  const find = (name: string, traceId?: string): ReceivedSpan => {
    const found = receiver.spans.find((span) => span.name === name && (traceId ?? span.traceId) === span.traceId);
    assert.ok(found, `no span ${name}`);
    return found;
  };
  const receive = find("receive");
  const [index, list] = [find("index-charts", receive.traceId), find("list-images", receive.traceId)];
  assert.deepEqual(
    [receive.parentSpanId, index.parentSpanId, list.parentSpanId],
    [undefined, receive.spanId, index.spanId],
  );
  assert.deepEqual([receive.kind, index.kind], [4, 5]);
  assert.equal(index.attributes["cloudevents.event_type"], "dev.stowage.artifact.pushed.v1");
  assert.equal(list.attributes["stowage.status"], 204);

  const parts = (parent: ReceivedSpan) =>
    new Set(receiver.spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId).map(({ name }) => name));
  for (const name of ["registry resolve", "registry open", "store put"]) assert.ok(parts(index).has(name), name);
  for (const name of ["store get", "registry open", "render", "publish"]) assert.ok(parts(list).has(name), name);
  assert.equal(find("registry open").attributes["server.address"], "registry.stowage.internal");

  const rejected = find("index-charts", "0af7651916cd43dd8448eb211c80319c");
  assert.equal(rejected.parentSpanId, "b7ad6b7169203331");
  assert.deepEqual([rejected.status.code, rejected.attributes["error.type"]], [2, "EVENT_INVALID"]);
  assert.equal(find("bury", rejected.traceId).parentSpanId, "b7ad6b7169203331");

  const points = (name: string) => receiver.metrics.get(name)?.points ?? [];
  const value = (name: string, wanted: Record<string, unknown>): number =>
    points(name)
      .filter(({ attributes }) => Object.entries(wanted).every(([key, each]) => attributes[key] === each))
      .reduce((sum, each) => sum + each.value, 0);
  assert.equal(value("stowage.runs", { function: "list-images", status: 204 }), 1);
  assert.equal(value("stowage.runs", { function: "index-charts", status: 422, code: "EVENT_INVALID" }), 1);
  assert.equal(value("stowage.run.duration", { function: "list-images" }), 1);
  assert.equal(value("stowage.runs.active", {}), 0);
  for (const [port, direction] of [
    ["registry", "read"],
    ["store", "read"],
    ["store", "written"],
  ]) {
    assert.ok(value("stowage.bytes", { port, direction }) > 0, `${port} ${direction}`);
  }
  assert.equal(value("stowage.broker.dead_letters", {}), 1);
  assert.deepEqual(points("stowage.broker.queue.depth"), [{ attributes: {}, value: 0 }]);
  assert.deepEqual(points("stowage.broker.queue.age"), [{ attributes: {}, value: 0 }]);
});

test("of one run no more parts are recorded than anybody reads, and none where the sampler says so", async () => {
  for (const [sampler, wanted] of [
    ["always_on", 1001],
    ["always_off", 0],
  ] as const) {
    await using receiver = await startOtlpReceiver();
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces`, OTEL_TRACES_SAMPLER: sampler };
    Object.assign(process.env, env);
    try {
      const telemetry = await openTelemetry(env, collectingLog());
      const store = telemetry!.observed("store", openMemoryStore());
      const trace = { traceId: "1".repeat(32), spanId: "2".repeat(16), sampled: true };
      const work = { name: "subject", kind: "event", trace, isOrigin: true, attributes: {} } as const;
      const look = async (own: TraceContext): Promise<TraceContext> => {
        for (let n = 0; n < 1005; n++) await store.stat("a");
        return own;
      };
      const { traceId, sampled } = await telemetry!.during(work, look, () => ({ status: 204 }));
      assert.deepEqual([traceId, sampled], [trace.traceId, wanted > 0]);
      await telemetry!.close();
    } finally {
      for (const name of Object.keys(env)) delete process.env[name];
    }
    assert.deepEqual([receiver.problems, receiver.spans.length], [[], wanted]);
    assert.ok(receiver.spans.every(({ traceId }) => traceId === "1".repeat(32)));
  }
});

test("where only metrics are wanted, a trace goes on unchanged: nobody has added a span to it", async () => {
  await using receiver = await startOtlpReceiver();
  const env = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.url}/v1/metrics` };
  Object.assign(process.env, env);
  try {
    const telemetry = await openTelemetry(env, collectingLog());
    const trace = { traceId: "1".repeat(32), spanId: "2".repeat(16), sampled: true };
    const work = { name: "subject", kind: "event", trace, isOrigin: false, attributes: {} } as const;
    assert.deepEqual(
      await telemetry!.during(
        work,
        async (own) => own,
        () => ({ status: 204 }),
      ),
      trace,
    );
    await telemetry!.close();
  } finally {
    delete process.env["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];
  }
  assert.deepEqual([receiver.problems, receiver.spans], [[], []]);
  assert.equal(receiver.metrics.get("stowage.runs")?.points.length, 1);
});

test("a collector that is not there, or never answers, is logged once and holds up no end for long", async () => {
  const silent = createServer(() => {});
  await once(silent.listen(0, "127.0.0.1"), "listening");
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  try {
    for (const endpoint of [url(1), url((silent.address() as AddressInfo).port)]) {
      const log = collectingLog();
      process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint;
      const telemetry = await openTelemetry(
        { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: "200" },
        log,
      );
      const trace = { traceId: "1".repeat(32), spanId: "1".repeat(16), sampled: true };
      const work = { name: "subject", kind: "event", trace, isOrigin: false, attributes: {} } as const;
      assert.equal(
        await telemetry!.during(
          work,
          async () => 7,
          () => ({ status: 204 }),
        ),
        7,
      );
      const started = performance.now();
      await telemetry!.close();
      assert.ok(performance.now() - started < 4500);
      assert.deepEqual(
        log.lines.map(({ level, message }) => [level, message]),
        [["warn", "Cannot send telemetry"]],
      );
    }
  } finally {
    delete process.env["OTEL_EXPORTER_OTLP_ENDPOINT"];
    silent.closeAllConnections();
    silent.close();
  }
});
