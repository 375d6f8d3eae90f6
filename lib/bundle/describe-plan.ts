import type { PackageFile, PackageName } from "./package-tree.ts";
import type { BundlePlan } from "./plan.ts";
import type { Signer } from "./signature.ts";

/** Goes up whenever the same plan comes to give other bytes. */
const FORMAT = 3;

/**
 * Everything that decides about the bytes of a bundle, as a text: the same text, the same bytes. What is not known
 * beforehand (the digest of an archive) follows from the images in it.
 */
export function describePlan(
  { release, charts, sets }: BundlePlan,
  files: readonly PackageFile[],
  name: PackageName,
  signer: Signer | undefined,
): string {
  return JSON.stringify({
    format: FORMAT,
    release: [release.name, release.version, release.split ?? null],
    name,
    signer: signer?.id ?? null,
    files: files.map(({ path, mode, content: { size }, known = null }) => [path, mode, size, known]),
    charts: charts.map(({ reference, artifact: { chart } }) => [reference, chart.digest]),
    sets: sets.map(({ path, form, images }) => [
      path,
      form,
      images.map(({ image, as, path: own, root, graph }) => [
        image,
        as ?? null,
        own ?? null,
        root.digest,
        graph.manifests.map(({ descriptor: { digest } }) => digest),
      ]),
    ]),
  });
}
