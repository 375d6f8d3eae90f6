import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { compose } from "../lib/compose.ts";
import { loadConfig } from "../lib/config/index.ts";
import {
  type Built,
  buildImage,
  buildIndex,
  buildLayer,
  type FileEntry,
  openBaseImage,
  openBuilt,
  openDestination,
  openSourcePlace,
  type Place,
  parsePlace,
  type RunConfig,
} from "../lib/oci/index.ts";
import { createLog } from "../lib/runtime/index.ts";
import { VERSION } from "../lib/version.ts";
import { builtMains } from "./build.ts";

// The image of stowage without a daemon: docs/image.md. Dockerfile makes the same; a test compares them.

const root = dirname(import.meta.dirname);

/** How the image runs. */
export const imageConfig = {
  user: "65532:65532",
  workingDir: "/app",
  entrypoint: ["node", "/app/dist/container.mjs"],
  env: { NODE_ENV: "production" },
} as const satisfies RunConfig;

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys */
export const imageLabels = {
  "org.opencontainers.image.title": "stowage",
  "org.opencontainers.image.description":
    "Serverless functions that do the release work of Kubernetes software for air-gapped places",
  "org.opencontainers.image.source": "https://github.com/stowage/stowage",
  "org.opencontainers.image.licenses": "Apache-2.0",
  "org.opencontainers.image.version": VERSION,
} as const;

export interface ImageOptions {
  /** As `skopeo` spells it, or a reference. */
  readonly base: string;
  /** The same: a registry, a layout or an archive. */
  readonly to: string;
  readonly platforms?: readonly string[];
  /** What `npm run build` made. */
  readonly dist?: string;
  /** Commit that it was made from. */
  readonly revision?: string | undefined;
  /** Seconds since 1970 that all times in it are: https://reproducible-builds.org/specs/source-date-epoch/ */
  readonly epoch?: number;
  readonly signal?: AbortSignal;
}

/**
 * Put the built files on a base and copy the image to where it shall be: an index, where it is for several platforms. The
 * same files on the same base give the same bytes.
 *
 * @param options the base needs a `node` on its PATH, of the version that package.json names
 * @returns the digest
 */
export async function makeImage({
  base,
  to,
  platforms = ["linux/amd64", "linux/arm64"],
  dist = join(root, "dist"),
  revision,
  epoch = 0,
  signal,
}: ImageOptions): Promise<string> {
  const { registries } = await compose(await loadConfig(process.env), { log: createLog(), patient: true }).ports([
    "registries",
  ]);
  const created = new Date(epoch * 1000).toISOString().replace(".000Z", "Z");
  const layer = await buildLayer(await imageFiles(dist, epoch), { signal });
  await using opened = await openSourcePlace(placeOf(base), registries);
  const { digest } = await opened.source.resolve(opened.reference, signal);
  const labels = {
    ...imageLabels,
    "org.opencontainers.image.created": created,
    "org.opencontainers.image.base.digest": digest,
    ...(revision && { "org.opencontainers.image.revision": revision }),
  };
  const images: Built[] = [];
  for (const platform of platforms) {
    const below = await openBaseImage(opened.source, opened.reference, platform, signal);
    const config = { ...imageConfig, labels };
    images.push(buildImage({ base: below, layers: [layer], config, platform, created, annotations: labels }));
  }
  const built = images.length === 1 ? images[0]! : buildIndex(images, labels);
  const destination = await openDestination(placeOf(to), registries);
  const called = { tag: VERSION };
  const source = {
    source: openBuilt({ [VERSION]: built }),
    reference: VERSION,
    called,
    async [Symbol.asyncDispose]() {},
  };
  return (await destination.copy(source, { signal })).descriptor.digest;
}

/** Everything that the image has besides its base: all that a build made, and the triggers. */
export async function imageFiles(dist: string, mtime: number): Promise<readonly FileEntry[]> {
  const made = await readdir(dist);
  const missing = builtMains.filter((file) => !made.includes(file));
  if (missing.length > 0) throw new Error(`Cannot make an image of "${dist}": ${missing.join(", ")} is missing`);
  const triggers = (await readdir(join(root, "triggers"))).filter((file) => file.endsWith(".yaml"));
  const files = [
    ...made.map((name) => ({ path: `app/dist/${name}`, file: join(dist, name) })),
    ...triggers.map((name) => ({ path: `app/triggers/${name}`, file: join(root, "triggers", name) })),
  ];
  return [
    ...(await Promise.all(
      files.map(async (each) => ({ ...each, mtime, mode: (await stat(each.file)).mode & 0o111 ? 0o755 : 0o644 })),
    )),
    ...["app", "app/dist", "app/triggers"].map((path) => ({ path, directory: true, mtime }) as const),
    { path: "usr/local/bin/stowage", link: "/app/dist/stowage.mjs", mtime },
  ];
}

const TRANSPORT = /^(docker:\/\/|oci:|oci-archive:|docker-archive:|registry-tree:)/;

/** What names no transport is a reference. */
const placeOf = (text: string): Place => parsePlace(TRANSPORT.test(text) ? text : `docker://${text}`);

/** `npm run image -- --base PLACE --to PLACE [--platform P]… [--dist DIR] [--revision COMMIT]` */
if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      base: { type: "string" },
      to: { type: "string" },
      platform: { type: "string", multiple: true },
      dist: { type: "string" },
      revision: { type: "string" },
    },
  });
  const { base, to, platform, dist, revision } = values;
  if (base === undefined || to === undefined) {
    process.stderr.write(
      "Usage: npm run image -- --base PLACE --to PLACE [--platform P]… [--dist DIR] [--revision COMMIT]\n",
    );
    process.exit(2);
  }
  const digest = await makeImage({
    base,
    to,
    ...(platform && { platforms: platform }),
    ...(dist && { dist }),
    revision,
    epoch: Number(process.env["SOURCE_DATE_EPOCH"] ?? 0),
  });
  process.stdout.write(`${digest}\n`);
}
