import { RejectedError } from "../errors.ts";
import { parseLock, releaseKeys } from "../images/index.ts";
import { type Reader, readObject } from "../store/index.ts";
import type { BundlePlan } from "./plan.ts";

const MAX_LOCK = 64 * 1024 * 1024;

/**
 * Hold the images of a plan against the lock of the release, where one was made: what was reviewed is what is shipped.
 *
 * @throws RejectedError IMAGES_MOVED naming each tag that names something else than it did; LIST_INVALID
 */
export async function requireLocked({ release, sets }: BundlePlan, store: Reader, signal: AbortSignal): Promise<void> {
  const { lock: key } = releaseKeys(release);
  if ((await store.stat(key, signal)) === undefined) return;
  const lock = parseLock(Buffer.from(await readObject(store, key, MAX_LOCK, signal)).toString("utf8"));
  const locked = new Map(lock.images.map(({ image, digest }) => [image, digest]));
  const moved = sets
    .flatMap(({ images }) => images)
    .flatMap(({ image, origin }) => {
      const digest = locked.get(image) ?? origin.digest;
      return digest === origin.digest ? [] : [`${image} was ${digest} and is ${origin.digest}`];
    });
  if (moved.length === 0) return;
  throw new RejectedError(
    "IMAGES_MOVED",
    `Cannot bundle images that are not those of ${key}: ${[...new Set(moved)].sort().join("; ")}`,
  );
}
