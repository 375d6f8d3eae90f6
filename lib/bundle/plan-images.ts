import { RejectedError, TransientError } from "../errors.ts";
import { describeDefect, readLists } from "../images/index.ts";
import {
  concurrently,
  type Descriptor,
  formatPlatform,
  formatReference,
  type Graph,
  parseReference,
  platformOf,
  type Reference,
  type Registries,
  readGraph,
  type Source,
  tagOrDigest,
} from "../oci/index.ts";
import type { Files } from "./files.ts";
import type { Place, Problems } from "./problems.ts";
import type { Release } from "./release-schema.ts";
import { fill, releaseValues } from "./templates.ts";

/** An image that a description names. */
export interface WantedImage {
  /** Normalised reference. */
  readonly image: string;
  /** What it is called in the package; default: the reference. */
  readonly as?: Reference | undefined;
  /** Of its own archive; a template. */
  readonly path?: string | undefined;
  readonly platforms?: readonly string[] | undefined;
  /** Leave what is not of `platforms` out of indexes too. */
  readonly rewriteIndex?: boolean | undefined;
}

/** What an image was when its registry was asked. */
export interface ResolvedImage {
  readonly source: Source;
  /** What the reference named. */
  readonly origin: Descriptor;
  /** What is bundled of it: another index where that was rewritten. */
  readonly root: Descriptor;
  readonly graph: Graph;
  /** Sorted. */
  readonly platforms: readonly string[];
}

export interface PlannedImage extends Omit<WantedImage, "platforms">, ResolvedImage {}

/** What a set of a description says about its images. */
type NamedImages = Pick<Release["sets"][number], "images" | "lists" | "platforms" | "rewriteIndex"> & {
  readonly at: Place;
};

/** How many manifests are asked for at once. */
const CONCURRENCY = 8;

/** The images that a set names and that its lists name. Problems are added, not thrown. */
export async function wantedOf(
  { images, lists, platforms, rewriteIndex, at }: NamedImages,
  release: Release,
  reader: Files,
  problems: Problems,
  signal: AbortSignal,
): Promise<WantedImage[]> {
  const wanted: WantedImage[] = [];
  const seen = new Map<string, string>();
  for (const [position, { image: text, as: alias, path }] of images.entries()) {
    const place = [...at, "images", position];
    const image = readName(text, release, problems, [...place, "image"]);
    const as = alias === undefined ? undefined : readName(alias, release, problems, [...place, "as"]);
    if (image === undefined || (alias !== undefined && as === undefined)) continue;
    const name = formatReference(as ?? image);
    if (seen.has(name)) problems.add(place, `${name} is ${seen.get(name)} already`);
    seen.set(name, place.join("."));
    wanted.push({ image: formatReference(image), as, path, platforms, rewriteIndex });
  }
  for (const [position, entry] of lists.entries()) {
    const place = [...at, "lists", position, "list"];
    const listed = await imagesOfList(entry, release, reader, problems, place, signal);
    wanted.push(...listed.map((image) => ({ image, platforms, rewriteIndex })));
  }
  return wanted;
}

function readName(text: string, release: Release, problems: Problems, at: Place): Reference | undefined {
  const filled = fill(text, releaseValues(release));
  if ("problem" in filled) {
    problems.add(at, filled.problem);
    return undefined;
  }
  try {
    const reference = parseReference(filled.text);
    if (reference.tag !== undefined || reference.digest !== undefined) return reference;
    problems.add(at, `"${filled.text}" has neither tag nor digest`);
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    problems.add(at, error.message);
  }
  return undefined;
}

async function imagesOfList(
  { list, form, registry }: Release["lists"][number],
  release: Release,
  reader: Files,
  problems: Problems,
  at: Place,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const key = fill(list, releaseValues(release));
  if ("problem" in key) {
    problems.add(at, key.problem);
    return [];
  }
  try {
    const { images, defects, errors } = await readLists(
      [{ file: key.text, open: async (stop) => (await reader.get(key.text, { signal: stop })).body }],
      { form, projects: ["*"] },
      signal,
    );
    // the schema has a registry where lines have none
    if (errors === 0) return images.map((image) => formatReference({ registry: registry ?? "", ...image }));
    const worst = defects.filter(({ severity }) => severity === "error").slice(0, 10);
    problems.add(at, worst.map(describeDefect).join(", "));
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    problems.add(at, error.message);
  }
  return [];
}

/**
 * Ask the registries for all images, each once.
 *
 * @throws RejectedError IMAGES_MISSING naming every image that cannot be had
 */
export async function resolveImages(
  images: readonly WantedImage[],
  registries: Registries,
  signal: AbortSignal,
): Promise<(image: WantedImage) => ResolvedImage> {
  const keyOf = ({ image, platforms = [], rewriteIndex = false }: WantedImage): string =>
    [image, rewriteIndex, ...platforms].join(" ");
  const distinct = new Map(images.map((image) => [keyOf(image), image]));
  const found = new Map<string, ResolvedImage>();
  const missing: string[] = [];
  await concurrently(
    [...distinct],
    CONCURRENCY,
    async ([key, { image, platforms, rewriteIndex: rewrite }], stop) => {
      const reference = parseReference(image);
      const source = registries.repository(reference.registry, reference.repository);
      try {
        const origin = await source.resolve(tagOrDigest(reference), stop);
        const graph = await readGraph(source, origin, { platforms, rewrite, signal: stop });
        const { root } = graph;
        found.set(key, { source, origin, root, graph, platforms: await platformsOf(source, graph, stop) });
      } catch (error) {
        if (!(error instanceof RejectedError)) throw error;
        missing.push(`${image} (${error.message})`);
      }
    },
    signal,
  );
  if (missing.length > 0) {
    throw new RejectedError(
      "IMAGES_MISSING",
      `Cannot bundle ${missing.length} of ${distinct.size} images: ${missing.sort().join("; ")}`,
    );
  }
  return (image) => found.get(keyOf(image))!;
}

/** Those of which the images are there; an image without index has its platform only in its config. */
async function platformsOf(
  source: Source,
  { root, manifests }: Graph,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const here = new Map(manifests.map(({ descriptor, manifest }) => [descriptor.digest, manifest]));
  const top = here.get(root.digest);
  const platforms =
    top?.kind === "image"
      ? [await platformOf(source, top.config, signal)]
      : (top?.manifests ?? []).filter(({ digest }) => here.has(digest)).map(({ platform }) => platform);
  const known = platforms.filter((platform) => platform !== undefined && platform.os !== "unknown");
  return [...new Set(known.map((platform) => formatPlatform(platform!)))].sort();
}

/**
 * Ask once more what every tag names: a bundle is of one moment.
 *
 * @throws TransientError IMAGES_MOVED naming each tag that names something else now
 */
export async function requireUnmoved(images: readonly PlannedImage[], signal?: AbortSignal): Promise<void> {
  const tagged = new Map(images.map((image) => [image.image, image]));
  const moved: string[] = [];
  await concurrently(
    [...tagged.values()],
    CONCURRENCY,
    async ({ image, source, origin }, stop) => {
      const now = await source.resolve(tagOrDigest(parseReference(image)), stop);
      if (now.digest !== origin.digest) moved.push(`${image} was ${origin.digest} and is ${now.digest}`);
    },
    signal,
  );
  if (moved.length === 0) return;
  throw new TransientError("IMAGES_MOVED", `Cannot bundle images that changed meanwhile: ${moved.sort().join("; ")}`);
}
