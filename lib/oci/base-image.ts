import * as z from "zod";
import { RejectedError } from "../errors.ts";
import { buildImage, type Image, type RunConfig } from "./build.ts";
import type { Layer } from "./build-layer.ts";
import type { Bytes, Source } from "./content.ts";
import { type Descriptor, mediaTypes } from "./descriptor.ts";
import { isForeign, readGraph } from "./graph.ts";
import { type ImageManifest, readAll } from "./manifest.ts";

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

// https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties; Go writes null for what is not set
const list = z.array(z.string()).nullish();
const configSchema = z.object({
  rootfs: z.object({ diff_ids: z.array(z.string().regex(/^sha256:[a-f0-9]{64}$/)).nullish() }),
  config: z
    .object({
      User: z.string().nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
      Env: list,
      Entrypoint: list,
      Cmd: list,
      WorkingDir: z.string().nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
});

/** The same bytes under the name that OCI has for them: a manifest has media types of one family. */
const ociTypes: Readonly<Record<string, string>> = { [mediaTypes.dockerLayerGzip]: mediaTypes.ociLayerGzip };

/**
 * An image to build on. Its layers stay where they are until they are copied; of its config only what {@linkcode RunConfig}
 * has is taken over.
 *
 * @param reference of an image, or of an index that has one for the platform
 * @param platform `linux/amd64`
 * @throws RejectedError CONTENT_UNKNOWN where there is none for the platform; IMAGE_INVALID for what is no container's
 *   image, or has layers that are not with it
 */
export async function openBaseImage(
  source: Source,
  reference: string,
  platform: string,
  signal?: AbortSignal,
): Promise<Image> {
  const root = await source.resolve(reference, signal);
  const { manifests } = await readGraph(source, root, { platforms: [platform], signal });
  const found = manifests.find(
    (each) =>
      each.manifest.kind === "image" && each.descriptor.annotations?.["vnd.docker.reference.digest"] === undefined,
  );
  const refuse = (why: string, cause?: unknown): RejectedError =>
    new RejectedError("IMAGE_INVALID", `Cannot build on "${reference}" of ${source.name}: ${why}`, { cause });
  if (found === undefined) throw refuse(`it has no image for ${platform}`);
  const manifest = found.manifest as ImageManifest;
  if (manifest.layers.some(({ mediaType }) => isForeign(mediaType))) throw refuse("it has layers that lie elsewhere");

  const bytes = await readAll(source, manifest.config, MAX_CONFIG_BYTES, signal);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw refuse("its config is not JSON", error);
  }
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) throw refuse("its config is none of an image");
  const { rootfs, config } = parsed.data;
  const diffIds = rootfs.diff_ids ?? [];
  if (diffIds.length !== manifest.layers.length) throw refuse("its config and its manifest name different layers");
  const layers = manifest.layers.map(
    (descriptor, position): Layer => layerOf(source, descriptor, diffIds[position] as Layer["diffId"]),
  );
  return buildImage({ layers, config: runConfigOf(config ?? {}), platform });
}

function layerOf(source: Source, stored: Descriptor, diffId: Layer["diffId"]): Layer {
  const { mediaType, digest, size } = stored;
  return {
    descriptor: { mediaType: ociTypes[mediaType] ?? mediaType, digest, size },
    diffId,
    async *bytes(signal): Bytes {
      yield* await source.open(stored, { signal });
    },
  };
}

function runConfigOf(config: NonNullable<z.output<typeof configSchema>["config"]>): RunConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, WorkingDir, Labels } = config;
  const variables = (Env ?? []).map((text): [string, string] => {
    const end = text.includes("=") ? text.indexOf("=") : text.length;
    return [text.slice(0, end), text.slice(end + 1)];
  });
  return {
    user: User || undefined,
    exposedPorts: Object.keys(ExposedPorts ?? {}),
    env: Object.fromEntries(variables),
    entrypoint: Entrypoint ?? undefined,
    cmd: Cmd ?? undefined,
    workingDir: WorkingDir || undefined,
    labels: Labels ?? {},
  };
}
