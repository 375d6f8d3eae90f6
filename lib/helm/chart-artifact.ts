import * as z from "zod";
import { RejectedError } from "../errors.ts";
import {
  type Bytes,
  type Descriptor,
  type ImageManifest,
  mediaTypes,
  readAll,
  readManifest,
  type Source,
} from "../oci/index.ts";

/** Chart.yaml as JSON is some kilobytes; icons as data URLs make some larger. */
const MAX_CONFIG_BYTES = 1024 * 1024;
/** Charts are templates, not payloads. */
export const MAX_CHART_BYTES = 64 * 1024 * 1024;

/** Helm leaves empty fields out; other writers write null. */
const maybe = <T extends z.ZodType>(schema: T) =>
  schema
    .nullable()
    .transform((value) => value ?? undefined)
    .optional();
const text = maybe(z.string());
const texts = maybe(z.array(z.string()));
const flag = maybe(z.boolean());

/**
 * Chart.yaml, the fields helm knows and no others: helm reads an index strictly, so one odd field or type in one chart
 * would make the whole index unreadable (helm v4.1.4 pkg/chart/v2/metadata.go, dependency.go).
 */
export const metadataSchema = z.object({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,250}$/, "is not a chart name"),
  home: text,
  sources: texts,
  version: z.string().regex(/^[^\p{Cc}\p{Cs}]{1,250}$/u, "is empty, too long or has control characters"),
  description: text,
  keywords: texts,
  maintainers: maybe(z.array(z.object({ name: text, email: text, url: text }))),
  icon: text,
  apiVersion: text,
  condition: text,
  tags: text,
  appVersion: text,
  deprecated: flag,
  annotations: maybe(z.record(z.string(), z.string())),
  kubeVersion: text,
  dependencies: maybe(
    z.array(
      z.object({
        name: z.string(),
        version: text,
        repository: text,
        condition: text,
        tags: texts,
        enabled: flag,
        "import-values": maybe(z.array(z.union([z.string(), z.record(z.string(), z.string())]))),
        alias: text,
      }),
    ),
  ),
  type: text,
});
export type ChartMetadata = z.output<typeof metadataSchema>;

/** A chart as a registry keeps it. */
export interface ChartArtifact {
  readonly metadata: ChartMetadata;
  readonly manifest: Descriptor;
  /** The chart archive (.tgz), byte for byte. Its digest is the chart's identity. */
  readonly chart: Descriptor;
  readonly provenance?: Descriptor;
  /** When it was made, where the manifest says so (`org.opencontainers.image.created`). */
  readonly created?: string;
}

/**
 * Is this manifest a Helm chart? Exactly when its config has Helm's media type and one layer is a chart archive, of
 * today's or of helm ≤ 3.6's media type (spec CR-W2). The order of layers means nothing.
 */
export function isChart(manifest: ImageManifest): boolean {
  return manifest.config.mediaType === mediaTypes.helmConfig && chartLayers(manifest).length === 1;
}

const chartLayers = ({ layers }: ImageManifest): readonly Descriptor[] =>
  layers.filter(({ mediaType }) => mediaType === mediaTypes.helmChart || mediaType === mediaTypes.helmChartLegacy);

/**
 * Read what a tag or digest names, if it is a chart.
 *
 * @returns undefined when it is some other artifact
 * @throws RejectedError CONTENT_UNKNOWN when there is nothing, CHART_INVALID when it is a chart that cannot be read
 */
export async function readChartArtifact(
  source: Source,
  reference: string,
  signal?: AbortSignal,
): Promise<ChartArtifact | undefined> {
  return readArtifactOf(source, await source.resolve(reference, signal), signal);
}

/** The same for a manifest that is known already. */
export async function readArtifactOf(
  source: Source,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<ChartArtifact | undefined> {
  if (descriptor.mediaType !== mediaTypes.ociManifest) return undefined;
  const { manifest } = await readManifest(source, descriptor, signal);
  if (manifest.kind !== "image" || !isChart(manifest)) return undefined;
  const metadata = parseMetadata(
    await readConfig(source, manifest.config, signal),
    `${source.name}@${descriptor.digest}`,
  );
  const provenance = manifest.layers.find(({ mediaType }) => mediaType === mediaTypes.helmProvenance);
  const created = manifest.annotations?.["org.opencontainers.image.created"];
  return {
    metadata,
    manifest: descriptor,
    chart: chartLayers(manifest)[0]!,
    ...(provenance === undefined ? {} : { provenance }),
    ...(created === undefined || Number.isNaN(Date.parse(created)) ? {} : { created: new Date(created).toISOString() }),
  };
}

async function readConfig(source: Source, config: Descriptor, signal?: AbortSignal): Promise<Uint8Array> {
  if (config.size > MAX_CONFIG_BYTES) {
    throw new RejectedError(
      "CHART_INVALID",
      `Cannot read chart of ${source.name}: its config has ${config.size} bytes, more than ${MAX_CONFIG_BYTES}`,
    );
  }
  return readAll(source, config, MAX_CONFIG_BYTES, signal);
}

/** @throws RejectedError CHART_INVALID */
function parseMetadata(bytes: Uint8Array, where: string): ChartMetadata {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw new RejectedError("CHART_INVALID", `Cannot read chart ${where}: its config is not JSON`, { cause: error });
  }
  const parsed = metadataSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  throw new RejectedError("CHART_INVALID", `Cannot read chart ${where}: ${problems}`);
}

/** The chart archive's bytes, verified. @throws RejectedError CHART_INVALID when larger than 64 MiB */
export async function openChart(source: Source, { chart }: ChartArtifact, signal?: AbortSignal): Promise<Bytes> {
  if (chart.size > MAX_CHART_BYTES) {
    throw new RejectedError("CHART_INVALID", `Cannot take chart ${chart.digest}: ${chart.size} bytes is no chart`);
  }
  return source.open(chart, { signal });
}
