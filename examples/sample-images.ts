import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Built, buildImage, buildIndex, buildLayer, type FileEntry, type Layer } from "../lib/oci/index.ts";

export const platforms = ["linux/amd64", "linux/arm64"] as const;

/** The files of a directory, below `into`. */
export async function filesOf(directory: string, into = ""): Promise<FileEntry[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return { path: join(into, file.slice(directory.length + 1)), file };
    });
}

/** The layer that both applications share, one for each platform. */
export async function buildBase(directory: string, platform: string): Promise<Layer> {
  return buildLayer([...(await filesOf(directory)), { path: "etc/platform", content: `${platform}\n` }]);
}

/** An image of an application for both platforms: the shared layer, and one of its own. */
export async function buildApplication(
  directory: string,
  bases: ReadonlyMap<string, Layer>,
  config: { readonly version: string; readonly name: string },
): Promise<Built> {
  const own = await buildLayer(await filesOf(directory));
  const images = [...bases].map(([platform, base]) =>
    buildImage({
      platform,
      layers: [base, own],
      config: {
        workingDir: "/app",
        user: "10001",
        labels: {
          "org.opencontainers.image.title": config.name,
          "org.opencontainers.image.version": config.version,
        },
      },
    }),
  );
  return buildIndex(images);
}
