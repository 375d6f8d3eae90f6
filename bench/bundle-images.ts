import { type BenchImage, imagesOnDisk } from "./images-on-disk.ts";

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

/** The storage of a registry that holds the images of {@linkcode releases}. @returns its directory */
export const releasesOnDisk = (): Promise<string> =>
  imagesOnDisk(`bundle-${TOTAL}`, [...new Set(Object.values(releases).flat())].map(imageOf));

function imageOf(name: string): BenchImage {
  const [repository = ""] = name.split(":");
  const number = Number(repository.split("-")[1]);
  const seeds = [`base ${Math.floor((number - 1) / FAMILY)}`, `${repository} first`, `${name} last`];
  return { name, layers: seeds.map((seed) => ({ seed, bytes: Math.round(PART * 1e6) })) };
}
