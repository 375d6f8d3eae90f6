import { createCipheriv, createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildImage, buildLayer, copy, type Layer, openBuilt, openRegistries } from "../lib/oci/index.ts";
import { startDockerRegistry } from "../test/real/docker-registry.ts";

export interface BenchImage {
  /** `repository:tag` */
  readonly name: string;
  /** Layers of the same seed and size are the same. */
  readonly layers: readonly { readonly seed: string; readonly bytes: number }[];
}

/**
 * The storage of a registry that holds some images. Made when it is used for the first time, and kept below the directory
 * for temporary files.
 *
 * @param key names what is kept: other images need another one
 * @returns its directory
 */
export async function imagesOnDisk(key: string, images: Iterable<BenchImage>): Promise<string> {
  const directory = join(tmpdir(), "stowage-bench", key);
  if (await stat(directory).catch(() => undefined)) return directory;
  await mkdir(dirname(directory), { recursive: true });
  const unfinished = await mkdtemp(join(dirname(directory), "unfinished-"));
  try {
    await push(unfinished, images);
    await rename(unfinished, directory);
    return directory;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function push(directory: string, images: Iterable<BenchImage>): Promise<void> {
  await using registry = await startDockerRegistry({ directory });
  const registries = openRegistries({ settings: [], credentialFiles: [], userAgent: "stowage-bench" });
  for (const { name, layers: wanted } of images) {
    const [repository = "", tag = ""] = name.split(":");
    const layers: Layer[] = [];
    for (const { seed, bytes } of wanted) {
      layers.push(await buildLayer([{ path: "data", content: noise(seed, bytes) }], { level: 0 }));
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
