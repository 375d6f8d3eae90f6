import { imagesOnDisk } from "./images-on-disk.ts";

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

/** The storage of a registry that holds {@linkcode imageNames}. @returns its directory */
export const mirroredOnDisk = (): Promise<string> => imagesOnDisk(`mirror-${VERSION}`, imageNames.map(imageOf));

const imageOf = (name: string, position: number) => ({
  name,
  layers: [
    ...BASE.map((size) => layerOf(`base ${Math.floor(position / FAMILY)}`, size)),
    ...OWN.map((size) => layerOf(`own ${position}`, size)),
  ],
});

/** @param size in megabytes */
const layerOf = (seed: string, size: number) => ({ seed: `${seed} ${size}`, bytes: size * 1e6 });
