export { openImageArchive } from "./archive.ts";
export * from "./build.ts";
export { concurrently } from "./concurrently.ts";
export type { Bytes, OpenOptions, PutOptions, Source, Target } from "./content.ts";
export { type CopyOptions, type CopyResult, copy } from "./copy.ts";
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
export { type Graph, type GraphOptions, readGraph } from "./graph.ts";
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
export {
  type OpenedSource,
  type OpenedTarget,
  openSourcePlace,
  openTargetPlace,
  type Place,
  parsePlace,
} from "./places.ts";
export { formatPlatform } from "./platform.ts";
export {
  formatReference,
  isHost,
  isRepository,
  isTag,
  parseReference,
  type Reference,
  tagOrDigest,
} from "./reference.ts";
export type { Registries } from "./registries.ts";
export { openRegistries, type RegistrySettings } from "./registry/registries.ts";
export { createRegistryHandler, type RegistryChange, registryServerOptions } from "./server/registry-handler.ts";
export { openTree, type Tree } from "./tree.ts";
