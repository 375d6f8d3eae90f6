import { createCipheriv, createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildImage, buildLayer, copy, type Layer, openBuilt, openRegistries } from "../lib/oci/index.ts";
import { startDockerRegistry } from "../test/real/docker-registry.ts";

const IMAGES = 20;
/** Images that stand on one base. */
const FAMILY = 5;
/** Megabytes of the layers of a base, and of an image's own: each half of an image. */
const BASE = [25, 10, 2.5];
const OWN = [20, 12.5, 5];

const imageBytes = [...BASE, ...OWN].reduce((sum, megabytes) => sum + megabytes * 1e6, 0);
const baseBytes = BASE.reduce((sum, megabytes) => sum + megabytes * 1e6, 0);

export const sizes = {
  /** Bytes of all images, each taken alone. */
  total: IMAGES * imageBytes,
  /** Bytes of all layers, each counted once. */
  unique: IMAGES * (imageBytes - baseBytes) + (IMAGES / FAMILY) * baseBytes,
};

/** `repository:tag` */
export const imageNames = Array.from({ length: IMAGES }, (_, position) => `bench/app-${position + 1}:1.0`);

/** Name of what is in the cache. */
const VERSION = "1";

/**
 * The storage of a registry that holds {@linkcode imageNames}. Made when it is used for the first time, and kept below the
 * directory for temporary files.
 *
 * @returns its directory
 */
export async function imagesOnDisk(): Promise<string> {
  const directory = join(tmpdir(), "stowage-bench-mirror", VERSION);
  if (await stat(directory).catch(() => undefined)) return directory;
  await mkdir(dirname(directory), { recursive: true });
  const unfinished = await mkdtemp(join(dirname(directory), "unfinished-"));
  try {
    await push(unfinished);
    await rename(unfinished, directory);
    return directory;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function push(directory: string): Promise<void> {
  await using registry = await startDockerRegistry({ directory });
  const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-bench" });
  for (const [position, name] of imageNames.entries()) {
    const [repository = "", tag = ""] = name.split(":");
    const layers: Layer[] = [];
    for (const [size, seed] of [
      ...BASE.map((size) => [size, `base ${Math.floor(position / FAMILY)}`] as const),
      ...OWN.map((size) => [size, `own ${position}`] as const),
    ]) {
      layers.push(await buildLayer([{ path: "data", content: noise(`${seed} ${size}`, size * 1e6) }], { level: 0 }));
    }
    const image = buildImage({ layers, platform: "linux/amd64" });
    await copy(openBuilt({ [tag]: image }), tag, registries.repository(registry.host, repository));
  }
}

/** Bytes that cannot be compressed, the same for the same seed. */
function noise(seed: string, size: number): Uint8Array {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
}
