import { createHash } from "node:crypto";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { mediaTypes, type Registries } from "../../lib/oci/index.ts";
import { imageFixture, indexPiece, layerPiece, type Piece, piece, putAll } from "../contracts/image-fixture.ts";

export interface NamedImage {
  readonly repository: string;
  readonly tag: string;
  /** Children first; the last is what the tag names. */
  readonly pieces: readonly Piece[];
}

const COUNT = 50;
const BASES = 5;

/**
 * Images as a release has them: on a few bases, one in three for two platforms, some of them tags of one repository, one
 * with a signature and one with an SBOM. Small, but each layer is larger than the offsets at which the tests break things.
 */
export function manyImages(): readonly NamedImage[] {
  return Array.from({ length: COUNT }, (_, position) => {
    const base = layerPiece(`base ${position % BASES}`, 60_000);
    const imageFor = (platform: string) =>
      imageFixture(`${position} ${platform}`, { layers: [base, layerPiece(`own ${position} ${platform}`, 20_000)] });
    const images = (position % 3 === 0 ? ["amd64", "arm64"] : ["amd64"]).map(imageFor);
    const parts = images.flatMap(({ pieces }) => pieces);
    // every tenth is another tag of the one before
    const repository = `release/app-${position % 10 === 9 ? position - 1 : position}`;
    return {
      repository,
      tag: `v${position}`,
      pieces: images.length === 1 ? parts : [...parts, indexPiece(images.map(({ manifest }) => manifest))],
    };
  });
}

/** Put them into a registry, with a signature for the first and an SBOM for the second. */
export async function pushImages(registries: Registries, host: string, images: readonly NamedImage[]): Promise<void> {
  await Promise.all(
    images.map(async ({ repository, tag, pieces }, position) => {
      const target = registries.repository(host, repository);
      const { descriptor } = pieces.at(-1)!;
      await putAll(target, pieces);
      await target.tag(tag, descriptor);
      if (position === 0) {
        const signature = imageFixture("signature");
        await putAll(target, signature.pieces);
        await target.tag(`${descriptor.digest.replace(":", "-")}.sig`, signature.manifest.descriptor);
      }
      if (position === 1) {
        const { config, layers } = imageFixture("sbom");
        const subject = { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
        const parts = { config: config.descriptor, layers: layers.map((layer) => layer.descriptor), subject };
        const sbom = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, ...parts };
        await putAll(target, [...layers, config, piece(mediaTypes.ociManifest, JSON.stringify(sbom))]);
      }
    }),
  );
}

/**
 * Everything that a docker-registry's storage tree holds, by path: what links say, and the real digests of blobs. Uploads
 * that were broken off are not content, and registries purge them.
 */
export async function contentOf(directory: string): Promise<ReadonlyMap<string, string>> {
  const tree = join(directory, "docker/registry/v2");
  const found = new Map<string, string>();
  for await (const path of glob("{repositories/**/link,blobs/**/data}", { cwd: tree })) {
    const bytes = await readFile(join(tree, path));
    const isLink = path.endsWith("link");
    found.set(path, isLink ? bytes.toString() : createHash("sha256").update(bytes).digest("hex"));
  }
  return found;
}
