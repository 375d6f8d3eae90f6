import { type Descriptor, describe } from "./descriptor.ts";
import type { ReadManifest } from "./graph.ts";
import { parseManifest } from "./manifest.ts";

/**
 * An index with fewer manifests, or with others in their places. All else stays: annotations, order, and fields that
 * nobody here knows. What loses nothing keeps its bytes, as does an image.
 *
 * @param keep what a manifest of the index is now; undefined leaves it out
 */
export function rewriteIndex(read: ReadManifest, keep: (child: Descriptor) => Descriptor | undefined): ReadManifest {
  const { manifest, descriptor, bytes } = read;
  if (manifest.kind === "image") return read;
  const now = manifest.manifests.map(keep);
  if (now.every((child, position) => child?.digest === manifest.manifests[position]!.digest)) return read;
  const raw = JSON.parse(Buffer.from(bytes).toString("utf8")) as { manifests: readonly object[] };
  const manifests = raw.manifests.flatMap((entry, position) => {
    const child = now[position];
    return child === undefined ? [] : [{ ...entry, digest: child.digest, size: child.size }];
  });
  const fresh = Buffer.from(JSON.stringify({ ...raw, manifests }));
  const { mediaType } = descriptor;
  return {
    descriptor: { ...descriptor, ...describe(mediaType, fresh) },
    bytes: fresh,
    manifest: parseManifest(fresh, mediaType),
  };
}
