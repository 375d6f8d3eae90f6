export { gzipStored } from "./gzip-stored.ts";
export { type HashingSegment, hashing } from "./hashing.ts";
export { gunzipBounded, type InflateLimits, inflated } from "./inflated.ts";
export type { EntryType } from "./paths.ts";
export { type ReadEntry, type ReadLimits, readTar } from "./read-tar.ts";
export { bytesSegment, concat, late, type Segment } from "./segments.ts";
export { type TarEntry, type TarOptions, tar } from "./tar.ts";
