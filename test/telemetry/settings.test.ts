import assert from "node:assert/strict";
import { test } from "node:test";
import { readSettings } from "../../lib/telemetry/settings.ts";

const read = (env: Record<string, string>) => readSettings(env, "1.2.3");
const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

test("nothing is recorded where no standard variable says where to send it", () => {
  for (const env of [
    {},
    { OTEL_SERVICE_NAME: "x", OTEL_TRACES_EXPORTER: "otlp" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
    { ...endpoint, OTEL_SDK_DISABLED: "true" },
    { ...endpoint, OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" },
  ]) {
    assert.equal(read(env), undefined);
  }
});

test("traces and metrics are on alone, each by its own variable, or together", () => {
  const on = (env: Record<string, string>) => [read(env)?.traces, read(env)?.metrics];
  assert.deepEqual(on(endpoint), [true, true]);
  assert.deepEqual(on({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c/v1/traces" }), [true, false]);
  assert.deepEqual(on({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "https://c/v1/metrics" }), [false, true]);
  assert.deepEqual(on({ ...endpoint, OTEL_METRICS_EXPORTER: "none" }), [true, false]);
});

test("what cannot be done is refused at the start, by the variable's name and never its value", () => {
  for (const [name, value] of [
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "hunter2 secret"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"],
    ["OTEL_TRACES_EXPORTER", "zipkin"],
    ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
    ["OTEL_TRACES_SAMPLER_ARG", "2"],
    ["OTEL_METRIC_EXPORT_INTERVAL", "soon"],
  ] as const) {
    assert.throws(
      () => read({ ...endpoint, [name]: value }),
      (error: Error & { code: string }) =>
        error.code === "CONFIG_INVALID" && error.message.includes(name) && !error.message.includes("hunter2"),
    );
  }
});

test("sampler, interval and timeout are the standard's", () => {
  const { sampler, samplerArg, interval, timeout } = read({
    ...endpoint,
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: "0.25",
    OTEL_METRIC_EXPORT_INTERVAL: "5000",
    OTEL_EXPORTER_OTLP_TIMEOUT: "9000",
  })!;
  assert.deepEqual([sampler, samplerArg, interval, timeout], ["parentbased_traceidratio", 0.25, 5000, 9000]);
});
