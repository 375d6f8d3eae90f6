export { checkPresence, type LockResult, lockImages } from "./at-registries.ts";
export {
  CHARTS_AT_ONCE,
  type ChartFinder,
  chartInRegistry,
  chartOnDisk,
  imagesOfChart,
  type ListedChart,
  type ListedImages,
  listChart,
} from "./chart-images.ts";
export { findClusterImage } from "./cluster-image.ts";
export { type DeclaredChart, findDeclared } from "./declared.ts";
export {
  type ComparedImage,
  compareHostless,
  compareImages,
  type ImagesDifference,
  readCompared,
} from "./difference.ts";
export { type FindOptions, findImages, type ManifestObjects, type ManifestSource, type ManifestText } from "./find.ts";
export {
  countImages,
  type Finding,
  type Findings,
  MAX_REASONS,
  type Presence,
  type Reason,
  type Status,
  statuses,
  type Unresolved,
  uniteFindings,
} from "./finding.ts";
export type { FindingsStore } from "./findings-cache.ts";
export {
  formatDifference,
  formatList,
  formatTable,
  readImages,
  requiredImages,
  withoutRegistry,
} from "./image-list.ts";
export { findListed } from "./listed.ts";
export {
  type ListingPlaces,
  listAndKeepRelease,
  listCharts,
  type ReleaseListing,
  whyIncomplete,
} from "./listing.ts";
export * from "./lists.ts";
export { formatLock, type ImagesLock, imagesLockSchema, type LockedImage, parseLock } from "./lock.ts";
export type { ExploreOptions } from "./optional/explore.ts";
export { findPlaceholders } from "./placeholders.ts";
export { readManifests } from "./read-manifests.ts";
export { imagesNamedBy, listRelease, openCharts, type ReleaseCharts, type ReleaseImages } from "./release-images.ts";
export { countChanges, type ReleaseDifference, type ReleaseName, releaseKeys } from "./release-lists.ts";
export { imageRules, type RuleName } from "./rules.ts";
export { noRules, type Selected, select } from "./selection.ts";
export { checkSelection, readSelection, type Selection, selectionSchema } from "./selection-rules.ts";
export { findShimImages } from "./shim.ts";
