import type { Segment } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";
import { readLayoutIndex } from "./archive.ts";
import { type ArchiveFile, openArchiveFile } from "./archive-file.ts";
import type { Source } from "./content.ts";
import { type Descriptor, type Digest, digestOf, isDigest, isManifest } from "./descriptor.ts";
import { type DockerItem, parseDockerManifest } from "./docker-manifest.ts";
import { blobPathOf, EMPTY_INDEX, layoutSource, namesOf, parseLayoutIndex } from "./layout-source.ts";
import { type MeasuredLayer, makeUpImage } from "./make-up-image.ts";
import { childrenOf, readManifest } from "./manifest.ts";
import { formatReference, parseReference } from "./reference.ts";

/**
 * The images of a `docker save`, of any docker since 1.10, and of what skopeo, crane and stowage write like it. Blobs are
 * read where they lie; nothing is unpacked. Dispose it after the last read.
 *
 * What a reference can be: a name (`web:1`, `docker.io/library/web:1`; without tag it is `latest`), `@` and a position in
 * manifest.json, a digest, or the empty text for the only image there is.
 *
 * Where the archive is an OCI layout as well, an image is taken from that: with its own digest, and with all platforms
 * that are there, not only the one that docker would load. Otherwise it is given a manifest, when it is resolved, as
 * {@linkcode makeUpImage} says.
 *
 * @throws RejectedError ARCHIVE_INVALID for what is no sound tar, or has links that lead out; LAYOUT_INVALID for a tar that
 *   docker would not load; TransientError DISK_UNAVAILABLE: also from the methods
 */
export const openDockerArchive = (file: string): Promise<Source & AsyncDisposable> =>
  openArchiveFile(file, `docker-archive:${file}`, "inside", async (archive) => {
    const isLayout = archive.find("oci-layout") !== undefined;
    if (isLayout && archive.find("manifest.json") === undefined) {
      throw new RejectedError(
        "LAYOUT_INVALID",
        `Cannot read ${archive.name}: it holds no manifest.json, only an OCI layout: try oci-archive:`,
      );
    }
    const items = parseDockerManifest(await archive.readSmall("manifest.json"), archive.name);
    return dockerSource(archive, items, isLayout ? await readLayoutIndex(archive) : Buffer.from(EMPTY_INDEX));
  });

function dockerSource(archive: ArchiveFile, items: readonly DockerItem[], index: Uint8Array): Source {
  const { name } = archive;
  const { entries } = parseLayoutIndex(index, name);
  /** Content of images that were given a manifest. */
  const madeUp = new Map<Digest, Segment>();
  const measured = new Map<Segment, MeasuredLayer>();
  const blob = (digest: Digest): Segment | undefined => madeUp.get(digest) ?? archive.find(blobPathOf(digest));
  const layout = layoutSource({
    name,
    readIndex: async () => index,
    sizeOf: async (digest) => blob(digest)?.size,
    read: (digest, start, end, signal) => blob(digest)!.read(start, end, signal),
  });

  async function resolveItem(item: DockerItem, signal?: AbortSignal): Promise<Descriptor> {
    const config = await archive.readSmall(item.config);
    const entry = await entryOf(item, digestOf(config), signal);
    if (entry !== undefined) return { mediaType: entry.mediaType, digest: entry.digest, size: entry.size };
    const { descriptor, contents } = await makeUpImage(archive, item, config, measured, signal);
    for (const [digest, content] of contents) madeUp.set(digest, content);
    return descriptor;
  }

  /** What index.json has for an image: under its name, if there is such a one. */
  async function entryOf(item: DockerItem, config: Digest, signal?: AbortSignal): Promise<Descriptor | undefined> {
    const names = item.names.map(formatReference);
    const isNamed = (entry: Descriptor): boolean => namesOf(entry).some((one) => names.includes(one));
    const isIt = imageTest(config, item.layers.length, signal);
    for (const entry of entries.filter(isNamed)) if (await isIt(entry)) return entry;
    for (const entry of entries) if (await isIt(entry)) return entry;
    return undefined;
  }

  /**
   * Whether a manifest is, or has for one platform, the image with this config. An image with another number of layers is
   * not: docker 25.0.0 left them out (https://github.com/moby/moby/issues/47065).
   */
  function imageTest(config: Digest, layers: number, signal?: AbortSignal): (entry: Descriptor) => Promise<boolean> {
    const seen = new Set<Digest>();
    return async function isIt(entry) {
      // an index may name platforms that the archive leaves out
      if (!isManifest(entry.mediaType) || seen.has(entry.digest) || blob(entry.digest) === undefined) return false;
      seen.add(entry.digest);
      const { manifest } = await readManifest(layout, entry, signal);
      if (manifest.kind === "image") return manifest.config.digest === config && manifest.layers.length === layers;
      for (const child of childrenOf(manifest)) if (await isIt(child)) return true;
      return false;
    };
  }

  return {
    ...layout,

    async resolve(reference, signal) {
      signal?.throwIfAborted();
      if (!isDigest(reference)) return resolveItem(choose(items, reference, name), signal);
      // nobody knows the digest of a manifest before the image is given it
      if (blob(reference) === undefined) for (const item of items) await resolveItem(item, signal);
      return layout.resolve(reference, signal);
    },

    async *tags(signal) {
      signal?.throwIfAborted();
      yield* new Set(items.flatMap(({ names }) => names.map(formatReference)));
    },
  };
}

/** As skopeo does: https://github.com/containers/image/blob/v5.36.0/docs/containers-transports.5.md */
function choose(items: readonly DockerItem[], reference: string, archive: string): DockerItem {
  const found = matching(items, reference);
  const [first] = found;
  const list = items.map(({ names }, position) =>
    names[0] === undefined ? `@${position}` : formatReference(names[0]),
  );
  const named = list.join(", ").slice(0, 300);
  if (first === undefined) {
    throw new RejectedError(
      "CONTENT_UNKNOWN",
      `Cannot find "${reference.slice(0, 200)}" in ${archive}: it holds ${named || "no image"}`,
    );
  }
  if (found.some(({ config }) => config !== first.config)) {
    throw new RejectedError(
      "REFERENCE_INVALID",
      `Cannot choose "${reference.slice(0, 200)}" in ${archive}: it may be any of ${named}`,
    );
  }
  return first;
}

function matching(items: readonly DockerItem[], reference: string): readonly DockerItem[] {
  if (reference === "") return items;
  const position = /^@(\d{1,6})$/.exec(reference)?.[1];
  if (position !== undefined) return items.slice(Number(position), Number(position) + 1);
  const wanted = formatReference({ tag: "latest", ...parseReference(reference) });
  return items.filter(({ names }) => names.some((name) => formatReference(name) === wanted));
}
