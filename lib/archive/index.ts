export { gzipStored } from "./gzip-stored.ts";
export { type HashingSegment, hashing } from "./hashing.ts";
export { gunzipBounded, type InflateLimits, inflated } from "./inflated.ts";
export { type EntryType, pathProblem, targetProblem } from "./paths.ts";
export { type ReadEntry, readTar } from "./read-tar.ts";
export { type FoundEntry, scanTar } from "./scan-tar.ts";
export { bytesSegment, concat, late, type Segment } from "./segments.ts";
export { type TarEntry, type TarOptions, tar } from "./tar.ts";
export type { EntryHead, ReadLimits } from "./tar-entries.ts";
