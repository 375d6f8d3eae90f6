import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  createTraceState,
  type Meter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { setGlobalErrorHandler } from "@opentelemetry/core";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, type MetricReader, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { TraceContext } from "../events/index.ts";
import type { Attributes, Gauge, Measured, metrics as Metrics, OpenSpan, Recorder, SpanOptions } from "./recorder.ts";
import type { Settings } from "./settings.ts";

// The only file that knows OpenTelemetry. It is built as a file of its own, so it imports nothing of ours but types.

/** More than this no one reads; a check of a large registry would make as many as there are tags. */
const MOST_PARTS = 1000;
/** Attributes from outside may be of any length. */
const MAX_TEXT = 1024;
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

const kinds: Readonly<Record<SpanOptions["kind"], SpanKind>> = {
  consumer: SpanKind.CONSUMER,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
};

/** What is under way, wherever it has got to. */
interface Current {
  readonly context: Context;
  parts: number;
}

/**
 * Record with OpenTelemetry, and send over OTLP/HTTP in JSON, as the standard variables say. Nothing global is set but the
 * handler of errors.
 *
 * @param metrics what will be measured
 * @param onError told of what could not be sent
 */
export function openRecorder(
  { version, traces, metrics: measured, sampler, samplerArg, interval, timeout }: Settings,
  metrics: typeof Metrics,
  onError: (error: unknown) => void,
): Recorder {
  setGlobalErrorHandler(onError);
  const resource = resourceFromAttributes({ "service.name": "stowage", "service.version": version }).merge(
    detectResources({ detectors: [envDetector] }),
  );
  const ids = new Ids();
  const sending = { timeoutMillis: timeout };
  const toTraces = (): SpanProcessor => new BatchSpanProcessor({ exporter: new OTLPTraceExporter(sending) });
  const toMetrics = (): MetricReader =>
    new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(sending), exportIntervalMillis: interval });
  const tracers = new TracerProvider({
    resource,
    idGenerator: ids,
    sampler: samplerOf(sampler, samplerArg),
    spanLimits: { attributeValueLengthLimit: MAX_TEXT },
    spanProcessors: traces ? [toTraces()] : [],
  });
  const meters = new MeterProvider({ resource, readers: measured ? [toMetrics()] : [] });
  const tracer: Tracer = tracers.getTracer("stowage", version);
  const meter: Meter = meters.getMeter("stowage", version);
  const instruments = instrumentsOf(meter, metrics);
  const current = new AsyncLocalStorage<Current>();

  const open = (name: string, { kind, attributes }: SpanOptions, parent: Context): OpenSpan => {
    const span = tracer.startSpan(name, { kind: kinds[kind], attributes: given(attributes) }, parent);
    const here: Current = { context: trace.setSpan(parent, span), parts: 0 };
    return {
      trace: traceOf(span),
      end(more = {}, code) {
        span.setAttributes(given(more));
        if (code !== undefined) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", code);
        span.end();
      },
      within: (work) => current.run(here, work),
    };
  };

  return {
    root(name, { trace: origin, isOrigin, ...options }) {
      if (!traces) return { trace: origin, end() {}, within: (work) => work() };
      if (!isOrigin) return open(name, options, parentOf(origin));
      ids.nextTrace = origin.traceId;
      return open(name, options, ROOT_CONTEXT);
    },
    part(name, options) {
      const above = current.getStore();
      if (above === undefined || above.parts >= MOST_PARTS) return undefined;
      above.parts += 1;
      return open(name, options, above.context);
    },
    measure: (metric, amount, attributes) => instruments.measure[metric](amount, given(attributes)),
    watch: (read) =>
      meter.addBatchObservableCallback((result) => {
        const now = read();
        for (const name of Object.keys(instruments.gauges) as Gauge[])
          result.observe(instruments.gauges[name], now[name]);
      }, Object.values(instruments.gauges)),
    async close() {
      const ended = await Promise.allSettled([tracers.shutdown(), meters.shutdown()]);
      for (const each of ended) if (each.status === "rejected") throw each.reason;
    },
  };
}

/** Random ids, but for the trace that an event without one belongs to by its name. */
class Ids implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  nextTrace: string | undefined;

  generateTraceId(): string {
    const next = this.nextTrace ?? this.#random.generateTraceId();
    this.nextTrace = undefined;
    return next;
  }

  generateSpanId(): string {
    return this.#random.generateSpanId();
  }
}

const parentOf = ({ traceId, spanId, sampled, tracestate }: TraceContext): Context =>
  trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  });

function traceOf(span: Span): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const tracestate = traceState?.serialize() || undefined;
  return { traceId, spanId, sampled: (traceFlags & TraceFlags.SAMPLED) !== 0, ...(tracestate && { tracestate }) };
}

const given = (attributes: Attributes): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, string | number] => entry[1] !== undefined),
  );

function instrumentsOf(meter: Meter, metrics: typeof Metrics) {
  const measure = {} as Record<Measured, (amount: number, attributes: Record<string, string | number>) => void>;
  const gauges = {} as Record<Gauge, ReturnType<Meter["createObservableGauge"]>>;
  for (const [name, { kind, ...options }] of Object.entries(metrics)) {
    if (kind === "gauge") gauges[name as Gauge] = meter.createObservableGauge(name, options);
    else if (kind === "counter") {
      const counter = meter.createCounter(name, options);
      measure[name as Measured] = (amount, attributes) => counter.add(amount, attributes);
    } else if (kind === "level") {
      const level = meter.createUpDownCounter(name, options);
      measure[name as Measured] = (amount, attributes) => level.add(amount, attributes);
    } else {
      const histogram = meter.createHistogram(name, { ...options, advice: { explicitBucketBoundaries: BUCKETS } });
      measure[name as Measured] = (amount, attributes) => histogram.record(amount, attributes);
    }
  }
  return { measure, gauges };
}

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration */
function samplerOf(name: Settings["sampler"], ratio: number): Sampler {
  const root = name.endsWith("always_off")
    ? new AlwaysOffSampler()
    : name.endsWith("traceidratio")
      ? new TraceIdRatioBasedSampler(ratio)
      : new AlwaysOnSampler();
  return name.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root;
}
