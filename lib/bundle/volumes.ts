import { type HashingSegment, hashing, type Segment, slice } from "../archive/index.ts";
import { RejectedError } from "../errors.ts";

export interface Volume {
  readonly key: string;
  readonly body: HashingSegment;
}

/** More would not sort by name. */
export const MOST_VOLUMES = 999;

/** The key of a volume, counted from 1: `cat KEY.*` joins them in their order. */
export const volumeKey = (key: string, number: number): string => `${key}.${`${number}`.padStart(3, "0")}`;

/**
 * A file cut into volumes of a size; the last one is smaller.
 *
 * @throws RejectedError RELEASE_INVALID when there would be more than 999
 */
export function volumesOf(key: string, whole: Segment, size: number): readonly Volume[] {
  const count = Math.max(1, Math.ceil(whole.size / size));
  if (count > MOST_VOLUMES) {
    throw new RejectedError(
      "RELEASE_INVALID",
      `Cannot split ${whole.size} bytes into volumes of ${size}: there would be ${count}, more than ${MOST_VOLUMES}`,
    );
  }
  return Array.from({ length: count }, (_, position) => {
    const start = position * size;
    return {
      key: volumeKey(key, position + 1),
      body: hashing(slice(whole, start, Math.min(start + size, whole.size))),
    };
  });
}
