import { createCipheriv, createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildImage, buildLayer, copy, type Layer, openBuilt, openRegistries } from "../lib/oci/index.ts";
import { startDockerRegistry } from "../test/real/docker-registry.ts";

/** Megabytes of all layers together, each counted once. */
const TOTAL = Number(process.env["STOWAGE_BENCH_MB"] ?? 2000);
const IMAGES = 20;
/** Images that stand on one base. */
const FAMILY = 5;
/** A base is as large as this many parts, an image's own layers as two. */
const PART = TOTAL / (IMAGES * 2 + IMAGES / FAMILY);

/** `repository:tag` of a release, and of the next one: the last layer of the first image is another. */
export const releases = {
  "1.0.0": Array.from({ length: IMAGES }, (_, position) => `bench/app-${position + 1}:1.0`),
  "1.1.0": Array.from(
    { length: IMAGES },
    (_, position) => `bench/app-${position + 1}:${position === 0 ? "1.1" : "1.0"}`,
  ),
} as const;

export const sizes = {
  /** Bytes of all layers, each counted once. */
  unique: TOTAL * 1e6,
  /** Bytes of the layer that the second release brings. */
  changed: PART * 1e6,
};

/**
 * The storage of a registry that holds the images of {@linkcode releases}. Made when it is used for the first time, and kept
 * below the directory for temporary files.
 *
 * @returns its directory
 */
export async function imagesOnDisk(): Promise<string> {
  const directory = join(tmpdir(), "stowage-bench-bundle", `${TOTAL}`);
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
  for (const name of new Set(Object.values(releases).flat())) {
    const [repository = "", tag = ""] = name.split(":");
    const number = Number(repository.split("-")[1]);
    const layers: Layer[] = [];
    for (const seed of [`base ${Math.floor((number - 1) / FAMILY)}`, `${repository} first`, `${name} last`]) {
      layers.push(await buildLayer([{ path: "data", content: noise(seed, Math.round(PART * 1e6)) }], { level: 0 }));
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
