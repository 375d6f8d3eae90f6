import { RejectedError } from "../errors.ts";
import type { Layer } from "./build-layer.ts";
import type { Source } from "./content.ts";
import { type Descriptor, mediaTypes, type Platform } from "./descriptor.ts";
import { type Content, contentOf, sourceOf } from "./memory.ts";
import { formatPlatform, parsePlatform } from "./platform.ts";

export { buildLayer, type Layer, type LayerOptions } from "./build-layer.ts";
export type { FileEntry } from "./layer-tar.ts";
export type { Content } from "./memory.ts";

/** How a container runs: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md */
export interface RunConfig {
  readonly entrypoint?: readonly string[] | undefined;
  readonly cmd?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly workingDir?: string | undefined;
  readonly user?: string | undefined;
  /** `80`, `53/udp` */
  readonly exposedPorts?: readonly string[] | undefined;
}

/** What {@linkcode openBuilt} offers: a manifest or index, and everything it needs, children first. */
export interface Built {
  /** With the platform of an image. */
  readonly descriptor: Descriptor;
  readonly contents: readonly Content[];
}

export interface Image extends Built {
  readonly platform: Platform;
  readonly layers: readonly Layer[];
  readonly config: RunConfig;
}

export interface ImageOptions {
  /** An image of the same platform to build on: its layers come first, its config is what `config` does not say. */
  readonly base?: Image | undefined;
  readonly layers: readonly Layer[];
  readonly config?: RunConfig | undefined;
  /** `linux/amd64` */
  readonly platform: string;
  /** RFC 3339; default 1970, so that the same image has the same digest. */
  readonly created?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * Make an OCI image.
 *
 * @throws RejectedError IMAGE_INVALID
 */
export function buildImage(options: ImageOptions): Image {
  const { base, created = "1970-01-01T00:00:00Z", annotations } = options;
  const platform = parsePlatform(options.platform);
  if (base !== undefined && formatPlatform(base.platform) !== formatPlatform(platform)) {
    throw invalid(`an image for ${options.platform} on one for ${formatPlatform(base.platform)}`);
  }
  const layers = [...(base?.layers ?? []), ...options.layers];
  const run = mergeConfig(base?.config ?? {}, options.config ?? {});
  const config = jsonContent(mediaTypes.ociConfig, {
    created,
    ...platform,
    config: wireConfig(run),
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: "stowage" })),
  });
  const manifest = jsonContent(
    mediaTypes.ociManifest,
    {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
      ...(annotations === undefined ? {} : { annotations }),
    },
    platform,
  );
  const contents = [...layers, config, manifest];
  return { descriptor: manifest.descriptor, contents, platform, layers, config: run };
}

/** Make an OCI index over images, in their order: one image for several platforms. */
export function buildIndex(images: readonly Built[], annotations?: Readonly<Record<string, string>>): Built {
  const index = jsonContent(mediaTypes.ociIndex, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: images.map(({ descriptor }) => descriptor),
    ...(annotations === undefined ? {} : { annotations }),
  });
  return { descriptor: index.descriptor, contents: [...images.flatMap(({ contents }) => contents), index] };
}

/** A Source of what was built, by tag: `copy(openBuilt({ "1.0": image }), "1.0", target)`. */
export const openBuilt = (tags: Readonly<Record<string, Built>>): Source =>
  sourceOf(
    "built:",
    Object.values(tags).flatMap(({ contents }) => contents),
    Object.fromEntries(Object.entries(tags).map(([tag, { descriptor }]) => [tag, descriptor])),
  );

/** As in a Dockerfile: a new entrypoint makes the command of the base meaningless. */
function mergeConfig(base: RunConfig, own: RunConfig): RunConfig {
  return {
    entrypoint: own.entrypoint ?? base.entrypoint,
    cmd: own.cmd ?? (own.entrypoint === undefined ? base.cmd : undefined),
    env: { ...base.env, ...own.env },
    labels: { ...base.labels, ...own.labels },
    workingDir: own.workingDir ?? base.workingDir,
    user: own.user ?? base.user,
    exposedPorts: [...(base.exposedPorts ?? []), ...(own.exposedPorts ?? [])],
  };
}

function wireConfig({
  entrypoint,
  cmd,
  env = {},
  labels = {},
  workingDir,
  user,
  exposedPorts = [],
}: RunConfig): object {
  const odd = Object.keys(env).find((name) => name === "" || /[=\0]/.test(name));
  if (odd !== undefined) throw invalid(`an image with a variable "${odd}"`);
  const ports = exposedPorts.map((port) => {
    if (!/^\d{1,5}(?:\/(?:tcp|udp|sctp))?$/.test(port)) throw invalid(`an image with a port "${port}"`);
    return [port.includes("/") ? port : `${port}/tcp`, {}] as const;
  });
  const unlessEmpty = (name: string, entries: readonly (readonly [string, unknown])[]): object =>
    entries.length === 0 ? {} : { [name]: Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))) };
  return {
    ...(user === undefined ? {} : { User: user }),
    ...unlessEmpty("ExposedPorts", ports),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(workingDir === undefined ? {} : { WorkingDir: workingDir }),
    ...unlessEmpty("Labels", Object.entries(labels)),
  };
}

const jsonContent = (mediaType: string, value: object, platform?: Platform): Content =>
  contentOf(mediaType, Buffer.from(JSON.stringify(value)), platform === undefined ? {} : { platform });

const invalid = (what: string): RejectedError => new RejectedError("IMAGE_INVALID", `Cannot build ${what}`);
