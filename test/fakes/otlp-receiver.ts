import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import * as z from "zod";

// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hex, 64-bit integers are decimal strings
const nanos = z.string().regex(/^[1-9]\d*$/);
const value = z.union([
  z.strictObject({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z
    .strictObject({ intValue: z.union([z.int(), z.string().regex(/^-?\d+$/)]) })
    .transform(({ intValue }) => Number(intValue)),
  z.strictObject({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
  z.strictObject({ boolValue: z.boolean() }).transform(({ boolValue }) => String(boolValue)),
]);
const attributes = z
  .array(z.strictObject({ key: z.string().min(1), value }))
  .refine((list) => new Set(list.map(({ key }) => key)).size === list.length, "one attribute comes twice")
  .transform((list) => Object.fromEntries(list.map((each) => [each.key, each.value])));
const resource = z.object({ attributes }).refine((each) => "service.name" in each.attributes, "it has no service.name");
const scope = z.object({ name: z.string().min(1), version: z.string().optional() });

const span = z
  .object({
    traceId: z.string().regex(/^(?!0+$)[0-9a-f]{32}$/),
    spanId: z.string().regex(/^(?!0+$)[0-9a-f]{16}$/),
    parentSpanId: z
      .string()
      .regex(/^(?!0+$)[0-9a-f]{16}$/)
      .optional(),
    name: z.string().min(1),
    kind: z.int().min(1).max(5),
    startTimeUnixNano: nanos,
    endTimeUnixNano: nanos,
    attributes,
    status: z.object({ code: z.int().min(0).max(2).optional(), message: z.string().optional() }),
  })
  .refine((each) => BigInt(each.startTimeUnixNano) <= BigInt(each.endTimeUnixNano), "it ends before it begins");
const traceRequest = z.object({
  resourceSpans: z.array(z.object({ resource, scopeSpans: z.array(z.object({ scope, spans: z.array(span) })) })),
});

const point = { attributes, startTimeUnixNano: nanos.optional(), timeUnixNano: nanos };
const number = z
  .object({ ...point, asInt: z.union([z.int(), z.string()]).optional(), asDouble: z.number().optional() })
  .transform(({ asInt, asDouble, ...rest }) => ({ ...rest, value: Number(asInt ?? asDouble) }));
const histogram = z
  .object({
    ...point,
    count: z.union([z.int(), z.string()]).transform(Number),
    sum: z.number(),
    bucketCounts: z.array(z.union([z.int(), z.string()]).transform(Number)),
    explicitBounds: z.array(z.number()),
  })
  .refine((each) => each.bucketCounts.length === each.explicitBounds.length + 1, "buckets and bounds do not fit")
  .refine((each) => each.bucketCounts.reduce((a, b) => a + b, 0) === each.count, "buckets do not add up")
  .transform(({ count, ...rest }) => ({ ...rest, value: count }));
const temporality = z.int().min(1).max(2);
const metric = z
  .object({
    name: z.string().min(1),
    unit: z.string(),
    sum: z
      .object({ dataPoints: z.array(number), aggregationTemporality: temporality, isMonotonic: z.boolean() })
      .optional(),
    gauge: z.object({ dataPoints: z.array(number) }).optional(),
    histogram: z.object({ dataPoints: z.array(histogram), aggregationTemporality: temporality }).optional(),
  })
  .refine((each) => [each.sum, each.gauge, each.histogram].filter(Boolean).length === 1, "it is not of one kind")
  .transform(({ name, unit, ...kinds }) => {
    const dataPoints = (kinds.sum ?? kinds.gauge ?? kinds.histogram)!.dataPoints;
    return { name, unit, points: dataPoints.map((each) => ({ attributes: each.attributes, value: each.value })) };
  });
const metricRequest = z.object({
  resourceMetrics: z.array(
    z.object({ resource, scopeMetrics: z.array(z.object({ scope, metrics: z.array(metric) })) }),
  ),
});

export type ReceivedSpan = z.output<typeof span>;
export type ReceivedMetric = z.output<typeof metric>;

export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** As they were reported last, by name. */
  readonly metrics: ReadonlyMap<string, ReceivedMetric>;
  /** Attributes of every resource that reported. */
  readonly resources: readonly Readonly<Record<string, unknown>>[];
  /** Requests that a collector would not take. */
  readonly problems: readonly string[];
  /** Connections so far. */
  readonly connections: number;
}

/** A collector that takes OTLP over HTTP in JSON, and nothing that a real one would not: https://opentelemetry.io/docs/specs/otlp/ */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const metrics = new Map<string, ReceivedMetric>();
  const resources: Record<string, unknown>[] = [];
  const problems: string[] = [];
  let connections = 0;
  const takers: Readonly<Record<string, (json: unknown) => void>> = {
    "/v1/traces": (json) => {
      for (const each of traceRequest.parse(json).resourceSpans) {
        resources.push(each.resource.attributes);
        spans.push(...each.scopeSpans.flatMap((one) => one.spans));
      }
    },
    "/v1/metrics": (json) => {
      for (const each of metricRequest.parse(json).resourceMetrics) {
        resources.push(each.resource.attributes);
        for (const one of each.scopeMetrics.flatMap((scoped) => scoped.metrics)) metrics.set(one.name, one);
      }
    },
  };
  const server = createServer(async (request, response) => {
    const refuse = (status: number, why: string): void => {
      problems.push(`${request.method} ${request.url}: ${why}`);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ message: why }));
    };
    const body = await buffer(request);
    const take = takers[request.url ?? ""];
    if (take === undefined || request.method !== "POST") return refuse(404, "there is nothing at this path");
    if (request.headers["content-type"] !== "application/json") return refuse(415, "it is not JSON");
    try {
      const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      take(JSON.parse(plain.toString()));
    } catch (error) {
      return refuse(400, (error as Error).message);
    }
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  }).on("connection", () => connections++);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    metrics,
    resources,
    problems,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}
