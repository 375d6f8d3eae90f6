import { RejectedError } from "../errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const samplers = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** What the standard variables of OpenTelemetry say, as far as the exporters do not read them themselves. */
export interface Settings {
  readonly version: string;
  readonly traces: boolean;
  readonly metrics: boolean;
  readonly sampler: (typeof samplers)[number];
  /** The share of traces that is recorded, for samplers that want one. */
  readonly samplerArg: number;
  /** Milliseconds between two reports of metrics. */
  readonly interval: number;
  /** Milliseconds that sending may take, with all its tries. */
  readonly timeout: number;
}

/** Shorter than the standard's 10 seconds: a process that ends waits for it. */
const TIMEOUT = 3000;

/**
 * Whether to record anything, and how.
 *
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 * @returns undefined when nothing says where to send it
 * @throws RejectedError CONFIG_INVALID, naming the variable and not its value
 */
export function readSettings(env: Environment, version: string): Settings | undefined {
  if (env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") return undefined;
  const [traces, metrics] = [isOn("TRACES", env), isOn("METRICS", env)];
  if (!traces && !metrics) return undefined;
  const sampler = env["OTEL_TRACES_SAMPLER"] || "parentbased_always_on";
  const known = samplers.find((name) => name === sampler);
  if (known === undefined) throw refused("OTEL_TRACES_SAMPLER", `it is none of ${samplers.join(", ")}`);
  const samplerArg = readNumber(env, "OTEL_TRACES_SAMPLER_ARG", 1);
  if (samplerArg > 1) throw refused("OTEL_TRACES_SAMPLER_ARG", "it is more than 1");
  return {
    version,
    traces,
    metrics,
    sampler: known,
    samplerArg,
    interval: readNumber(env, "OTEL_METRIC_EXPORT_INTERVAL", 60_000) || 60_000,
    timeout: readNumber(env, "OTEL_EXPORTER_OTLP_TIMEOUT", TIMEOUT) || TIMEOUT,
  };
}

function isOn(signal: "TRACES" | "METRICS", env: Environment): boolean {
  const name = [`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`, "OTEL_EXPORTER_OTLP_ENDPOINT"].find((each) => env[each]);
  if (name === undefined) return false;
  const exporter = env[`OTEL_${signal}_EXPORTER`] || "otlp";
  if (exporter === "none") return false;
  if (exporter !== "otlp") throw refused(`OTEL_${signal}_EXPORTER`, 'there is only "otlp", and "none"');
  const url = URL.parse(env[name]!);
  if (url === null || !/^https?:$/.test(url.protocol)) throw refused(name, "it is no http or https URL");
  const protocol = env[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`] || env["OTEL_EXPORTER_OTLP_PROTOCOL"];
  // a collector takes both forms of OTLP/HTTP at one address, but gRPC at another
  if (protocol?.startsWith("grpc")) throw refused("OTEL_EXPORTER_OTLP_PROTOCOL", "stowage speaks OTLP over HTTP");
  return true;
}

function readNumber(env: Environment, name: string, otherwise: number): number {
  const text = env[name];
  if (!text) return otherwise;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw refused(name, "it is no number");
  return value;
}

const refused = (name: string, why: string): RejectedError =>
  new RejectedError("CONFIG_INVALID", `Cannot use ${name}: ${why}`);
