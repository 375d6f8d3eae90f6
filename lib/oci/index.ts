export { openImageArchive } from "./archive.ts";
export { ArchiveCheck } from "./archive-check.ts";
export { openBaseImage } from "./base-image.ts";
export { readBlob } from "./blob-check.ts";
export * from "./build.ts";
export { concurrently } from "./concurrently.ts";
export type { Bytes, OpenOptions, PutOptions, Source, Target } from "./content.ts";
export { copy } from "./copy.ts";
export {
  type Descriptor,
  type Digest,
  describe,
  digestOf,
  hexOf,
  isDigest,
  isIndex,
  isManifest,
  mediaTypes,
  type Platform,
  parseDigest,
} from "./descriptor.ts";
export { type Destination, openDestination, rehearseDestination } from "./destination.ts";
export { openDockerArchive } from "./docker-archive.ts";
export { dryRun } from "./dry-run.ts";
export { type Graph, type GraphOptions, platformOf, readGraph } from "./graph.ts";
export { type ArchivedImage, contentSegment, imageArchive } from "./image-archive.ts";
export { openLayout } from "./layout.ts";
export {
  childrenOf,
  type ImageIndex,
  type ImageManifest,
  MAX_MANIFEST_BYTES,
  type Manifest,
  parseManifest,
  readAll,
  readManifest,
} from "./manifest.ts";
export { type Place, parsePlace } from "./places.ts";
export { formatPlatform } from "./platform.ts";
export {
  formatReference,
  isHost,
  isRepository,
  isTag,
  parseReference,
  type Reference,
  readReference,
  tagOrDigest,
} from "./reference.ts";
export type { Registries } from "./registries.ts";
export { openRegistries, type RegistrySettings } from "./registry/registries.ts";
export { type Sleep, sleepFor } from "./registry/retry.ts";
export { createSingleFlight, type SingleFlight } from "./registry/single-flight.ts";
export { createRegistryHandler, type RegistryChange, registryServerOptions } from "./server/registry-handler.ts";
export { type OpenedSource, openSourcePlace } from "./source-place.ts";
export {
  type BlobEvent,
  type CopyOptions,
  type CopyResult,
  createTransfer,
  type Progress,
  type Transfer,
  type TransferOptions,
} from "./transfer.ts";
export { openTree, type Tree } from "./tree.ts";
export { blobPath, repositoryPaths } from "./tree-paths.ts";
export { Turns } from "./turns.ts";
export { observed } from "./verify.ts";
